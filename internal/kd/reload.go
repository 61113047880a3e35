package kd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

// reopen opens the target again, with the paths there are now.
func (s *Session) reopen(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return refuse("%v", err)
	}
	return nil
}

// reloadOptions are the flags of .reload.
type reloadOptions struct {
	force, unload, user, list, current bool
	kernel, verbose                    bool // the kernel's modules alone; what is added is shown
	names                              []string
}

func reloadArguments(args string) (o reloadOptions, err error) {
	for _, w := range words(args) {
		flag, isFlag := strings.CutPrefix(w, "/")
		switch {
		case !isFlag:
			o.names = append(o.names, w)
		case flag == "f" || flag == "i":
			o.force = true
		case flag == "u":
			o.unload = true
		case flag == "user":
			o.user = true
		case flag == "l":
			o.list = true
		case flag == "d":
			o.current = true
		case flag == "n":
			o.kernel = true
		case flag == "v":
			o.verbose = true
		case flag == "o" || flag == "s" || flag == "unl" || flag == "w" || flag == "P":
		default:
			return o, refuse("Reload: Unknown option '%s'", flag)
		}
	}
	return o, nil
}

func (s *Session) reload(ctx context.Context, c Command) error {
	o, err := reloadArguments(c.Args)
	switch {
	case err != nil:
		return err
	case o.unload:
		return s.unload(o.names)
	case len(o.names) > 0:
		return s.reloadNamed(ctx, o)
	case o.user:
		return s.reloadUser(ctx)
	case o.list:
		return s.listImages(ctx)
	}
	return s.reloadAll(ctx, o)
}

// reloadAll makes all modules known anew. Those that the user named are gone.
func (s *Session) reloadAll(ctx context.Context, o reloadOptions) error {
	if o.current {
		s.printf("Reloading current modules\n%s\n", dots(len(s.target.Session().Modules()), 0))
		return s.reopen(ctx)
	}
	s.added = nil
	if err := s.reopen(ctx); err != nil {
		return err
	}
	kernel := s.kernel() != nil
	if kernel {
		s.loadKernel(ctx)
		s.printf("Loading Kernel Symbols\n")
	}
	list := s.target.Session().Modules()
	if kernel {
		s.printf("%s\n", dots(s.count(list, false), 1)) // the kernel was loaded before
	} else {
		s.printf("%s\n", dots(len(list), 0))
	}
	if o.force {
		for _, r := range list {
			if err := s.load(ctx, r.Module.Name); err != nil {
				return err
			}
		}
	} else {
		s.headersOut(ctx, list)
	}
	if !kernel {
		return nil
	}
	if !o.kernel {
		s.printf("Loading User Symbols\n")
		s.userModules(list)
	}
	s.printf("Loading unloaded module list\n")
	if n := s.unloaded(); n > 0 {
		s.printf("%s\n", dots(n, 0))
	}
	return nil
}

// maxDots is how many modules are counted in dots.
const maxDots = 4096

