package kd

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/eval"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// Config describes a session.
type Config struct {
	// Open opens the target, which the session closes.
	Open func(ctx context.Context, o OpenOptions) (*target.Target, error)
	// Symbols and Images are the paths at the beginning.
	Symbols, Images string
	// Process names the process at the beginning, see [target.Options]; empty for the one
	// that ran.
	Process string
	// Name is what the target was named by, to be shown.
	Name string
	Out  io.Writer
	// Flush hands over what was written to Out, behind each command of a script; nil
	// does nothing.
	Flush func()
	// Run runs a subcommand of symres on the same target, for .symres; nil if there
	// are none.
	Run func(ctx context.Context, args []string, out io.Writer) error
}

// OpenOptions say how the target is opened.
type OpenOptions struct {
	Symbols, Images string
	Process         string          // see [target.Options]
	Modules         []symres.Module // that the user named
	Warn            func(error)
}

// Session is one session. It belongs to one goroutine.
type Session struct {
	cfg             Config
	symbols, images string
	fixed           string          // the element of symbols that .symfix put there
	added           []symres.Module // by .reload
	target          *target.Target
	process         nt.Process // the implicit one, zero for none
	here            target.Thread
	thread          target.Thread // the current one, or that of .cxr and .ecxr
	set             bool          // its registers were set by a command
	peb             error         // why the PEB could not be read
	noUser          bool          // the user's modules were not listed
	noisy           bool
	options         uint32 // of symbols
	radix           int
	last            uint64     // value of the last expression
	value           uint64     // read last by a command that shows memory
	user            [20]uint64 // $t0 to $t19
	next            uint64     // where a command that shows memory goes on
	nextCode        uint64
	log             *os.File
	failed          bool // a command failed
	depth           int  // of scripts in scripts
	lines           int
	quit            bool
	started         time.Time
}

// defaultOptions are the options of symbols that the debugger begins with.
const defaultOptions = 0x30227

// loadLines is the option that has source lines shown, with the functions that were
// inlined there (SYMOPT_LOAD_LINES).
const loadLines = 0x10

// New opens the target and returns a session on it.
func New(ctx context.Context, cfg Config) (*Session, error) {
	s := &Session{cfg: cfg, symbols: cfg.Symbols, images: cfg.Images, radix: 16, options: defaultOptions, started: time.Now()}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if s.kernel() != nil {
		s.loadKernel(ctx)
	}
	if s.kernel() != nil && s.here.Running {
		_, _ = s.target.Frames(ctx, s.here, target.FrameOptions{Depth: defaultFrames}) // loads the modules that are on the stack, as the debugger does to say whose fault it was
	}
	return s, nil
}

// Close closes the target and the log.
func (s *Session) Close() error {
	err := s.target.Close()
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}

// Failed reports whether a command failed.
func (s *Session) Failed() bool { return s.failed }

// Ended reports whether the session was told to end.
func (s *Session) Ended() bool { return s.quit }

// open opens the target with the paths there are, in the context of the process
// there is, or else of the one that ran.
func (s *Session) open(ctx context.Context) error {
	o := OpenOptions{Symbols: s.symbols, Images: s.images, Modules: s.added, Warn: func(error) {}}
	t, err := s.cfg.Open(ctx, o)
	if err != nil {
		return err
	}
	s.peb, s.noUser = nil, false
	here := firstThread(ctx, t)
	if s.target == nil || !s.set {
		s.thread = here
	}
	s.here = here
	if t.Kernel() != nil {
		t = s.inProcess(ctx, t, o)
	}
	if s.target != nil {
		s.target.Close()
	}
	s.target = t
	return nil
}

func firstThread(ctx context.Context, t *target.Target) target.Thread {
	for th, err := range t.Threads(ctx) {
		if err == nil {
			return th
		}
	}
	return target.Thread{}
}

// inProcess opens the target again as the process sees it. Where its structures
// cannot be read the target stays as it is.
func (s *Session) inProcess(ctx context.Context, t *target.Target, o OpenOptions) *target.Target {
	process := s.process
	if process.Address == 0 {
		found, err := t.Kernel().CurrentProcess()
		if err != nil {
			return t
		}
		process = found
	}
	o.Process = fmt.Sprintf("0x%x", process.Address)
	o.Warn = s.warned
	in, err := s.cfg.Open(ctx, o)
	if err != nil || in.View() == nil {
		return t
	}
	t.Close()
	s.process = in.View().Process()
	if s.peb != nil {
		s.noUser = true
		s.dropUser(in)
	}
	return in
}

// warned keeps why the list of modules of the process could not be read. symres has
// them from the VADs; the debugger, and the session with it, has none.
func (s *Session) warned(err error) {
	if road, ok := errors.AsType[*target.RoadWarning](err); ok && road.Modules.PEB != nil {
		s.peb = road.Modules.PEB
	}
}

// dropUser takes the modules of the process out of a session.
func (s *Session) dropUser(t *target.Target) {
	for _, r := range t.Session().Modules() {
		if r.Module.OfProcess {
			_ = t.Session().Remove(r.Module.Name) // it is there
		}
	}
}

// memory is the memory of the current process.
func (s *Session) memory(ctx context.Context) memsource.Source {
	if m := s.target.Memory(); m != nil {
		return memsource.Bind(ctx, m)
	}
	return nil
}

