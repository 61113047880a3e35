package unwind_test

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

func TestWOW64Context(t *testing.T) {
	const teb, at = 0x7efdb000, 0x1cfd20
	slots, saved := make([]byte, 16), make([]byte, 4+0x2cc)
	binary.LittleEndian.PutUint64(slots[8:], at)
	copy(saved, u32s(0x014c0000, 0x10007))
	copy(saved[4+0xb4:], u32s(0x33fd00, 0x77d51234))
	copy(saved[4+0xc4:], u32s(0x33fc48))
	var memory memsource.Sparse
	if err := errors.Join(memory.Add(teb+0x1480, slots), memory.Add(at, saved)); err != nil {
		t.Fatal(err)
	}
	c, err := unwind.WOW64Context(&memory, teb)
	if err != nil || c.Machine != unwind.X86 || c.PC != 0x77d51234 || c.SP() != 0x33fc48 || c.Int[unwind.RegEBP] != 0x33fd00 {
		t.Errorf("%+v, %v", c, err)
	}
	binary.LittleEndian.PutUint64(slots[8:], 0)
	if _, err := unwind.WOW64Context(&memory, teb); !errors.Is(err, unwind.ErrContext) {
		t.Errorf("a thread in 64-bit code: %v", err)
	}
	if _, err := unwind.WOW64Context(&memory, teb+0x1000); !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("a TEB that is not there: %v", err)
	}
}

// TestJoinedStacks: the walk goes on with the stack that Continue names.
func TestJoinedStacks(t *testing.T) {
	p := nested()
	user := unwind.Context{Machine: unwind.ARM64, PC: 0x1234, KnownInt: 1 << 31}
	user.SetSP(0x1000)
	p.cfg.Continue = func(last *unwind.Frame, reason error) (unwind.Context, bool) {
		return user, last.Machine == unwind.X64 && reason == nil
	}
	frames, err := p.walk(t)
	if len(frames) != 4 || frames[3].Machine != unwind.ARM64 || frames[3].PC != 0x1234 || frames[3].Index != 3 || frames[2].Return != 0 {
		t.Errorf("%+v", frames)
	}
	wantError(t, err, unwind.ErrNoModule)
}

// TestWOW64Dump: the registers of this dump's thread were not saved, and the
// error says where they are.
func TestWOW64Dump(t *testing.T) {
	d := openDump(t, filepath.Join(fixture.Shared(t), "google+syzygy/syzygy/minidump/test_data/notepad-small-64bit.dmp"))
	n := 0
	for th, err := range d.file.Threads() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		var f *memsource.Fault
		if _, err := unwind.WOW64Context(d.file.Memory(), th.TEB); !errors.As(err, &f) || f.Addr != 0x1cfd24 {
			t.Errorf("thread %x: %v", th.ID, err)
		}
	}
	if n == 0 {
		t.Error("no threads")
	}
}

// TestReadContext: what lies behind the registers may be out, the registers may not.
func TestReadContext(t *testing.T) {
	b := make([]byte, 1232)
	binary.LittleEndian.PutUint32(b[0x30:], 0x10000b)
	binary.LittleEndian.PutUint64(b[0xf8:], 0x1234)
	for size, want := range map[int]bool{1232: true, 0x100: true, 0x80: false, 0: false} {
		var memory memsource.Sparse
		if err := memory.Add(0x5000, b[:size]); err != nil {
			t.Fatal(err)
		}
		c, err := unwind.ReadContext(&memory, unwind.X64, 0x5000)
		if fault, _ := errors.AsType[*memsource.Fault](err); (err == nil) != want || want && c.PC != 0x1234 || !want && (fault == nil || fault.Addr != 0x5000+uint64(size)) {
			t.Errorf("%d bytes: %+v, %v", size, c, err)
		}
	}
}