// dots has a dot for each of n modules but the first few, 64 modules a line.
func dots(n, first int) string {
	var b strings.Builder
	for i := first; i < min(n, maxDots); i++ {
		if b.WriteByte('.'); i%64 == 63 && i+1 < n {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (s *Session) count(list []*symres.Report, user bool) (n int) {
	for _, r := range list {
		if r.Module.OfProcess == user {
			n++
		}
	}
	return n
}

// loadKernel loads the kernel's symbols, which the debugger always does.
func (s *Session) loadKernel(ctx context.Context) {
	if _, err := s.target.Session().Load(ctx, "nt"); err != nil && s.noisy {
		s.printf("%v\n", err)
	}
}

// headersOut says of the drivers whose image header is paged out and whose symbols
// nothing else tells, as debuggers before 6.12 did.
func (s *Session) headersOut(ctx context.Context, list []*symres.Report) {
	for _, r := range list {
		if r.Module.OfProcess || s.kernel() == nil {
			continue
		}
		f, err := s.target.Session().Identify(ctx, r.Module.Name)
		if err != nil || f.CodeView != nil {
			continue
		}
		if fault, ok := errors.AsType[*memsource.Fault](f.HeaderErr); ok {
			s.printf("Unable to read image header for %s at %s - NTSTATUS 0xC0000001\n", r.Module.Image, s.addr(r.Module.Base))
			if s.noisy {
				s.printf("SYMRES:  %v\n", fault)
			}
		}
	}
}

// userModules shows what became of the modules of the process.
func (s *Session) userModules(list []*symres.Report) {
	if err := s.peb; err != nil {
		s.printf("%s\n", s.pebLine(err))
		return
	}
	if n := s.count(list, true); n > 0 {
		s.printf("%s\n", dots(n, 0))
	}
}

// pebLine is what the debugger says where the loader's list is out.
func (s *Session) pebLine(err error) string {
	out, ok := errors.AsType[*nt.PEBError](err)
	if !ok {
		return err.Error()
	}
	return pebText(out, s)
}

func (s *Session) unloaded() (n int) {
	for _, err := range s.target.Unloaded() {
		if err == nil {
			n++
		}
	}
	return n
}

// reloadUser makes the modules of the process known anew.
func (s *Session) reloadUser(ctx context.Context) error {
	s.printf("Loading User Symbols\n")
	s.forgetUser()
	before := s.target.Session().Modules()
	if err := s.reopen(ctx); err != nil {
		return err
	}
	s.loadAgain(ctx, before)
	s.userModules(s.target.Session().Modules())
	return nil
}

// listImages is the list of .reload /l.
func (s *Session) listImages(ctx context.Context) error {
	if err := s.reopen(ctx); err != nil {
		return err
	}
	s.loadKernel(ctx)
	s.printf("System Driver and Image Summary\n%-*s Code Size      Data Size      Image Name        Creation Time\n", s.bits()/4+s.bits()/64, "Base")
	for _, r := range s.target.Session().Modules() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m := &r.Module; !m.OfProcess && m.Origin != "command" {
			h, err := s.readHeader(ctx, m.Base)
			var code, data uint64
			stamp := "unavailable"
			if err == nil {
				code, data = h.u32(h.optional+4), h.u32(h.optional+8)
				stamp = time.Unix(int64(h.u32(h.file+4)), 0).UTC().Format("Mon Jan 02 15:04:05 2006")
			}
			s.printf("%s %6x (%4d k) %5x (%3d k) %12s  %s\n", s.addr(m.Base), code, (code+1023)/1024, data, (data+1023)/1024, m.Image, stamp)
		}
	}
	if s.kernel() != nil {
		s.printf("\nLoading User Symbols\n")
		s.userModules(s.target.Session().Modules())
	}
	s.listUnloaded(&moduleList{})
	return nil
}

// forgetUser drops what the user added of the process.
func (s *Session) forgetUser() {
	s.added = slices.DeleteFunc(s.added, func(m symres.Module) bool { return !s.ofKernel(m.Base) })
}

// ofKernel reports whether an address is in the kernel's half.
func (s *Session) ofKernel(addr uint64) bool { return s.narrow(addr)>>(s.bits()-1) == 1 }

// unload makes modules unknown.
func (s *Session) unload(names []string) error {
	for _, name := range names {
		if err := s.target.Session().Remove(name); err != nil {
			return refuse("Unable to find module '%s'", name)
		}
		s.added = slices.DeleteFunc(s.added, func(m symres.Module) bool { return m.Called(name) })
		s.printf("Unloaded %s\n", name)
	}
	return nil
}

// reloadNamed makes modules known as the user describes them, and loads their symbols with
// /f.
func (s *Session) reloadNamed(ctx context.Context, o reloadOptions) error {
	for _, arg := range o.names {
		name, err := s.describe(arg)
		if err != nil {
			return err
		}
		if !strings.Contains(arg, "=") {
			if err := s.forget(name); err != nil {
				return err
			}
		}
		if o.force {
			if err := s.load(ctx, name); err != nil {
				return err
			}
		}
		if o.verbose {
			s.showAdded(name)
		}
	}
	return nil
}

// showAdded shows a module as .reload /v does.
func (s *Session) showAdded(name string) {
	for _, r := range s.target.Session().Modules() {
		if m := &r.Module; m.Called(name) {
			known := func(v uint32, none uint32) uint32 {
				if r.HeaderErr != nil || r.Header == nil {
					return none
				}
				return v
			}
			s.printf("AddImage: %s\n DllBase  = %s\n Size     = %08x\n Checksum = %08x\n TimeDateStamp = %08x\n", cmp.Or(m.Path, m.Image), s.addr(m.Base), m.Size,
				known(r.CheckSum(), 0xffffffff), known(r.TimeDateStamp(), 0xfffffffe))
		}
	}
}

// describe adds a module of the form name=base,size to the session.
func (s *Session) describe(arg string) (name string, err error) {
	if !strings.Contains(arg, "=") {
		return arg, nil
	}
	r, err := vadmath.ParseReload(arg)
	if err != nil {
		return "", refuse("Invalid address or size: %v", err)
	}
	m := symres.Module{Image: r.Image, Base: s.narrow(r.Base), Size: r.Size, TimeDateStamp: r.TimeDateStamp, Origin: "command"}
	if m.Size == 0 {
		return "", refuse("%s: the size is missing: %s=BASE,SIZE", arg, r.Image)
	}
	for _, old := range s.target.Session().Modules() {
		if old.Module.Base < m.Base+m.Size && m.Base < old.Module.Base+old.Module.Size {
			_ = s.target.Session().Remove(old.Module.Name) // the new one takes its place
		}
	}
	if err := s.target.Session().Add(m); err != nil {
		return "", refuse("Unable to add module at %s: %v", s.addr(m.Base), err)
	}
	s.added = append(s.added, m)
	for _, r := range s.target.Session().Modules() {
		if r.Module.Base == m.Base {
			return r.Module.Name, nil
		}
	}
	return m.Image, nil
}

// forget makes a module deferred again.
func (s *Session) forget(name string) error {
	for _, r := range s.target.Session().Modules() {
		m := r.Module
		if !m.Called(name) {
			continue
		}
		if err := s.target.Session().Remove(m.Name); err != nil {
			return refuse("%v", err)
		}
		if err := s.target.Session().Add(m); err != nil {
			return refuse("%v", err)
		}
		return nil
	}
	if s.kernel() != nil && s.peb != nil {
		s.userModules(nil) // which are looked through too
	}
	return refuse("\n\"%s\" was not found in the image list.\nUnable to add module at %s", name, s.addr(0))
}

// load loads the symbols of a module, and says what became of it.
func (s *Session) load(ctx context.Context, name string) error {
	r, err := s.target.Session().Load(ctx, name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r == nil:
		return refuse("\"%s\" was not found in the image list.", name)
	}
	s.told(r, err)
	return nil
}

// loadQuietly loads the symbols of a module if it is there, as commands that need its types
// do.
func (s *Session) loadQuietly(ctx context.Context, name string) {
	for _, r := range s.target.Session().Modules() {
		if r.Module.Called(name) && r.Status == symres.StatusDeferred {
			_, _ = s.target.Session().Load(ctx, name) // without them is an answer too
		}
	}
}

// loadAgain loads what was loaded before the target was opened again.
func (s *Session) loadAgain(ctx context.Context, before []*symres.Report) {
	loaded := map[uint64]string{}
	for _, r := range before {
		if r.Status != symres.StatusDeferred {
			loaded[r.Module.Base] = r.Module.Name
		}
	}
	for _, r := range s.target.Session().Modules() {
		if loaded[r.Module.Base] == r.Module.Name && ctx.Err() == nil {
			_, _ = s.target.Session().Load(ctx, r.Module.Name) // as it was
		}
	}
}

// told shows the story of a load: its end, and with !sym noisy all of it.
func (s *Session) told(r *symres.Report, err error) {
	if s.noisy {
		for _, a := range r.Attempts {
			s.printf("DBGHELP: %s - %v\n", a.Location, a.Status)
		}
	}
	stamp := r.TimeDateStamp() == 0 || r.Identity < identify.IdentityImageKey
	switch {
	case err != nil:
		if stamp && r.HeaderErr != nil {
			s.printf("*** WARNING: Unable to verify timestamp for %s\n", r.Module.Image)
		}
		s.printf("*** ERROR: Module load completed but symbols could not be loaded for %s\n", r.Module.Image)
	case r.Defaulted():
		s.printf("*** ERROR: Symbol file could not be found.  Defaulted to export symbols for %s - \n", r.Module.Image)
	case stamp && r.HeaderErr != nil:
		s.printf("*** WARNING: Unable to verify timestamp for %s\n", r.Module.Image)
	}
	if s.noisy && err == nil {
		s.printf("DBGHELP: %s - %v, proof %v\n%s", r.Module.Name, r.Status, r.Proof, indented(r.PDB))
	}
}

func indented(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("         %s\n", text)
}
