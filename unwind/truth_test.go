package unwind_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// truthEnv names the folder of the truth set, in place of the shared one.
const truthEnv = "SYMRES_UNWIND_TRUTH"

// truthDir returns the folder of the truth set, or skips the test.
func truthDir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv(truthEnv); dir != "" {
		return dir
	}
	dir := filepath.Join(fixture.Shared(tb), "unwind")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("SKIPPED, NOT PASSED: no truth set at %s; name one in %s", dir, truthEnv)
	}
	return dir
}

// TestTruth unwinds at every instruction an emulator stopped at, through all
// frames to the outermost, and compares return address, stack pointer and the
// registers a callee preserves with what the emulator saw.
func TestTruth(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(truthDir(t), "*.truth.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no truth files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".truth.gz")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := readTruth(t, file)
			wrong := 0
			judged := tr.judge(t, func(line int, err error) {
				if wrong++; wrong <= 5 {
					t.Logf("line %d: %v", line, err)
				}
				if e := (*wrongFrame)(nil); errors.As(err, &e) && !e.rule.Guess() {
					t.Errorf("line %d: wrong, and said to be no guess: %v", line, err)
				}
			})
			t.Logf("%d lines judged, %d wrong", judged, wrong)
			if most := tr.tolerated(judged); judged == 0 || wrong > most {
				t.Errorf("%d of %d lines wrong, at most %d", wrong, judged, most)
			}
		})
	}
}

// truth is one truth file with its image.
type truth struct {
	machine        unwind.Machine
	base, sentinel uint64
	low, high      uint64 // the stack
	module         *unwind.Module
	lines          []byte

	// While the file is replayed:
	line   int             // number of the line
	frame  int             // of the instruction
	frames map[int]*called // by their numbers
}

// tolerated returns how many lines may be wrong: data tells everything on x64
// and ARM64.
func (tr *truth) tolerated(judged int) int {
	if tr.machine == unwind.X86 {
		return judged / 1000
	}
	return 0
}

func readTruth(tb testing.TB, file string) *truth {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		tb.Fatal(err)
	}
	tr := &truth{lines: b.Bytes()}
	head, _, _ := bytes.Cut(tr.lines, []byte("\n"))
	h := fields(strings.Fields(string(head))[1:])
	tr.machine = map[string]unwind.Machine{"x64": unwind.X64, "arm64": unwind.ARM64, "x86": unwind.X86, "arm": unwind.ARM}[h["arch"]]
	tr.base, tr.sentinel = number(tb, h["base"]), number(tb, h["sentinel"])
	lo, hi, _ := strings.Cut(h["stack"], "-")
	tr.low, tr.high = number(tb, lo), number(tb, hi)
	dir := filepath.Dir(file)
	tr.module = imageModule(tb, filepath.Join(dir, h["image"]))
	if tr.machine == unwind.X86 {
		tr.module.Symbols = truthSymbols(tb, filepath.Join(dir, strings.TrimSuffix(h["image"], ".exe")+".pdb"))
	}
	return tr
}

// fields splits key=value words.
func fields(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}

