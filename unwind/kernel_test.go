package unwind_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/unwind"
)

// TestKernelStacks walks the stacks of a kernel dump from the first frame of
// each in the transcript of Microsoft's kd, through system calls into the
// user's part, and compares stack pointers and names.
func TestKernelStacks(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "kd")
	k, d := openKernel(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "x64.txt"))
	if err != nil {
		t.Fatal(err)
	}
	stacks := transcript(string(text))
	if len(stacks) < 6 {
		t.Fatalf("%d stacks in the transcript", len(stacks))
	}
	view := viewOf(t, k, "fffffa8005002a60") // kd stays in it when it shows threads of others
	for _, s := range stacks {
		regs := unwind.Context{Machine: unwind.X64, PC: d.find(t, s.frames[0].name)}
		regs.SetSP(number(t, s.frames[0].sp))
		i := 0
		for f, err := range unwind.Walk(t.Context(), unwind.Config{Memory: view, Modules: d}, regs) {
			if err != nil {
				t.Logf("line %d, behind frame %d: %v", s.line, i-1, err)
				break
			}
			if i < len(s.frames) {
				compareLine(t, d, s, i, &f)
			}
			i++
		}
		if i < len(s.frames) {
			t.Errorf("line %d: %d frames, want %d", s.line, i, len(s.frames))
		}
	}
}

// TestKernelStackOfItsProcess: in the memory of its own process the waiting
// thread's user stack ends behind the system call.
func TestKernelStackOfItsProcess(t *testing.T) {
	k, d := openKernel(t, filepath.Join(fixture.Shared(t), "kd"))
	regs := unwind.Context{Machine: unwind.X64, PC: d.find(t, "nt!KiSwapContext+0xc")}
	regs.SetSP(0xfffff88003a0cc70)
	n := 0
	for f, err := range unwind.Walk(t.Context(), unwind.Config{Memory: viewOf(t, k, "fffffa8005003040"), Modules: d}, regs) {
		if n++; err != nil || n == 6 && (f.PC != 0x77a612fa || f.UnwoundToCall) {
			t.Errorf("frame %d: %x, %v", f.Index, f.PC, err)
		}
	}
	if n != 6 {
		t.Errorf("%d frames", n)
	}
}

func compareLine(t *testing.T, d *dumped, s kdStack, i int, f *unwind.Frame) {
	t.Helper()
	want := s.frames[i]
	name := d.name(t, f)
	if f.Module == nil {
		name = "0x" + name
	}
	t.Logf("%x %-11v %v %v %s", f.SP(), f.Rule, f.Origin.Bytes, f.Origin.Proof, name)
	if f.SP() != number(t, want.sp) || name != want.name {
		t.Errorf("line %d, frame %d: sp %x, %s; want %s %s", s.line, i, f.SP(), name, want.sp, want.name)
	}
	if f.Module == nil && f.Origin.Proof == unwind.ProofExact && f.Rule != unwind.RuleUnwind {
		t.Errorf("line %d, frame %d is not proven, but %v", s.line, i, f.Origin.Proof)
	}
}

// kdStack is a stack in a transcript.
type kdStack struct {
	line   int
	frames []kdFrame
}

type kdFrame struct{ sp, name string }

// transcript finds the stacks in what kd printed.
func transcript(text string) (stacks []kdStack) {
	frame := regexp.MustCompile("^ *([0-9a-f`]{17}) [0-9a-f`]{17} (?:: .* : )?(\\S+)")
	head := false
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		m := frame.FindStringSubmatch(line)
		switch {
		case strings.Contains(line, "Child-SP"):
			stacks, head = append(stacks, kdStack{line: n}), true
		case head && m != nil:
			s := &stacks[len(stacks)-1]
			s.frames = append(s.frames, kdFrame{strings.ReplaceAll(m[1], "`", ""), m[2]})
		default:
			head = false
		}
	}
	return stacks
}

// openKernel opens the dump of the transcript, with the copies of its images.
func openKernel(t *testing.T, dir string) (*nt.Kernel, *dumped) {
	t.Helper()
	packed, err := os.Open(filepath.Join(dir, "x64.dmp.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	k, err := nt.FromDump(f)
	if err != nil {
		t.Fatal(err)
	}
	d := &dumped{machine: unwind.X64, pdbs: map[string]*pdb.File{}}
	d.kernelModule(t, k, "nt", filepath.Join(dir, "sym-x64", "ntoskrnl.exe"), filepath.Join(dir, "sym-x64", "ntkrnlmp.pdb"))
	d.kernelModule(t, k, "Fs_Rec", filepath.Join(dir, "sym-x64-fs", "fs_rec.sys"), filepath.Join(dir, "sym-x64-fs", "fs_rec.pdb"))
	if k, err = k.WithTypes(d.pdbs["nt"]); err != nil {
		t.Fatal(err)
	}
	return k, d
}

// kernelModule adds the driver that is named so, or the kernel.
func (d *dumped) kernelModule(t *testing.T, k *nt.Kernel, name, image, symbols string) {
	t.Helper()
	first := true
	for m, err := range k.Modules() {
		if err != nil {
			t.Log(err)
		}
		if is := strings.HasPrefix(m.Name, name+"."); is || first && name == "nt" {
			copied, _ := mapImage(t, image)
			d.modules = append(d.modules, &unwind.Module{
				Name: name, Base: m.Base, Size: uint32(m.Size), Image: &pieces{memory: k.Memory(), base: m.Base, copied: copied},
			})
			p, err := pdb.Open(symbols)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			d.pdbs[name] = p
			return
		}
		first = false
	}
	t.Fatalf("no module %s", name)
}

// find returns the address of module!name+displacement.
func (d *dumped) find(t *testing.T, name string) uint64 {
	t.Helper()
	module, rest, _ := strings.Cut(name, "!")
	symbol, off, _ := strings.Cut(rest, "+0x")
	for _, m := range d.modules {
		if m.Name != module {
			continue
		}
		syms, err := d.pdbs[module].ByName(symbol)
		if err != nil || len(syms) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		return m.Base + uint64(syms[0].RVA) + number(t, off)
	}
	t.Fatalf("%s: no module", name)
	return 0
}

// viewOf returns memory as a process sees it.
func viewOf(t *testing.T, k *nt.Kernel, process string) memsource.Source {
	t.Helper()
	for p, err := range k.Processes() {
		if err != nil {
			t.Fatal(err)
		}
		if p.Address != number(t, process) {
			continue
		}
		v, err := k.View(p)
		if err != nil {
			t.Fatal(err)
		}
		return v.Memory()
	}
	t.Fatalf("no process %s", process)
	return nil
}
