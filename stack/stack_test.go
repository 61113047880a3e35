package stack_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// completed is the memory of a crashed program with the pages of its image, of
// which some are out.
type completed struct {
	memsource.Source
	base  uint64
	image []byte
	gone  map[uint64]bool // by page number
}

// ReadMemory implements [memsource.Source].
func (c *completed) ReadMemory(buf []byte, addr uint64) (n int, err error) {
	for n < len(buf) {
		at := addr + uint64(n)
		k := min(len(buf)-n, int(4096-at%4096))
		rva := at - c.base
		switch {
		case rva >= uint64(len(c.image)):
			got, err := c.Source.ReadMemory(buf[n:n+k], at)
			if n += got; err != nil {
				return n, err
			}
		case c.gone[rva/4096]:
			return n, memsource.NewFault(memsource.ReasonPagedOut, at, 4096-at%4096)
		default:
			n += copy(buf[n:n+k], c.image[rva:])
		}
	}
	return n, nil
}

// crash is a crashed program: its dump, its image as mapped, and the pages by how
// much unwinding needs them.
type crash struct {
	dump   *minidump.File
	module symres.Module
	regs   unwind.Context
	image  []byte
	order  []uint64
	exe    []byte
	pdb    []byte
}

func openCrash(t *testing.T, dir string) *crash {
	t.Helper()
	f, err := minidump.Open(filepath.Join(dir, "crash.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c := &crash{dump: f}
	for m, err := range f.Modules() {
		if err == nil && strings.HasSuffix(m.Name, "crash.exe") {
			c.module = target.FromMinidump(m)
		}
	}
	e, err := f.Exception()
	if err == nil {
		c.regs, err = unwind.ParseContext(unwind.Machine(f.System().Machine), e.Registers)
	}
	if err != nil || c.module.Size == 0 {
		t.Fatalf("module %v, %v", c.module, err)
	}
	for name, b := range map[string]*[]byte{"crash.exe": &c.exe, "crash.pdb": &c.pdb} {
		if *b, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c.lay(t)
	return c
}

// lay maps the image and orders its pages: headers, function table and unwind
// data first.
func (c *crash) lay(t *testing.T) {
	t.Helper()
	h := headers(t, c.exe)
	c.image = make([]byte, c.module.Size)
	copy(c.image, c.exe[:h.SizeOfHeaders])
	c.order = []uint64{0}
	for _, name := range []string{".pdata", ".xdata", ".rdata", "", ".text"} {
		for _, s := range h.Sections {
			known := slices.Contains([]string{".pdata", ".xdata", ".rdata", ".text"}, s.Name)
			if s.Name != name && (name != "" || known) {
				continue
			}
			copy(c.image[s.VirtualAddress:], c.exe[s.RawOffset:s.RawOffset+min(s.RawSize, s.VirtualSize)])
			for at := s.VirtualAddress; at < s.VirtualAddress+s.VirtualSize; at += 4096 {
				c.order = append(c.order, uint64(at/4096))
			}
		}
	}
}

func headers(t *testing.T, exe []byte) *peimage.Headers {
	t.Helper()
	h, err := pedisk.ReadHeaders(strings.NewReader(string(exe)), int64(len(exe)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// walk walks with a part of the pages out, and that file on the path.
func (c *crash) walk(t *testing.T, part float64, file []byte) (frames []unwind.Frame, end error) {
	t.Helper()
	dir := t.TempDir()
	if file != nil {
		if err := os.WriteFile(filepath.Join(dir, "crash.exe"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	memory := &completed{Source: c.dump.Memory(), base: c.module.Base, image: c.image, gone: map[uint64]bool{}}
	for _, page := range c.order[:int(part*float64(len(c.order)))] {
		memory.gone[page] = true
	}
	s, err := symres.NewSession(symres.Config{
		Memory: memory, Machine: uint16(c.regs.Machine), Images: sympath.Dir(dir, os.DirFS(dir)), Symbols: sympath.Dir("pdb", fstest.MapFS{"crash.pdb": {Data: c.pdb}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Add(c.module); err != nil {
		t.Fatal(err)
	}
	stacks := stack.New(s)
	defer stacks.Close()
	for f, err := range unwind.Walk(t.Context(), stacks.Config(), c.regs) {
		if err != nil {
			return frames, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// TestPagesOut: with half of the pages out or all but one the frames are those of
// the whole image, when its copy is on the path. A copy with the same stamp and
// other code is refused: then no frame is wrong, and the walk says which page it
// lacks and what the copy was refused for.
func TestPagesOut(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "*-O?"))
	if err != nil || len(dirs) != 6 {
		t.Fatalf("stacks in %q: %v", dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c := openCrash(t, dir)
			whole, _ := c.walk(t, 0, nil)
			if len(whole) < 13 {
				t.Fatalf("%d frames of the whole image", len(whole))
			}
			for _, part := range []float64{0.5, 0.9, 0.99} {
				c.compare(t, part, whole)
			}
			c.refused(t, whole)
			slices.Reverse(c.order) // code first
			for _, part := range []float64{0.5, 0.9, 0.99} {
				c.compare(t, part, whole)
			}
		})
	}
}

// compare walks with a part of the pages out, and wants the same frames.
func (c *crash) compare(t *testing.T, part float64, whole []unwind.Frame) {
	t.Helper()
	frames, end := c.walk(t, part, c.exe)
	if !slices.EqualFunc(frames, whole, sameFrame) {
		t.Errorf("%v of the pages are out: %d frames, not the %d of all pages: %v", part, len(frames), len(whole), end)
	}
	// On x86 the copy is what names the PDB, where its code is not needed.
	copied := func(f unwind.Frame) bool {
		return f.Origin.Bytes == unwind.BytesCopy || c.regs.Machine == unwind.X86 && f.Origin.Proof == unwind.ProofImage
	}
	if headersFirst := c.order[0] == 0; headersFirst && !slices.ContainsFunc(frames, copied) {
		t.Errorf("%v of the pages are out: no frame rests on the copy", part)
	}
	if i := slices.IndexFunc(frames, func(f unwind.Frame) bool { return f.Origin.Proof < unwind.ProofImage }); i >= 0 {
		t.Errorf("%v of the pages are out: frame %d rests on %v", part, i, frames[i].Origin)
	}
}

// refused walks with a wrong copy: what is not guessed is right, and what it lacks
// is said.
func (c *crash) refused(t *testing.T, whole []unwind.Frame) {
	t.Helper()
	frames, end := c.walk(t, 0.9, c.wrong(t))
	for i, f := range frames {
		if !f.Rule.Guess() && !sameFrame(f, whole[i]) {
			t.Errorf("frame %d with a wrong copy: %v %x", i, f.Rule, f.PC)
		}
		end = errors.Join(end, f.Lacks)
	}
	// All the code x86 needs is in: there it is the PDB the copy would have named.
	out := errors.Is(end, memsource.ErrPagedOut) || c.regs.Machine == unwind.X86
	if !out || !errors.Is(end, symres.ErrMismatch) {
		t.Errorf("with a wrong copy the walk lacks: %v", end)
	}
}

// wrong is the image with other code and unwind data.
func (c *crash) wrong(t *testing.T) []byte {
	b := slices.Clone(c.exe)
	for _, s := range headers(t, c.exe).Sections {
		other := s.Name == ".text" || s.Name == ".pdata" || s.Name == ".xdata" || s.Name == ".rdata" && c.regs.Machine == unwind.X64
		for i := s.RawOffset; other && i < s.RawOffset+s.RawSize; i += 8 {
			b[i] ^= 0x55
		}
	}
	return b
}

func sameFrame(a, b unwind.Frame) bool {
	return a.PC == b.PC && a.Context == b.Context && a.Rule == b.Rule
}

// TestClosed: a walk after Close has no copies, and one whose context is done
// looks for none.
func TestClosed(t *testing.T) {
	s, err := symres.NewSession(symres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Add(symres.Module{Name: "app", Base: 0x10000, Size: 0x1000}); err != nil {
		t.Fatal(err)
	}
	stacks := stack.New(s)
	m := stacks.Config().Modules.Module(0x10800)
	if m == nil || m != stacks.Config().Modules.Module(0x10fff) || stacks.Config().Modules.Module(0x11000) != nil {
		t.Fatalf("module %v", m)
	}
	if err := stacks.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Image.ReadImage(t.Context(), make([]byte, 8), 0); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("%v", err)
	}
}