func number(tb testing.TB, s string) uint64 {
	tb.Helper()
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// called is an F record: what the caller of a frame looks like.
type called struct {
	parent      int
	interrupted bool
	pc, sp      uint64
	regs        unwind.Context // registers known in it are to be compared
}

// judge replays the file and calls wrong for every judged line whose frames
// differ from the recorded ones.
func (tr *truth) judge(tb testing.TB, wrong func(line int, err error)) (judged int) {
	tr.replay(tb, func(cfg unwind.Config, regs unwind.Context, flag string) {
		if flag != "-" {
			return
		}
		judged++
		if err := tr.compare(tb, cfg, regs, tr.frames, tr.frame); err != nil {
			wrong(tr.line, fmt.Errorf("rva %x: %w", regs.PC-tr.base, err))
		}
	})
	return judged
}

// replay calls visit for every instruction with what a walk from there has.
func (tr *truth) replay(tb testing.TB, visit func(cfg unwind.Config, regs unwind.Context, flag string)) {
	regs := unwind.Context{Machine: tr.machine}
	stack := &torn{low: tr.low, bytes: make([]byte, tr.high-tr.low), known: make([]bool, tr.high-tr.low)}
	tr.frames = map[int]*called{}
	cfg := unwind.Config{Memory: stack, Modules: one{tr.module}, Cache: &unwind.Cache{}}
	sc := bufio.NewScanner(bytes.NewReader(tr.lines))
	sc.Buffer(nil, 1<<26)
	for tr.line = 1; sc.Scan(); tr.line++ {
		w := strings.Fields(sc.Text())
		switch {
		case len(w) == 0:
		case w[0] == "W":
			b, err := hex.DecodeString(w[2])
			if err != nil {
				tb.Fatal(err)
			}
			stack.write(number(tb, w[1]), b)
		case w[0] == "F":
			tr.called(tb, w)
		case w[0] == "I":
			tr.frame, _ = strconv.Atoi(w[1])
			regs.PC = tr.base + number(tb, w[2])
			setRegisters(tb, &regs, w[4:])
			visit(cfg, regs, w[3])
		}
	}
}

// called takes an F record.
func (tr *truth) called(tb testing.TB, w []string) {
	id, _ := strconv.Atoi(w[1])
	parent, _ := strconv.Atoi(w[2])
	c := &called{parent: parent, interrupted: w[3] == "M", pc: number(tb, w[4]), sp: number(tb, w[5])}
	c.regs.Machine = tr.machine
	setRegisters(tb, &c.regs, w[6:])
	tr.frames[id] = c
}

// wrongFrame is a frame that differs from the truth.
type wrongFrame struct {
	index int
	rule  unwind.Rule
	proof unwind.Proof
	err   error
}

func (e *wrongFrame) Error() string { return fmt.Sprintf("frame %d (%v): %v", e.index, e.rule, e.err) }

// compare walks from regs and compares every frame up to the outermost.
func (tr *truth) compare(tb testing.TB, cfg unwind.Config, regs unwind.Context, frames map[int]*called, id int) error {
	var want *called
	for f, err := range unwind.Walk(tb.Context(), cfg, regs) {
		if err != nil {
			return err
		}
		if f.Index > 0 {
			if err := tr.differs(&f, want); err != nil {
				return &wrongFrame{f.Index, f.Rule, f.Origin.Proof, err}
			}
			if id = want.parent; id == 0 {
				return nil
			}
		}
		if want = frames[id]; want == nil {
			return fmt.Errorf("truth has no frame %d", id)
		}
	}
	return errors.New("the walk ended early")
}

// differs compares a frame with the truth. On x86 the callee may have popped
// its arguments as well.
func (tr *truth) differs(f *unwind.Frame, want *called) error {
	switch {
	case f.PC != want.pc:
		return fmt.Errorf("pc %x, not %x", f.PC, want.pc)
	case f.SP() != want.sp && (tr.machine != unwind.X86 || f.SP() < want.sp):
		return fmt.Errorf("sp %x, not %x", f.SP(), want.sp)
	case f.UnwoundToCall == want.interrupted:
		return fmt.Errorf("return address: %v, not %v", f.UnwoundToCall, !want.interrupted)
	case tr.machine != unwind.X86 && (f.Rule.Guess() || f.Origin.Proof != unwind.ProofExact):
		return fmt.Errorf("rule %v, proof %v", f.Rule, f.Origin.Proof)
	}
	for i := range want.regs.Int {
		if want.regs.KnownInt>>i&1 != 0 && (f.KnownInt>>i&1 == 0 || f.Int[i] != want.regs.Int[i]) {
			return fmt.Errorf("register %d is %x, not %x", i, f.Int[i], want.regs.Int[i])
		}
	}
	for i := range want.regs.Vec {
		got, w := f.Vec[i], want.regs.Vec[i]
		if tr.machine != unwind.X64 {
			got[1] = 0
		}
		if want.regs.KnownVec>>i&1 != 0 && (f.KnownVec>>i&1 == 0 || got != w) {
			return fmt.Errorf("vector register %d is %x, not %x", i, got, w)
		}
	}
	return nil
}

// setRegisters sets the registers of name=value words.
func setRegisters(tb testing.TB, c *unwind.Context, words []string) {
	tb.Helper()
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		i, vec := register(c.Machine, name)
		if i < 0 {
			tb.Fatalf("unknown register %q", name)
		}
		if !vec {
			c.Int[i], c.KnownInt = number(tb, value), c.KnownInt|1<<i
			continue
		}
		n, ok := new(big.Int).SetString(value, 16)
		if !ok {
			tb.Fatalf("bad number %q", value)
		}
		lo := new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0))).Uint64()
		c.Vec[i], c.KnownVec = [2]uint64{lo, n.Rsh(n, 64).Uint64()}, c.KnownVec|1<<i
	}
}

// register returns the number of a register by its name.
func register(m unwind.Machine, name string) (i int, vec bool) {
	names := map[unwind.Machine]string{
		unwind.X64: "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15",
		unwind.X86: "eax ecx edx ebx esp ebp esi edi",
	}[m]
	for i, n := range strings.Fields(names) {
		if n == name {
			return i, false
		}
	}
	switch {
	case name == "sp" && m == unwind.ARM64:
		return unwind.RegARM64SP, false
	case name == "sp" && m == unwind.ARM:
		return unwind.RegARMSP, false
	case name == "lr" && m == unwind.ARM:
		return unwind.RegARMLR, false
	}
	n, err := strconv.Atoi(name[1:])
	if err != nil || n > 31 {
		return -1, false
	}
	return n, name[0] == 'm' || name[0] == 'd'
}

// torn is memory of which only the bytes that were written are there.
type torn struct {
	low   uint64
	bytes []byte
	known []bool
}

func (m *torn) write(addr uint64, b []byte) {
	copy(m.bytes[addr-m.low:], b)
	for i := range b {
		m.known[addr-m.low+uint64(i)] = true
	}
}

// ReadMemory implements memsource.Source.
func (m *torn) ReadMemory(buf []byte, addr uint64) (int, error) {
	for i := range buf {
		off := addr + uint64(i) - m.low
		if off >= uint64(len(m.bytes)) || !m.known[off] {
			return i, memsource.NewFault(memsource.ReasonNotInDump, addr+uint64(i), 0)
		}
		buf[i] = m.bytes[off]
	}
	return len(buf), nil
}
