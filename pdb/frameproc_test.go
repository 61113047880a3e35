package pdb_test

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/symres/symres/pdb"
)

// TestCorpusFrameProcs compares what functions say about their frames with
// another reader's.
func TestCorpusFrameProcs(t *testing.T) {
	t.Parallel()
	total := 0
	head := regexp.MustCompile(`code size = (\d+)`)
	ends := regexp.MustCompile(`debug start = (\d+), debug end = (\d+)`)
	size := regexp.MustCompile(`^ *size = (\d+), padding size`)
	regs := regexp.MustCompile(`bytes of callee saved registers = (\d+)`)
	number := func(re *regexp.Regexp, line string, group int) uint32 {
		n, _ := strconv.ParseUint(re.FindStringSubmatch(line)[group], 10, 32)
		return uint32(n)
	}
	for _, c := range corpusPDBs(t) {
		f := open(t, c[1])
		want, all := map[pdb.FrameProc]bool{}, 0
		var p pdb.FrameProc
		for _, line := range pdbutil(t, c[1], "-symbols") {
			switch {
			case head.MatchString(line):
				p.Size = number(head, line, 1)
			case ends.MatchString(line):
				p.BodyStart, p.BodyEnd = number(ends, line, 1), number(ends, line, 2)
			case size.MatchString(line):
				p.Frame = number(size, line, 1)
			case regs.MatchString(line):
				p.SavedRegs = number(regs, line, 1)
				want[p] = true
				all++
			}
		}
		n := 0
		for s, err := range f.Procs() {
			if err != nil {
				t.Fatal(err)
			}
			p, ok, err := f.FrameRecords().FrameProcAt(s.RVA)
			if err != nil {
				t.Fatalf("%s: %s: %v", c[1], s.Name(), err)
			}
			if !ok || p.RVA != s.RVA {
				continue
			}
			if p.RVA, p.Flags, p.Type = 0, 0, 0; !want[p] {
				t.Errorf("%s: %s: %+v", filepath.Base(c[1]), s.Name(), p)
			}
			n++
		}
		if total += n; n < all*98/100 { // a few have the code of another
			t.Errorf("%s: %d functions have frames, the other reader has %d", c[1], n, all)
		}
	}
	if total < 1000 {
		t.Errorf("%d functions compared", total)
	}
}
