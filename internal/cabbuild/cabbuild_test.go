package cabbuild_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/symres/symres/internal/cabbuild"
)

func Example() {
	text := bytes.Repeat([]byte("symbols "), 8000)
	cabinet, err := cabbuild.Cabinet{Folders: []cabbuild.Folder{{
		Method: cabbuild.LZX{Window: 16},
		Files:  []cabbuild.File{{Name: "readme.txt", Data: text}},
	}}}.Bytes()
	fmt.Printf("%s, %t, %v\n", cabinet[:4], len(cabinet) < 600, err)
	// Output: MSCF, true, <nil>
}

// TestUncompressedBlock checks the example of [MS-PATCH] 3, less its chunk
// size, which cabinets do not have.
func TestUncompressedBlock(t *testing.T) {
	m := cabbuild.LZX{Window: 17, Blocks: []cabbuild.Block{{Kind: cabbuild.Uncompressed, Size: 3}}}
	frames, err := m.Pack([]byte("abc"))
	if err != nil || len(frames) != 1 {
		t.Fatal(frames, err)
	}
	const want = "00303000" + "010000000100000001000000" + "61626300"
	if got := hex.EncodeToString(frames[0].Packed); got != want || frames[0].Size != 3 {
		t.Errorf("got %s of %d bytes, want %s", got, frames[0].Size, want)
	}
}

func TestInvalid(t *testing.T) {
	for name, m := range map[string]cabbuild.Method{
		"window": cabbuild.LZX{Window: 22},
		"block":  cabbuild.LZX{Window: 15, Blocks: []cabbuild.Block{{Kind: cabbuild.Verbatim}}},
		"frame":  cabbuild.Raw{Frames: []cabbuild.Frame{{Packed: make([]byte, 1<<16)}}},
		"frames": cabbuild.Raw{Frames: make([]cabbuild.Frame, 1<<16)},
	} {
		c := cabbuild.Cabinet{Folders: []cabbuild.Folder{{Method: m, Files: []cabbuild.File{{Data: []byte("x")}}}}}
		if _, err := c.Bytes(); !errors.Is(err, cabbuild.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}
