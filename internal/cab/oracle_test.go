package cab_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
	"github.com/symres/symres/internal/fixture"
)

// TestCorpus expands real cabinets of other makers. The sums are those of
// cabextract 1.9's output.
func TestCorpus(t *testing.T) {
	shared := fixture.Shared(t)
	for name, want := range map[string]string{
		"mozilla+dump_syms/test_data/windows/basic32.pd_":                                                               "4895f5b09ed06dcc8f3e146a0c5b3af120930633b0b9b54f8049fee48e0a5a03",
		"mozilla-services+tecken/tecken/tests/data/symbols/qipcap64.pdb/293A285ED25871934C4C44205044422E1/qipcap64.pd_": "a2e970cdfa977c8622f34d01ab2b180618f99562370e0141ade18ca2cb9d4eca",
		"mozilla-services+tecken/tecken/tests/data/symbols/ShowSSEConfig.exe/6A4B9A365000/ShowSSEConfig.ex_":            "35674c07beb671322a5368c9880aac9e72da0b2233e27bc4013ad04162887291",
		"mozilla-services+tecken/tecken/tests/data/symbols/libEGL.dll/6A4B8EEE10000/libEGL.dl_":                         "89098c4f69797797006d98dbc10e08d002056aae150f2adbf5e62dd5cd0756bb",
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/targetapp_test_cv_allreg_i386/targetapp_test_cv_allreg_i386.cab":      "57cbbf26e8a8125a1ab76caafc27710d6c94adb7161ff6444d30a31ae34a1180",
		"ivellioscolin+kdlibcpp/kdlib/tests/dumps/win10_arm_rpi3_mem/win10_arm_rpi3_mem.cab":                            "970afb25368f05fd0fa58fa849ee756663ec69a5e804de4c45f6c715c973ea87",
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(shared, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := expand(b, cab.Limits{})
			if err != nil || sum(got) != want {
				t.Fatalf("%d bytes with sum %s, %v; want %s", len(got), sum(got), err, want)
			}
			theirs, err := cabextract(t, b)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "cabextract", got, theirs)
		})
	}
}

// randomLZX picks a window and a plan of blocks; some cross many frames, some
// are tiny, odd sizes included.
func randomLZX(rnd *rand.Rand, size int) cabbuild.LZX {
	m := cabbuild.LZX{Window: 15 + rnd.IntN(7)}
	for range rnd.IntN(6) {
		m.Blocks = append(m.Blocks, cabbuild.Block{
			Kind: cabbuild.BlockKind(1 + rnd.IntN(3)),
			Size: 1 + rnd.IntN([]int{40, 5000, 40000, 200000}[rnd.IntN(4)]),
		})
	}
	// Nothing but tiny blocks, each with its trees, overflows a data block.
	m.Blocks = append(m.Blocks, cabbuild.Block{Kind: cabbuild.BlockKind(1 + rnd.IntN(3)), Size: 20000 + rnd.IntN(100000)})
	if rnd.IntN(2) == 0 {
		m.E8Size = int32(1 + rnd.IntN(2*size))
	}
	return m
}

// TestLZXAgainstCabextract expands generated cabinets and compares the result
// with the data they were made of and with cabextract's.
func TestLZXAgainstCabextract(t *testing.T) {
	for seed := range uint64(rounds(t)) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		data := sample(rnd, 1+rnd.IntN([]int{50, 40000, 300000}[seed%3]))
		m := randomLZX(rnd, len(data))
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			b := single(t, m, data)
			got, err := expand(b, cab.Limits{})
			if err != nil {
				t.Errorf("%+v: %v", m, err)
			}
			diff(t, fmt.Sprintf("data, %+v", m), got, data)
			theirs, err := cabextract(t, b)
			if err != nil || !bytes.Equal(theirs, data) {
				diff(t, fmt.Sprintf("cabextract, %+v, %v", m, err), theirs, data)
			}
		})
	}
}

func rounds(t *testing.T) int {
	if testing.Short() {
		return 12
	}
	return 150
}
