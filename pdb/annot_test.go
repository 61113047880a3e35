package pdb_test

import (
	"slices"
	"testing"

	"github.com/symres/symres/pdb"
)

// ops writes binary annotations: operations and operands one after the other.
func ops(nums ...uint32) string {
	var b []byte
	for _, n := range nums {
		switch {
		case n < 0x80:
			b = append(b, byte(n))
		case n < 0x4000:
			b = append(b, 0x80|byte(n>>8), byte(n))
		default:
			b = append(b, 0xC0|byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		}
	}
	return string(b)
}

// minus is a negative operand.
func minus(n uint32) uint32 { return n<<1 | 1 }

func TestAnnotations(t *testing.T) {
	at := func(start, end, line uint32) pdb.InlineRange {
		return pdb.InlineRange{Start: start, End: end, Line: line, File: pdb.NoFile}
	}
	for name, c := range map[string]struct {
		b    string
		want []pdb.InlineRange
	}{
		"empty":   {"", nil},
		"padding": {"\x00\x00\x00", nil},
		// mainCRTStartup of a program by Microsoft's compiler: two jumps, each
		// with a length, at 4 and at 4 + 9.
		"length_and_offset":      {ops(6, 2<<2, 12, 5, 4, 6, 2<<1, 12, 5, 9, 0), []pdb.InlineRange{at(4, 9, 4), at(13, 18, 6)}},
		"open_then_length":       {ops(3, 0x10, 4, 0x20), []pdb.InlineRange{at(0x10, 0x30, 0)}},
		"open_ends_at_next":      {ops(11, 2<<4<<1|4, 11, 1<<4<<1|8, 4, 3), []pdb.InlineRange{at(4, 12, 2), at(12, 15, 3)}},
		"twelve_ends_open":       {ops(11, 4, 6, 2, 12, 3, 8), []pdb.InlineRange{at(4, 12, 0), at(12, 15, 1)}},
		"twelve_does_not_move":   {ops(12, 0x10, 4, 12, 2, 6), []pdb.InlineRange{at(4, 0x14, 0), at(10, 12, 0)}},
		"length_moves":           {ops(3, 4, 4, 6, 3, 2, 4, 1), []pdb.InlineRange{at(4, 10, 0), at(12, 13, 0)}},
		"absolute_offset":        {ops(1, 0x200, 3, 4, 4, 2), []pdb.InlineRange{at(0x204, 0x206, 0)}},
		"line_goes_back":         {ops(6, 10<<1, 3, 1, 6, minus(4), 3, 1, 4, 1), []pdb.InlineRange{at(1, 2, 10), at(2, 3, 6)}},
		"line_goes_back_in_11":   {ops(6, 10<<1, 3, 1, 11, minus(4)<<4|1, 4, 1), []pdb.InlineRange{at(1, 2, 10), at(2, 3, 6)}},
		"same_offset_twice":      {ops(3, 4, 6, 2, 3, 0, 4, 1), []pdb.InlineRange{at(4, 5, 1)}},
		"never_ended":            {ops(3, 4, 3, 2), []pdb.InlineRange{at(4, 6, 0)}},
		"ignored_operations":     {ops(7, 1, 8, 0, 10, 3, 13, 9, 3, 4, 4, 1), []pdb.InlineRange{at(4, 5, 0)}},
		"two_and_four_bytes":     {ops(3, 0x3FFF, 4, 0x1FFFFFFF), []pdb.InlineRange{at(0x3FFF, 0x20003FFE, 0)}},
		"padding_between":        {ops(0, 3, 4, 0, 0, 4, 1), []pdb.InlineRange{at(4, 5, 0)}},
		"unknown_operation":      {ops(3, 4, 4, 1, 14, 3, 3, 3), []pdb.InlineRange{at(4, 5, 0)}},
		"operand_cut_off":        {ops(3, 4, 4, 1, 3)[:5], []pdb.InlineRange{at(4, 5, 0)}},
		"operand_of_no_form":     {ops(3, 4, 4, 1, 3) + "\xE0\x01\x02\x03", []pdb.InlineRange{at(4, 5, 0)}},
		"second_operand_missing": {ops(3, 4, 12, 1), nil},
		"file_and_column": {ops(5, 0x18, 9, 7, 12, 5, 4), []pdb.InlineRange{
			{Start: 4, End: 9, File: 0x18, Column: 7}}},
		"separated_piece": {ops(12, 5, 4, 2, 1, 12, 3, 2), []pdb.InlineRange{
			at(4, 9, 0), {Chunk: 1, Start: 2, End: 5, File: pdb.NoFile}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pdb.RunAnnotations(c.b); !slices.Equal(got, c.want) {
				t.Errorf("% x:\n got %+v\nwant %+v", c.b, got, c.want)
			}
		})
	}
	// Deltas that run over 32 bits end it.
	far := ops(3, 0x1FFFFFFF)
	for range 4 {
		far += far
	}
	if got := pdb.RunAnnotations(far); len(got) != 7 {
		t.Errorf("%d ranges, want those below 2^32", len(got))
	}
}

// FuzzAnnotations: any bytes end, every range has a start below its end, and
// ranges that are written come back.
func FuzzAnnotations(f *testing.F) {
	f.Add([]byte(ops(6, 8, 12, 5, 4, 6, 4, 12, 5, 9)))
	f.Add([]byte(ops(11, 2<<4<<1|4, 11, 1<<4<<1|8, 4, 3, 2, 1, 12, 3, 2, 5, 0x18, 9, 4, 3, 100, 4, 0x4000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 4096)] // a record is not much longer
		got := pdb.RunAnnotations(string(b))
		if len(got) > len(b) {
			t.Fatalf("%d ranges from %d bytes", len(got), len(b))
		}
		for _, r := range got {
			if r.Start >= r.End {
				t.Fatalf("range %+v", r)
			}
		}
		want, text := writeRanges(b)
		if got := pdb.RunAnnotations(text); !slices.Equal(got, want) {
			t.Fatalf("% x:\n got %+v\nwant %+v", text, got, want)
		}
	})
}

// writeRanges makes ranges of any bytes, four for each, and annotations that
// say the same in one of three ways.
func writeRanges(b []byte) (want []pdb.InlineRange, text string) {
	at, line, file := uint32(0), uint32(0), uint32(pdb.NoFile)
	for ; len(b) >= 4; b = b[4:] {
		delta, size, lines := uint32(b[0]), uint32(b[1])+1, uint32(b[2])
		if f := uint32(b[3] >> 4); f != 0 && f != file {
			file = f
			text += ops(5, file)
		}
		line += lines
		text += ops(6, lines<<1)
		r := pdb.InlineRange{Start: at + delta, File: file, Line: line}
		r.End = r.Start + size
		switch b[3] & 3 {
		case 0:
			text += ops(12, size, delta)
			at += delta
		case 1:
			text += ops(3, delta, 4, size)
			at += delta + size
		default:
			text += ops(11, delta&0xF, 3, delta&^0xF, 4, size)
			at += delta + size
			if low := delta & 0xF; delta != low {
				want = append(want, pdb.InlineRange{Start: r.Start - delta + low, End: r.Start, File: file, Line: line})
			}
		}
		want = append(want, r)
	}
	return want, text
}