// read reads memory, which may not be there.
func (s *Session) read(ctx context.Context, b []byte, addr uint64) (int, error) {
	m := s.memory(ctx)
	if m == nil {
		return 0, errNoMemory
	}
	return m.ReadMemory(b, s.narrow(addr))
}

var errNoMemory = errors.New("the target has no memory")

// arch is the machine of the target or, where that has none, of its threads.
func (s *Session) arch() uint16 {
	return cmp.Or(s.target.Machine(), uint16(s.here.Context.Machine))
}

func (s *Session) bits() int {
	if m := unwind.Machine(s.arch()); s.target.Machine() == 0 && (m == unwind.X64 || m == unwind.ARM64) {
		return 64
	}
	return s.target.Bits()
}

func (s *Session) kernel() *nt.Kernel { return s.target.Kernel() }

// narrow cuts an address to the target's width.
func (s *Session) narrow(addr uint64) uint64 {
	if s.bits() == 32 {
		return uint64(uint32(addr))
	}
	return addr
}

// addr spells an address as the debugger does: fe0c8000, fffff800`02a00000.
func (s *Session) addr(v uint64) string {
	if s.bits() == 32 {
		return fmt.Sprintf("%08x", uint32(v))
	}
	return fmt.Sprintf("%08x`%08x", v>>32, uint32(v))
}

// plain spells an address without a back-tick, as extensions do.
func (s *Session) plain(v uint64) string {
	return fmt.Sprintf("%0*x", s.bits()/4, s.narrow(v))
}

// env is what expressions speak of.
func (s *Session) env(ctx context.Context) *eval.Env {
	env := s.target.Env(ctx, s.thread)
	env.Memory, env.Radix = s.target.Memory(), s.radix
	pseudo := env.Pseudo
	env.Pseudo = func(ctx context.Context, name string) (eval.Pseudo, bool, error) {
		switch name {
		case "$exp":
			return eval.Pseudo{Value: s.last}, true, nil
		case "$p":
			return eval.Pseudo{Value: s.value}, true, nil
		}
		var n int
		if _, err := fmt.Sscanf(name, "$t%d", &n); err == nil && n >= 0 && n < len(s.user) && name == fmt.Sprintf("$t%d", n) {
			return eval.Pseudo{Value: s.user[n]}, true, nil
		}
		return pseudo(ctx, name)
	}
	return env
}

// number evaluates an expression. Something behind it is an error.
func (s *Session) number(ctx context.Context, expr string) (uint64, error) {
	v, err := eval.MASM(ctx, s.env(ctx), expr)
	return v.Uint, err
}

// printf writes lines. What comes from the target in its arguments is escaped, line by
// line.
func (s *Session) printf(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		end := ""
		if strings.HasSuffix(line, "\n") {
			line, end = line[:len(line)-1], "\n"
		}
		s.write(text.EscapeLine(line) + end)
	}
}

func (s *Session) write(text string) {
	_, _ = io.WriteString(s.cfg.Out, text) // nobody to tell
	if s.log != nil {
		_, _ = s.log.WriteString(text)
	}
}

// Typed writes a line that was typed at the prompt to the log, where there is one.
func (s *Session) Typed(line string) {
	if s.log != nil {
		_, _ = s.log.WriteString("kd> " + line + "\n") // nobody to tell
	}
}

// refused is an answer that is an error, in the debugger's words or ours.
type refused struct{ text string }

func (e *refused) Error() string { return e.text }

func refuse(format string, args ...any) error { return &refused{fmt.Sprintf(format, args...)} }

// Execute runs the commands of a line. A command that fails says so and ends the
// line; an error is that of ctx.
func (s *Session) Execute(ctx context.Context, line string) error {
	for _, c := range Split(line) {
		err := s.run(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.failed = true
			s.printf("%s\n", s.complaint(err, c))
			return nil
		}
		if s.quit {
			return nil
		}
	}
	return nil
}

// complaint is the line that shows an error.
func (s *Session) complaint(err error, c Command) string {
	if e, ok := errors.AsType[*eval.Error](err); ok {
		line := values.Refusal(err, c.String(), len("kd> "))
		if e.Cause != nil && s.noisy {
			line += "\n    " + e.Cause.Error()
		}
		return line
	}
	return err.Error()
}

// maxDepth bounds scripts that run scripts, maxScript their lines.
const (
	maxDepth  = 8
	maxScript = 100_000
)

// Script runs the lines of a script; with echo each is shown in front of what it
// answers.
func (s *Session) Script(ctx context.Context, r io.Reader, echo bool) error {
	if s.depth++; s.depth > maxDepth {
		return refuse("scripts are nested too deep")
	}
	defer func() { s.depth-- }()
	lines := bufio.NewScanner(r)
	for lines.Scan() && !s.quit {
		if s.lines++; s.lines > maxScript {
			return refuse("the script has more than %d lines", maxScript)
		}
		line := strings.TrimRight(lines.Text(), "\r")
		if echo {
			s.printf("kd> %s\n", line)
		}
		err := s.Execute(ctx, line)
		if s.cfg.Flush != nil {
			s.cfg.Flush()
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}
