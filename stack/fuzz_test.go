package stack_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/unwind"
)

const (
	fuzzImage = 0x1000000
	fuzzStack = 0x7f000
)

// notepadStacks are the stacks of a program of 32 bits of whose image nothing is in
// memory: its copy is on the path, with its PDB.
func notepadStacks(tb testing.TB) *stack.Stacks {
	tb.Helper()
	const dir = "../testdata/demo/symbols"
	s, err := symres.NewSession(symres.Config{Machine: uint16(unwind.X86), Symbols: sympath.Dir(dir, os.DirFS(dir))})
	if err != nil {
		tb.Fatal(err)
	}
	stacks := stack.New(s)
	tb.Cleanup(func() { stacks.Close(); s.Close() })
	if err := s.Add(symres.Module{Image: "notepad.exe", Base: fuzzImage, Size: 0x32000}); err != nil {
		tb.Fatal(err)
	}
	return stacks
}

// FuzzStacks walks stacks of any bytes: what is a guess is not proven, a value that
// is known has a text and no error, one that is not has a reason, and nothing is
// better proven than the frames it was found through.
func FuzzStacks(f *testing.F) {
	stacks := notepadStacks(f)
	chain := make([]byte, 0x40)
	for i, v := range []uint32{0x1001009, 0x100107b, fuzzStack + 0x30, 0x51} {
		binary.LittleEndian.PutUint32(chain[4*i:], v)
	}
	copy(chain[0x30:], "a\x00b")
	f.Add(chain, uint32(0x1028), uint32(0), uint32(fuzzStack+0x30))
	f.Add(chain, uint32(0x1003), uint32(4), uint32(fuzzImage+0x2000))
	f.Add([]byte{}, uint32(0x1028), uint32(0x10), uint32(1))
	f.Add(chain, uint32(0xffff0000), uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, rva, sp, ecx uint32) {
		var memory memsource.Sparse
		if memory.Add(fuzzStack, b) != nil {
			return
		}
		regs := unwind.Context{Machine: unwind.X86, PC: uint64(fuzzImage + rva), KnownInt: 0xff}
		regs.Int[1], regs.Int[unwind.RegEBP] = uint64(ecx), uint64(fuzzStack+ecx%0x80)
		regs.SetSP(uint64(fuzzStack + sp))
		var walked []unwind.Frame
		for frame, err := range unwind.Walk(t.Context(), stacks.In(&memory), regs) {
			if err != nil {
				break
			}
			walked = append(walked, frame)
		}
		frames := stacks.Name(t.Context(), 7, walked)
		stacks.Variables(t.Context(), &memory, frames, nil)
		proof := symres.ProofExact
		for i := range frames {
			proof = min(proof, frames[i].Proof())
			checkFrame(t, &frames[i], proof)
		}
	})
}

func checkFrame(t *testing.T, f *stack.Frame, proof symres.Proof) {
	t.Helper()
	if f.Rule.Guess() && f.Proof() > symres.ProofWeak || f.Module == nil && f.Proof() > symres.ProofWeak {
		t.Errorf("%v: %v, %v", f, f.Rule, f.Proof())
	}
	for i := range f.Variables {
		v := &f.Variables[i]
		known := v.Known || v.Text != "" || v.InMemory
		if v.Known && (v.Err != nil || v.Text == "") || (v.Err == nil) != known && !v.InMemory || v.Proof > proof {
			t.Errorf("%v: %+v", f, v)
		}
	}
	if text, err := json.Marshal(*f); err != nil || !json.Valid(text) {
		t.Errorf("%s, %v", text, err)
	}
}
