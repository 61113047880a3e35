package unwind_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/unwind"
)

const mutants = 50 // of each dump; 3,000 were tried once

// TestMutants walks dumps and images with bytes changed at random: every walk
// ends, and none allocates more than 16 MB in all.
func TestMutants(t *testing.T) {
	dumps, err := filepath.Glob(filepath.Join(fixture.Shared(t), "stacks", "*", "crash.dmp"))
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	var worst time.Duration
	for _, path := range dumps {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		image, base := mapImage(t, filepath.Join(filepath.Dir(path), "crash.exe"))
		symbols := truthSymbols(t, filepath.Join(filepath.Dir(path), "crash.pdb"))
		r := rand.New(rand.NewPCG(1, uint64(len(b))))
		for range mutants {
			d := mutantDump(t, change(r, b), change(r, image), base)
			if d != nil && r.IntN(2) == 0 { // as if the symbols were another build's
				for _, m := range d.modules {
					if m.Base == base {
						m.Symbols = symbols
					}
				}
			}
			if d == nil {
				continue
			}
			n, longest := walkThreads(t, d)
			if n > 16<<20 {
				t.Fatalf("%s: a walk allocates %d bytes", path, n)
			}
			worst = max(worst, longest)
		}
	}
	t.Logf("the longest took %v", worst)
}

// change returns b with some bytes changed, more often than not in its first
// part.
func change(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 << r.IntN(10) {
		i := r.IntN(len(b))
		if r.IntN(2) == 0 {
			i = r.IntN(min(len(b), 0x1000))
		}
		b[i] = byte(r.Uint32() >> r.IntN(32))
	}
	return b
}

// mutantDump opens a dump whose first module has that image, nil for one that
// is no dump any more.
func mutantDump(t *testing.T, b, image []byte, base uint64) *dumped {
	f, err := minidump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil
	}
	d := &dumped{file: f, machine: unwind.Machine(f.System().Machine)}
	for m, err := range f.Modules() {
		if err != nil {
			break
		}
		im := &pieces{memory: f.Memory(), base: m.Base}
		if m.Base == base {
			im.copied = image
		}
		d.modules = append(d.modules, &unwind.Module{Name: m.Name, Base: m.Base, Size: m.Size, Image: im})
	}
	return d
}

// walkThreads walks every stack and returns what the worst allocated and took.
func walkThreads(t *testing.T, d *dumped) (most uint64, longest time.Duration) {
	var contexts []unwind.Context
	for th := range d.file.Threads() {
		if c, err := unwind.ParseContext(d.machine, th.Registers); err == nil {
			contexts = append(contexts, c)
		}
	}
	if e, err := d.file.Exception(); err == nil {
		if c, err := unwind.ParseContext(d.machine, e.Registers); err == nil {
			contexts = append(contexts, c)
		}
	}
	cfg := d.config()
	var before, after runtime.MemStats
	for _, c := range contexts {
		runtime.ReadMemStats(&before)
		began, n := time.Now(), 0
		for range unwind.Walk(t.Context(), cfg, c) {
			n++
		}
		longest = max(longest, time.Since(began))
		runtime.ReadMemStats(&after)
		if n == 0 || n > unwind.DefaultMaxFrames+1 {
			t.Fatalf("%d frames", n)
		}
		most = max(most, after.TotalAlloc-before.TotalAlloc)
	}
	return most, longest
}

// TestMutantImages walks the truth set's images with changed bytes, whose
// unwind data is of every kind there is.
func TestMutantImages(t *testing.T) {
	dir := truthDir(t)
	for _, name := range []string{"g-x64", "g-arm64", "a-x86-O1"} {
		tr := readTruth(t, filepath.Join(dir, name+".truth.gz"))
		image, _ := mapImage(t, filepath.Join(dir, name+".exe"))
		r := rand.New(rand.NewPCG(2, 3))
		n := 0
		var worst time.Duration
		tr.replay(t, func(cfg unwind.Config, regs unwind.Context, _ string) {
			if n++; n%10 != 0 {
				return
			}
			m := *tr.module
			m.Image = mapped{change(r, image), unwind.Origin{Proof: unwind.ProofExact}}
			cfg.Modules, cfg.Cache = one{&m}, nil
			began := time.Now()
			for f := range unwind.Walk(t.Context(), cfg, regs) {
				if f.Rule.Guess() && f.Origin.Proof == unwind.ProofExact {
					t.Fatalf("frame %d: a guess is exact", f.Index)
				}
			}
			worst = max(worst, time.Since(began))
		})
		t.Logf("%s: %d walks, the longest took %v", name, n/10, worst)
	}
}

// TestCacheKeepsPages: what one walk has read of a module no other reads again.
func TestCacheKeepsPages(t *testing.T) {
	p := nested()
	if _, err := p.walk(t); err != nil {
		t.Fatal(err)
	}
	first := p.reads
	cfg := p.cfg
	cfg.Cache = &unwind.Cache{}
	count := func() int {
		p.reads = 0
		for _, err := range unwind.Walk(t.Context(), cfg, p.regs) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return p.reads
	}
	if a, b := count(), count(); a != first || a == 0 || b != 0 {
		t.Errorf("%d reads without a cache, %d with an empty one, %d with a full one", first, a, b)
	}
}

// TestWorstCase walks what costs most: functions of long chains of codes that
// restore registers from all over memory, and machine frames without end. The
// budget of work ends it.
func TestWorstCase(t *testing.T) {
	p := newProgram(unwind.X64)
	p.stack = make([]byte, 64<<20)
	info := []byte{0x21, 0, 255, 0} // chained to the next
	for i := range 85 {
		info = append(info, 0, byte(5|(3+i%2*2)<<4)) // save_nonvol_far of rbx or rbp
		info = append(info, u32s(uint32(i)*0x9000)...)
	}
	info = append(info, 0, 0)
	p.image = make([]byte, 0x20000)
	p.pdata = u32s(0x1000, 0x1800, 0x10000, 0x1800, 0x1880, 0x10000)
	for i := range uint32(31) {
		at := 0x10000 + i*0x220
		copy(p.image[at:], info)
		copy(p.image[at+uint32(len(info)):], u32s(0x1000, 0x1800, at+0x220))
	}
	copy(p.image[0x10000+31*0x220:], []byte{1, 0, 0, 0})
	for at := p.regs.SP(); at < p.regs.SP()+0x4000; at += 8 {
		p.poke(at, testBase+0x1000+at%16*0x80+0x40)
	}
	p.regs.PC = testBase + 0x1040
	cfg := p.open()
	m := &unwind.Module{Name: "forged", Base: testBase, Size: uint32(len(p.image)), Image: p}
	cfg.Modules, cfg.MaxRepeats = one{m}, -1
	began := time.Now()
	var end error
	n := 0
	for _, err := range unwind.Walk(t.Context(), cfg, p.regs) {
		n, end = n+1, err
	}
	t.Logf("%d frames, %v", n, time.Since(began))
	wantError(t, end, unwind.ErrTooMuchWork)
}
