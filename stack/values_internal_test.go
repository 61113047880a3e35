package stack

import (
	"errors"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/unwind"
)

// TestShow wants values by their types, as kd shows them.
func TestShow(t *testing.T) {
	var memory memsource.Sparse
	wide := utf16.Encode([]rune("größe"))
	text := make([]byte, 0x400)
	copy(text, "file.txt\x00")
	for i, u := range wide {
		text[0x100+2*i], text[0x101+2*i] = byte(u), byte(u>>8)
	}
	copy(text[0x200:], "bad\x01\x00")
	copy(text[0x240:], "\xff\xfe\x00")
	for i := range 0x80 {
		text[0x280+i] = 'x'
	}
	copy(text[0x3fc:], "tail")
	if err := memory.Add(0x7000, text); err != nil {
		t.Fatal(err)
	}
	r := &reader{ctx: t.Context(), memory: &memory, machine: unwind.X64}
	color := func(v uint64) string { return map[uint64]string{1: "Red", 0xff: "None"}[v] }
	pointer := func(elem symbols.Form, size uint64) symbols.ValueType {
		return symbols.ValueType{Size: 8, Form: symbols.FormPointer, Elem: elem, ElemSize: size}
	}
	for _, c := range []struct {
		t     symbols.ValueType
		value uint64
		want  string
	}{
		{symbols.ValueType{Size: 4, Form: symbols.FormInt}, 0xfffffffb, "0n-5"},
		{symbols.ValueType{Size: 8, Form: symbols.FormInt}, 1 << 63, "0n-9223372036854775808"},
		{symbols.ValueType{Size: 2, Form: symbols.FormUint}, 0xffff, "0xffff"},
		{symbols.ValueType{Size: 1, Form: symbols.FormBool}, 1, "true"},
		{symbols.ValueType{Size: 1, Form: symbols.FormBool}, 0, "false"},
		{symbols.ValueType{Size: 1, Form: symbols.FormBool}, 7, "0x7"},
		{symbols.ValueType{Size: 1, Form: symbols.FormChar}, 'A', "0n65 'A'"},
		{symbols.ValueType{Size: 1, Form: symbols.FormChar}, 0xe4, "0n-28"},
		{symbols.ValueType{Size: 2, Form: symbols.FormChar}, 0xe4, "0n228 'ä'"},
		{symbols.ValueType{Size: 2, Form: symbols.FormChar}, 0x202e, `0n8238 '\u202e'`},
		{symbols.ValueType{Size: 4, Form: symbols.FormFloat}, 0x4048f5c3, "3.14"},
		{symbols.ValueType{Size: 8, Form: symbols.FormFloat}, 0x7ff0000000000000, "+Inf"},
		{symbols.ValueType{Size: 4, Form: symbols.FormEnum, Constant: color}, 1, "Red (0n1)"},
		{symbols.ValueType{Size: 1, Form: symbols.FormEnum, Constant: color}, 0xff, "None (0n-1)"},
		{symbols.ValueType{Size: 4, Form: symbols.FormEnum, Constant: color}, 9, "0n9 (no constant has this value)"},
		{pointer(symbols.FormInt, 4), 0x7000, "0x00000000`00007000"},
		{pointer(symbols.FormChar, 1), 0x7000, "0x00000000`00007000 \"file.txt\""},
		{pointer(symbols.FormChar, 2), 0x7100, "0x00000000`00007100 \"größe\""},
		{pointer(symbols.FormChar, 1), 0x7200, "0x00000000`00007200"},
		{pointer(symbols.FormChar, 1), 0x7240, "0x00000000`00007240"},
		{pointer(symbols.FormChar, 1), 0x7280, "0x00000000`00007280 \"" + string(slices.Repeat([]byte("x"), maxText)) + "\"..."},
		{pointer(symbols.FormChar, 1), 0x73fc, "0x00000000`000073fc"}, // does not end in what is there
		{pointer(symbols.FormChar, 1), 0, "0x00000000`00000000"},
		{pointer(symbols.FormChar, 1), ^uint64(0), "0xffffffff`ffffffff"},
	} {
		b := make([]byte, c.t.Size)
		for i := range b {
			b[i] = byte(c.value >> (8 * i))
		}
		var out Variable
		if r.show(&out, &c.t, b); out.Text != c.want || out.Value != c.value || !out.Known {
			t.Errorf("%v of %d: %q, %x; not %q", c.t.Form, c.t.Size, out.Text, out.Value, c.want)
		}
	}
}

// TestVariablePieces: a value in parts is one where all are known, and says of each
// part what is known of it where not.
func TestVariablePieces(t *testing.T) {
	var memory memsource.Sparse
	if err := memory.Add(0x7000, []byte{1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b', 0}); err != nil {
		t.Fatal(err)
	}
	lost := errors.New("gone")
	long := symbols.ValueType{Name: "long long", Size: 8, Form: symbols.FormInt}
	for _, c := range []struct {
		t      symbols.ValueType
		pieces []symbols.Piece
		err    error
		want   string
		known  bool
	}{
		{long, []symbols.Piece{{Value: []byte{2, 0, 0, 0, 0, 0, 0, 0, 9}}}, nil, "long long v = 0n2", true},
		{long, []symbols.Piece{{InMemory: true, Address: 0x7000}}, nil, "long long v = 0n578437695752307201", true},
		{long, []symbols.Piece{{At: 4, Size: 4, Value: []byte{1, 0, 0, 0}}, {Size: 4, Value: []byte{7, 0, 0, 0}}}, nil, "long long v = 0n4294967303", true},
		{long, []symbols.Piece{{At: 4, Size: 4, Value: []byte{1, 0, 0, 0}}, {Size: 4, Err: lost}}, nil, "long long v = {+0x4: 0x1, +0x0: <not known: gone>}", false},
		{long, []symbols.Piece{{Err: lost}}, nil, "long long v = <not known: gone>", false},
		{long, []symbols.Piece{{InMemory: true, Address: 0x9000}}, nil, "long long v = <not known: 00009000: not mapped>", false},
		{long, nil, symbols.ErrOptimizedOut, "long long v = <optimised out>", false},
		{symbols.ValueType{Name: "S", Size: 40}, []symbols.Piece{{InMemory: true, Address: 0x7000}}, nil, "S v = at 00007000", false},
		{symbols.ValueType{Name: "char[3]", Size: 3, Form: symbols.FormArray, Elem: symbols.FormChar, ElemSize: 1}, []symbols.Piece{{InMemory: true, Address: 0x7008}}, nil, "char[3] v = at 00007008 \"ab\"", false},
		{symbols.ValueType{Name: "S", Size: 16}, []symbols.Piece{{Value: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}}}, nil, "S v = {+0x0: 0x090807060504030201}", false},
		{symbols.ValueType{Name: "S", Size: 12}, []symbols.Piece{{At: 8, InMemory: true, Address: 0x7000}, {Size: 8, Value: []byte{5}}}, nil, "S v = {+0x8: 0x4030201, +0x0: 0x5}", false},
	} {
		r := &reader{ctx: t.Context(), memory: &memory, machine: unwind.X86, proof: symres.ProofImage}
		v := symbols.Variable{Name: "v", Type: c.t, Pieces: c.pieces, Err: c.err}
		if out := r.variable(&v, &Frame{}); out.String() != c.want || out.Known != c.known || out.Proof != symres.ProofImage {
			t.Errorf("%s, known %v, %v; not %s", out.String(), out.Known, out.Proof, c.want)
		}
	}
}
