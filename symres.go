package symres

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/filepool"
	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/load"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/vadmath"
)

// Config describes a target and where its symbols are. With the zero Config a
// session has no memory and no stores: modules can be added, but their symbols
// cannot be loaded.
type Config struct {
	// Memory is the target's virtual memory, or nil if it is not available.
	Memory MemorySource
	// Contexts reads images that Memory does not map, such as session-space
	// images, through a process that maps them. If it is nil, they are not
	// read.
	Contexts Contexts
	// Unloaded yields the target's list of unloaded modules, nil if it has no
	// such list. The first load reads it once. If a module that was added has
	// the range and name of an entry, the fields of the entry count for it.
	Unloaded iter.Seq2[Module, error]
	// Symbols is the symbol path.
	Symbols sympath.Store
	// Images is the image path, searched for image copies before Symbols;
	// nil means that Symbols alone is searched.
	Images sympath.Store
	// Check says how closely an on-disk copy must agree with the target.
	Check VersionCheck
	// Sources narrows where symbols are taken from: some of "pdb", "dwarf", "go", "coff",
	// "export" (imports too). If it is empty, all are used, and what an image
	// carries itself only if there is no PDB.
	Sources []string
	// Machine is the target's IMAGE_FILE_MACHINE_*; 0 means 4 KB pages.
	Machine uint16
	// Files holds the PDBs and images, and may be shared between Sessions; nil
	// gives the Session its own, with the default bounds.
	Files *Files
	// Logger gets one record for each step of a load; nil is silent.
	Logger *slog.Logger
}

// Contexts is a target with several address spaces, such as an nt.Kernel.
type Contexts = identify.Contexts

// Session resolves the symbols of one target. It is safe for concurrent use.
type Session struct {
	cfg      Config
	log      *slog.Logger
	pageSize uint64
	unloaded func() []Module // reads Config.Unloaded once
	files    *filepool.Pool  // of Config.Files, or the Session's own

	mu      sync.RWMutex    // guards the fields below
	modules []*module       // by base address
	names   map[string]bool // of modules, in lower case
	closed  bool
}

// NewSession returns a session without modules. The error says which field of
// the config is invalid.
func NewSession(cfg Config) (*Session, error) {
	if cfg.Check > CheckOff {
		return nil, fmt.Errorf("version check %d is none of known, strict, off", cfg.Check)
	}
	if err := load.Sources(cfg.Sources).Check(); err != nil {
		return nil, err
	}
	size := vadmath.Page4K
	if cfg.Machine != 0 {
		var err error
		if size, err = vadmath.PageSizeOf(cfg.Machine); err != nil {
			return nil, err
		}
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	files := cfg.Files
	if files == nil {
		files = NewFiles(FilesConfig{})
	}
	return &Session{
		files: files.pool, cfg: cfg, log: log, pageSize: uint64(size), names: map[string]bool{},
		unloaded: sync.OnceValue(func() []Module { return identify.ReadUnloaded(cfg.Unloaded) }),
	}, nil
}

// Config returns the session's configuration. Its stores open files through the
// session's Files, so these files count against the bounds.
func (s *Session) Config() Config {
	cfg := s.cfg
	cfg.Images, cfg.Symbols = s.files.Store(cfg.Images), s.files.Store(cfg.Symbols)
	return cfg
}

// Add adds a module to the session. Its memory and symbols are read when they
// are first needed. If the name is taken by a module at another base, `_` and
// the base are appended to it, as in WinDbg. The error wraps [ErrModuleExists]
// when the address range is taken.
func (s *Session) Add(m Module) error {
	m, err := validated(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	at, _ := slices.BinarySearchFunc(s.modules, m.Base, compareBase)
	if at < len(s.modules) && s.modules[at].Base-m.Base < m.Size || at > 0 && s.modules[at-1].Contains(m.Base) {
		return fmt.Errorf("%s at %s: %w", wtext.Printable(m.Name), hexaddr.Addr(m.Base), ErrModuleExists)
	}
	for s.names[strings.ToLower(m.Name)] {
		m.Name += fmt.Sprintf("_%x", m.Base)
	}
	s.names[strings.ToLower(m.Name)] = true
	s.modules = slices.Insert(s.modules, at, newModule(m))
	return nil
}

func compareBase(m *module, base uint64) int {
	switch {
	case m.Base < base:
		return -1
	case m.Base > base:
		return 1
	}
	return 0
}

// Modules returns a report on every module, by base address. Modules that
// were not asked for yet are [StatusDeferred].
func (s *Session) Modules() []*Report {
	s.mu.RLock()
	defer s.mu.RUnlock()
	reports := make([]*Report, len(s.modules))
	for i, m := range s.modules {
		reports[i] = m.report()
	}
	return reports
}

// Load loads a module's symbols now and returns the report. The name is the
// module name, the image's file name or an alias of the kernel, in any letter
// case. A module that failed before is tried again. The error wraps
// [ErrNoModule] or [ErrNoSymbols]; with [ErrNoSymbols] the report is returned
// too.
func (s *Session) Load(ctx context.Context, name string) (*Report, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	_, err = s.symbols(ctx, m, retryFailed)
	return m.report(), err
}

// PDB returns the PDB of a module, which is loaded first where it was not. It
// is good until the session is closed or the module removed; what it holds in
// memory when [Files] gives that up is then the caller's. Errors are those of [Session.Load], but
// a load that failed is not tried again. Safe for concurrent use.
func (s *Session) PDB(ctx context.Context, name string) (*pdb.File, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	syms, err := s.withPDB(ctx, m)
	return syms.pdb, err
}

func (s *Session) find(name string) (*module, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	// The name itself wins: foo and foo_fe0c8000 are both loaded from foo.sys.
	i := slices.IndexFunc(s.modules, func(m *module) bool { return strings.EqualFold(m.Name, name) })
	if i < 0 {
		i = slices.IndexFunc(s.modules, func(m *module) bool { return m.Called(name) })
	}
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoModule)
	}
	return s.modules[i], nil
}

// at returns the module that covers addr.
func (s *Session) at(addr uint64) (*module, error) {
	unloaded := s.unloaded() // before the lock: the first time it is read
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	i, ok := slices.BinarySearchFunc(s.modules, addr, compareBase)
	if !ok {
		i--
	}
	if i < 0 || !s.modules[i].Contains(addr) {
		return nil, identify.OrUnloaded(fmt.Errorf("%s: %w", hexaddr.Addr(addr), ErrNoModule), unloaded, addr)
	}
	return s.modules[i], nil
}
