package cab_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// TestRawBlocksAtEveryBit puts uncompressed blocks behind data that end at
// each bit of a word, up to the frame's end or past it, of odd and even sizes.
func TestRawBlocksAtEveryBit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(41, 41))
	var c cabbuild.Cabinet
	var want []byte
	for n := range 96 {
		m := cabbuild.LZX{Window: 15 + n%7, Blocks: []cabbuild.Block{
			{Kind: cabbuild.Verbatim, Size: 1 + n},
			{Kind: cabbuild.Uncompressed, Size: 32766 - n + n%4},
			{Kind: cabbuild.Uncompressed, Size: 100 + n%3},
			{Kind: cabbuild.Aligned, Size: 90},
		}}
		data := sample(rnd, 33_000)
		if frames, err := m.Pack(data); err != nil || len(frames[0].Packed) == 32<<10 {
			continue // see TestRawBlockFillsItsData
		}
		want = append(want, data...)
		c.Folders = append(c.Folders, cabbuild.Folder{Method: m, Files: []cabbuild.File{{Name: "f", Data: data}}})
	}
	b := build(t, c)
	got, err := readAll(b)
	if err != nil || len(c.Folders) < 90 {
		t.Errorf("%d folders, %v", len(c.Folders), err)
	}
	diff(t, "contents", got, want)
	theirs, err := cabextract(t, b)
	if err != nil {
		t.Error(err)
	}
	diff(t, "cabextract", theirs, want)
}

// TestRawBlockFillsItsData has an uncompressed block go on behind a data block
// of exactly 32 KiB packed. cabextract 1.9 calls that corrupt, 7-Zip does not.
func TestRawBlockFillsItsData(t *testing.T) {
	data := sample(rand.New(rand.NewPCG(41, 41)), 40_000)
	for n := 1; n < 400; n++ {
		m := cabbuild.LZX{Window: 16, Blocks: []cabbuild.Block{
			{Kind: cabbuild.Verbatim, Size: n}, {Kind: cabbuild.Uncompressed, Size: 33_000}, {Kind: cabbuild.Verbatim, Size: 9000},
		}}
		frames, err := m.Pack(data)
		if err != nil {
			t.Fatal(err)
		}
		if len(frames[0].Packed) != 32<<10 {
			continue
		}
		got, err := expand(single(t, m, data), cab.Limits{})
		if err != nil {
			t.Error(err)
		}
		diff(t, "contents", got, data)
		return
	}
	t.Error("no first block is of the size that makes the case")
}

// callFrame is a frame with calls at 0, 16, 32 and so on that have these
// targets.
func callFrame(targets []int32) []byte {
	frame := make([]byte, 16*len(targets))
	for i, target := range targets {
		frame[16*i] = 0xE8
		binary.LittleEndian.PutUint32(frame[16*i+1:], uint32(target))
	}
	return frame
}

// rawLZX is a folder of one uncompressed block of one frame.
func rawLZX(e8Size int32, data []byte) cabbuild.Raw {
	head := uint64(1)<<63 | uint64(uint32(e8Size))<<31 | 3<<28 | uint64(len(data))<<4
	var packed []byte
	for shift := 48; shift >= 0; shift -= 16 {
		packed = binary.LittleEndian.AppendUint16(packed, uint16(head>>shift))
	}
	packed = append(packed, "\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00"...)
	return cabbuild.Raw{Code: 15<<8 | 3, Frames: []cabbuild.Frame{{Packed: append(packed, data...), Size: len(data)}}}
}

// TestCallTargets translates targets at the edges of what counts as absolute,
// where a call counts as one and where it does not.
func TestCallTargets(t *testing.T) {
	const size = 1000
	stored := callFrame([]int32{0, 1, 999, size, 1001, -48, -81, -112, -113, -144, -145, math.MinInt32, math.MaxInt32, 5, 7})
	want := callFrame([]int32{0, 1 - 16, 999 - 32, size, 1001, size - 48, size - 81, size - 112, -113 + size, -144 + size, size - 145, math.MinInt32, math.MaxInt32, 5 - 208, 7 - 224})
	want, stored = want[:len(want)-5], stored[:len(stored)-5] // the last call is 11 bytes from the end
	cut := callFrame([]int32{3, 4})[:16+10]                   // and this one 10: too near
	for _, c := range []struct{ stored, want []byte }{{stored, want}, {cut, cut}} {
		b := single(t, rawLZX(size, c.stored), c.stored)
		got, err := expand(b, cab.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "contents", got, c.want)
		theirs, err := cabextract(t, b)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "cabextract", got, theirs)
	}
}

// TestCallsEndAtOneGiB: the first 32,768 frames are translated, no more. That
// cabextract has it so was measured on a folder of 1 GiB and 64 KiB.
func TestCallsEndAtOneGiB(t *testing.T) {
	frame := callFrame([]int32{0, 100})
	last := cab.TranslateCalls(1<<30-32768, 1<<30, frame)
	if target := int32(binary.LittleEndian.Uint32(last[1:])); target != -(1<<30 - 32768) {
		t.Errorf("in the last frame: target %#x", target)
	}
	if next := cab.TranslateCalls(1<<30, 1<<30, frame); !bytes.Equal(next, frame) {
		t.Errorf("in the frame after: % x", next)
	}
}

// TestRecentOffsets sets the recent offsets by an uncompressed block of four
// bytes and uses the first in the block behind it.
func TestRecentOffsets(t *testing.T) {
	data := []byte("aaaaaaaaaa")
	m := cabbuild.LZX{Window: 15, Blocks: []cabbuild.Block{{Kind: cabbuild.Uncompressed, Size: 4}, {Kind: cabbuild.Verbatim, Size: 6}}}
	for offset, want := range map[uint32]error{1: nil, 4: nil, 5: cab.ErrCorrupt, 0: cab.ErrCorrupt, 1 << 15: cab.ErrCorrupt, math.MaxUint32: cab.ErrCorrupt} {
		frames, err := m.Pack(data)
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint32(frames[0].Packed[4:], offset)
		got, err := expand(single(t, cabbuild.Raw{Code: m.Type(), Frames: frames}, data), cab.Limits{})
		if !errors.Is(err, want) || want == nil && !bytes.Equal(got, data) {
			t.Errorf("offset %d: %q, %v; want %v", offset, got, err, want)
		}
	}
}

// TestShortInnerFrame: all frames but the last are of 32 KiB.
func TestShortInnerFrame(t *testing.T) {
	first, second := rawLZX(9, []byte("abcd")).Frames[0], []byte("\x00\x60\x80\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00efgh")
	m := cabbuild.Raw{Code: 15<<8 | 3, Frames: []cabbuild.Frame{first, {Packed: second, Size: 4}}}
	if got, err := expand(single(t, m, []byte("abcdefgh")), cab.Limits{}); !errors.Is(err, cab.ErrCorrupt) {
		t.Errorf("%q, %v; want ErrCorrupt", got, err)
	}
}
