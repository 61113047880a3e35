package kd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/kd"
	"github.com/symres/symres/internal/symtest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// reads counts the reads of a memory.
type reads struct {
	memsource.Source
	n int
}

func (r *reads) ReadMemory(b []byte, addr uint64) (int, error) {
	r.n++
	return r.Source.ReadMemory(b, addr)
}

// longFunction is an image whose first function has 64 KB that end in the middle of an
// instruction, wherever one begins to read them.
func longFunction() []byte {
	const size = 0x11000
	b := append(symtest.DLL(), make([]byte, size)...)
	binary.LittleEndian.PutUint32(b[0x98+56:], 0x1000+size)      // SizeOfImage
	binary.LittleEndian.PutUint32(b[0x178+8:], size)             // of the section in memory
	binary.LittleEndian.PutUint32(b[0x178+16:], uint32(size))    // and in the file
	copy(b[0x600:], bytes.Repeat([]byte{0x90}, 0x10000))         // nop, from RVA 1400 on
	copy(b[0x600+0xfffd:], []byte{0xb8, 0x90, 0x90, 0x90, 0x90}) // mov eax,imm32
	return b
}

// TestBack_bounded: ub of an address that no instruction begins at reads what is near,
// and not all that a function claims to have, once for each of its bytes.
func TestBack_bounded(t *testing.T) {
	image, err := memtest.Image(longFunction())
	if err != nil {
		t.Fatal(err)
	}
	memory := &reads{Source: image.Source()}
	var out strings.Builder
	s, err := kd.New(t.Context(), kd.Config{Out: &out, Open: func(context.Context, kd.OpenOptions) (*target.Target, error) {
		return target.New(target.Options{Memory: memory, Machine: 0x14c, Symbols: sympath.Chain(),
			Modules: []symres.Module{{Image: "long.dll", Base: image.Base(), Size: image.Size()}}})
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, command := range []string{"x long!*", "ub long!Alloc+ffff L1", "ub long!Alloc+ff L2"} {
		memory.n = 0
		out.Reset()
		if err := s.Execute(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d reads\n%s", command, memory.n, out.String())
		if limit := 2 << 16; memory.n > limit {
			t.Errorf("%s: %d reads, want at most %d", command, memory.n, limit)
		}
	}
	if !strings.Contains(out.String(), "nop") {
		t.Errorf("not shown: %s", out.String())
	}
}
