package unwind_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// holey is a target's image of which pages are out, and the file on the path
// that was held against what is left of it.
type holey struct {
	*pieces
	memory *memsource.Sparse
}

// takeOut returns the image of a file in memory without that part of its pages
// and the proven copy, if the file copied is one. Headers, function table and
// unwind data go first.
func takeOut(tb testing.TB, file, copied string, part float64) holey {
	tb.Helper()
	image, base := mapImage(tb, file)
	gone := pagesByUse(tb, file, len(image))
	gone = gone[:int(part*float64(len(gone)))]
	memory := &memsource.Sparse{}
	for at := 0; at < len(image); at += 4096 {
		if slices.Contains(gone, at/4096) {
			memory.AddFault(base+uint64(at), 4096, memsource.Fault{Reason: memsource.ReasonPagedOut, PageFileOffset: uint64(at)})
		} else if err := memory.Add(base+uint64(at), image[at:min(at+4096, len(image))]); err != nil {
			tb.Fatal(err)
		}
	}
	h := holey{&pieces{memory: memory, base: base}, memory}
	if h.copied, _ = mapImage(tb, copied); !proven(tb, memory, base, uint64(len(image)), copied) {
		h.copied = nil
	}
	return h
}

// pagesByUse returns the pages of an image, those first that unwinding needs
// most.
func pagesByUse(tb testing.TB, file string, size int) []int {
	tb.Helper()
	h := headersOf(tb, file)
	pages := []int{0}
	for _, name := range []string{".pdata", ".xdata", ".rdata", ".text"} {
		for _, s := range h.Sections {
			for at := s.VirtualAddress; s.Name == name && at < s.VirtualAddress+s.VirtualSize; at += 4096 {
				pages = append(pages, int(at/4096))
			}
		}
	}
	for i := range (size + 4095) / 4096 {
		if !slices.Contains(pages, i) {
			pages = append(pages, i)
		}
	}
	return pages
}

// proven holds a file against the pages that are resident.
func proven(tb testing.TB, memory memsource.Source, base, size uint64, file string) bool {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	im, err := fingerprint.Load(bytes.NewReader(b), headersOf(tb, file), base)
	if err != nil {
		tb.Fatal(err)
	}
	c := fingerprint.NewComparer(im)
	for e, err := range memsource.ReadExtents(memory, base, size) {
		if err == nil {
			c.Add(e.Addr-base, e.Data)
		}
	}
	return c.Result().Verdict(false, true) >= fingerprint.Likely
}

// walkAll walks from the registers of every line of a truth file and returns
// all frames, and the reasons the walks ended for.
func (tr *truth) walkAll(tb testing.TB, im unwind.Image) (frames []unwind.Frame, ends []error) {
	tb.Helper()
	m := *tr.module
	m.Image = im
	tr.replay(tb, func(cfg unwind.Config, regs unwind.Context, flag string) {
		if flag != "-" {
			return
		}
		cfg.Modules = one{&m}
		for f, err := range unwind.Walk(tb.Context(), cfg, regs) {
			if err != nil {
				ends = append(ends, err)
				break
			}
			f.Origin, f.Module = unwind.Origin{}, nil
			frames = append(frames, f)
			if f.PC == tr.sentinel {
				break
			}
		}
	})
	return frames, ends
}

// TestPagesTakenOut walks with 50, 90 and 99 % of the image's pages out and its
// copy on the path: every frame is the one it is with all pages there. With
// another program on the path in the copy's place the copy is refused, no
// frame differs from what it is, and the walk says which page it lacks.
func TestPagesTakenOut(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(truthDir(t), "*.truth.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no truth files: %v", err)
	}
	for _, file := range files {
		tr := readTruth(t, file)
		if tr.machine == unwind.X86 {
			continue // needs no image
		}
		exe := strings.TrimSuffix(file, ".truth.gz") + ".exe"
		t.Run(filepath.Base(exe), func(t *testing.T) {
			whole, _ := tr.walkAll(t, tr.module.Image)
			for _, part := range []float64{0.5, 0.9, 0.99} {
				holes := takeOut(t, exe, exe, part)
				if holes.copied == nil {
					t.Errorf("%v of the pages are out: the right copy is refused", part)
				}
				frames, _ := tr.walkAll(t, holes)
				if !slices.Equal(frames, whole) {
					t.Errorf("%v of the pages are out: %d frames, not the same as all %d", part, len(frames), len(whole))
				}
			}
			testWrongCopy(t, tr, exe)
		})
	}
}

// testWrongCopy puts a file on the path that is the image but for its code.
func testWrongCopy(t *testing.T, tr *truth, exe string) {
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range headersOf(t, exe).Sections {
		for i := s.RawOffset; s.Name == ".text" && i < s.RawOffset+s.RawSize; i += 64 {
			b[i] ^= 0x55
		}
	}
	wrong := filepath.Join(t.TempDir(), filepath.Base(exe))
	if err := os.WriteFile(wrong, b, 0o600); err != nil {
		t.Fatal(err)
	}
	holes := takeOut(t, exe, wrong, 0.5)
	if holes.copied != nil {
		t.Error("a wrong copy is taken")
	}
	frames, ends := tr.walkAll(t, holes)
	for _, f := range frames {
		if f.Index > 0 {
			t.Fatalf("a frame without unwind data: %x, %v", f.PC, f.Rule)
		}
	}
	for _, err := range ends {
		var f *memsource.Fault
		if !errors.Is(err, memsource.ErrPagedOut) || !errors.As(err, &f) || f.Addr != tr.base {
			t.Fatalf("the walk does not say that the header is out: %v", err)
		}
	}
	if len(ends) == 0 {
		t.Error("no walk ended")
	}
}
