package fingerprint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/symres/symres/internal/peimage"
)

// TestReloc_apply relocates by 0x12348000, worked out by hand. MOVW r0, #0xf00d
// and MOVT r0, #0x0123 load 0x0123f00d, which becomes 0x1358700d: the sum of the
// low halves carries into the upper ones. The MOVL loads r14 with 87654321`fff0fedc.
func TestReloc_apply(t *testing.T) {
	const delta = 0x12348000
	for _, c := range []struct {
		name         string
		kind         uint8
		machine      uint16
		low          uint16
		before, want string
	}{
		{"HIGH", relHigh, machineI386, 0, "0100", "3512"},
		{"LOW", relLow, machineI386, 0, "0180", "0100"},
		{"HIGHLOW", relHighLow, machineI386, 0, "00000100", "00803512"},
		{"HIGHADJ, low half rounds up", relHighAdj, machineI386, 0x0001, "0100", "3612"},
		{"HIGHADJ, negative low half", relHighAdj, machineI386, 0xffff, "0100", "3512"},
		{"DIR64", relDir64, machineAMD64, 0, "00000040ffffffff", "00803452ffffffff"},
		{"ARM_MOV32", relArmMov, machineARM, 0, "0d000fe3230140e3", "0d0007e3580341e3"},
		{"THUMB_MOV32", relThumbMov, machineARMNT, 0, "4ff20d00c0f22310", "47f20d00c1f25830"},
		{"IA64_IMM64", relIA64Imm, machineIA64, 0, "0400000001c0ff21436507c0c115f66f", "0400000001001222436507c0c1b5f46b"},
	} {
		before, err := hex.DecodeString(c.before)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := width(c.kind, c.machine)
		if !ok || int(w) != len(before) {
			t.Errorf("%s: width %d, want %d", c.name, w, len(before))
			continue
		}
		got := bytes.Clone(before)
		reloc{kind: c.kind, low: c.low}.apply(got, delta)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %s relocated to %x, want %s", c.name, c.before, got, c.want)
		}
	}
	for kind := range uint8(16) {
		for _, machine := range []uint16{machineI386, machineAMD64, machineARM64} {
			_, ok := width(kind, machine)
			if want := kind <= relHighAdj || kind == relDir64; ok != want {
				t.Errorf("kind %d on machine %x: known %v, want %v", kind, machine, ok, want)
			}
		}
	}
}

// TestWindow_straddling has a relocation across two pages, and looks at either
// page with the other one read or not.
func TestWindow_straddling(t *testing.T) {
	file := make([]byte, 0x4000)
	for k := range file {
		file[k] = byte(k * 7)
	}
	binary.LittleEndian.PutUint64(file[0x1ffd:], 0x00000000fffff000)
	want := bytes.Clone(file)
	binary.LittleEndian.PutUint64(want[0x1ffd:], 0x00000000fffff000+0x123450000)
	image := &Image{
		r: bytes.NewReader(file), h: &peimage.Headers{ImageBase: 0x10000}, base: 0x10000 + 0x123450000, size: 0x4000,
		segments: []segment{{start: 0, end: 0x4000, raw: 0x4000}},
		relocs:   []reloc{{rva: 0x1ffd, kind: relDir64, width: 8}},
	}
	for _, pages := range [][]uint64{{1, 2}, {1}, {2}, {0, 2}, {0, 1, 2, 3}, {1, 3}} {
		w := window{image: image}
		for _, n := range pages {
			got, plain, err := w.page(n * PageSize)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want[n*PageSize:][:PageSize]) || !bytes.Equal(plain, file[n*PageSize:][:PageSize]) {
				t.Errorf("pages %v: page %d is not relocated as it should be", pages, n)
			}
		}
	}
}
