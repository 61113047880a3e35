package symres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/sympath"
)

// trialsSeed makes the trials what they are, with the number of the trial.
const trialsSeed = 20261122

// trial is one right image in memory and one wrong copy of it.
type trial struct {
	kind, machine string
	base          uint64
	right, wrong  []byte
	pages         []int // resident
	memory        []byte
	module        symres.Module
}

// trialMachines have a preferred base and one to move to.
func trialMachines() map[string]uint64 {
	return map[string]uint64{"x86": 0xf0000000, "x64": 0xfffff80310000000, "arm": 0x81000000, "arm64": 0xfffff80720000000}
}

// newTrial draws everything from one source of chance.
func newTrial(t testing.TB, n int) trial {
	rng := rand.New(rand.NewPCG(trialsSeed, uint64(n)))
	machines := []string{"x86", "x64", "arm", "arm64"}
	tr := trial{machine: machines[rng.IntN(4)]}
	tr.right = fixture.Bytes(t, "wide/"+tr.machine+"/wide.sys")
	tr.base = trialMachines()[tr.machine] + uint64(rng.IntN(0x800))<<16
	tr.memory = imageAt(t, tr.right, tr.base).Bytes()
	tr.pages = rng.Perm(len(tr.memory) / 0x1000)[:1+rng.IntN(32)]
	slices.Sort(tr.pages)
	tr.kind = []string{"sibling build", "one page changed", "wrong architecture", "other relocation"}[rng.IntN(4)]
	switch tr.kind {
	case "sibling build":
		tr.wrong = sibling(t, rng, tr.right)
	case "one page changed":
		tr.wrong = onePageChanged(t, rng, tr.right)
	case "wrong architecture":
		tr.wrong = fixture.Bytes(t, "wide/"+machines[(slices.Index(machines, tr.machine)+1+rng.IntN(3))%4]+"/wide.sys")
	case "other relocation":
		tr.wrong = otherRelocation(t, rng, tr.right)
	}
	h := headersOf(t, tr.right)
	tr.module = symres.Module{Image: "wide.sys", Base: tr.base, Size: uint64(len(tr.memory))}
	if rng.IntN(2) == 0 {
		tr.module.CheckSum = h.CheckSum
	}
	if rng.IntN(2) == 0 {
		tr.module.TimeDateStamp, tr.module.SizeOfImage = h.TimeDateStamp, h.SizeOfImage
	}
	return tr
}

func headersOf(t testing.TB, file []byte) *peimage.Headers {
	t.Helper()
	h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// compared returns the file offsets of the bytes of code and constants.
func compared(h *peimage.Headers) (ranges [][2]uint32) {
	for _, s := range h.Sections {
		if s.Characteristics&0x82000000 == 0 && !strings.HasPrefix(s.Name, "INIT") {
			ranges = append(ranges, [2]uint32{s.RawOffset, s.RawOffset + min(s.RawSize, s.VirtualSize)})
		}
	}
	return ranges
}

// scramble changes up to n bytes somewhere in the code or the constants.
func scramble(rng *rand.Rand, file []byte, ranges [][2]uint32, n int) {
	r := ranges[rng.IntN(len(ranges))]
	at := r[0] + rng.Uint32N(r[1]-r[0])
	for k := at; k < min(at+uint32(n), r[1], (at|0xfff)+1); k++ {
		file[k] ^= byte(1 + rng.IntN(255))
	}
}

// sibling is another build: the same stamp and size, a few functions and the
// GUID different, and a checksum that is right.
func sibling(t testing.TB, rng *rand.Rand, file []byte) []byte {
	b := bytes.Clone(file)
	ranges := compared(headersOf(t, file))
	for range 1 + rng.IntN(8) {
		scramble(rng, b, ranges, 16+rng.IntN(512))
	}
	guid := bytes.Index(file, []byte("RSDS")) + 4
	binary.LittleEndian.PutUint64(b[guid:], rng.Uint64())
	putCheckSum(t, b)
	return b
}

// onePageChanged has a few bytes of one page changed, and a checksum that is
// right or still that of the original.
func onePageChanged(t testing.TB, rng *rand.Rand, file []byte) []byte {
	b := bytes.Clone(file)
	for bytes.Equal(b, file) {
		scramble(rng, b, compared(headersOf(t, file)), 1+rng.IntN(64))
	}
	if rng.IntN(2) == 0 {
		putCheckSum(t, b)
	}
	return b
}

// otherRelocation says to have been linked for another base than it was.
func otherRelocation(t testing.TB, rng *rand.Rand, file []byte) []byte {
	b := bytes.Clone(file)
	at := binary.LittleEndian.Uint32(b[0x3c:]) + 24 + 28
	if headersOf(t, file).Is64() {
		at -= 4
	}
	binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])+uint32(1+rng.IntN(255))<<16)
	if rng.IntN(2) == 0 {
		putCheckSum(t, b)
	}
	return b
}

func putCheckSum(t testing.TB, file []byte) {
	t.Helper()
	sum, err := peimage.Checksum(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(file[binary.LittleEndian.Uint32(file[0x3c:])+24+64:], sum)
}

// differs reports whether a resident page has a byte of code or constants that
// the wrong copy, laid out by another implementation, does not have.
func (tr trial) differs(t testing.TB) bool {
	wrong := laidOutLoosely(tr.wrong, tr.base)
	if wrong == nil {
		return true
	}
	for _, s := range headersOf(t, tr.wrong).Sections {
		if s.Characteristics&0x82000000 != 0 || strings.HasPrefix(s.Name, "INIT") {
			continue
		}
		for _, n := range tr.pages {
			from, to := max(n*0x1000, int(s.VirtualAddress)), min((n+1)*0x1000, int(s.VirtualAddress+s.VirtualSize), len(wrong), len(tr.memory))
			if from < to && !bytes.Equal(wrong[from:to], tr.memory[from:to]) {
				return true
			}
		}
	}
	return false
}

// laidOutLoosely is nil for a file that cannot be at base at all.
func laidOutLoosely(file []byte, base uint64) []byte {
	b, err := memtest.Image(file)
	if err == nil {
		b, err = b.At(base)
	}
	if err != nil {
		return nil
	}
	return b.Bytes()
}

// verify verifies the copies, first to last on the path.
func (tr trial) verify(t testing.TB, copies ...[]byte) *symres.Report {
	t.Helper()
	mem := new(memsource.Sparse)
	for _, n := range tr.pages {
		if err := mem.Add(tr.base+uint64(n)*0x1000, tr.memory[n*0x1000:][:0x1000]); err != nil {
			t.Fatal(err)
		}
	}
	var stores []sympath.Store
	for i, c := range copies {
		stores = append(stores, sympath.Dir(strconv.Itoa(i), fstest.MapFS{"wide.sys": {Data: c}}))
	}
	s, err := symres.NewSession(symres.Config{Memory: mem, Images: sympath.Chain(stores...)})
	if err == nil {
		defer s.Close() // and not at the end of thousands of trials
		err = s.Add(tr.module)
	}
	if err != nil {
		t.Fatal(err)
	}
	rep, err := s.Verify(context.Background(), "wide")
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// tally counts what became of the wrong copies of one kind.
type tally struct {
	trials, differing                 int
	confirmed, refused                int // with a differing range resident
	aloneConfirmed, aloneLikely       int // without one, the wrong copy alone
	aloneRefused                      int
	bothConfirmed, bothTied, bothElse int // without one, beside the right copy: the wrong one confirmed, tied, or the right one found
	rightRefused                      int // the right copy alone
}

func (c *tally) run(t testing.TB, tr trial, n int) {
	c.trials++
	if v := tr.verify(t, tr.right).Pages.Verdict; v == identify.VerdictMismatch {
		c.rightRefused++
		t.Errorf("trial %d (%s, %s): the right copy is refused", n, tr.kind, tr.machine)
	}
	alone := tr.verify(t, tr.wrong).Pages.Verdict
	if tr.differs(t) {
		c.differing++
		switch {
		case alone == identify.VerdictConfirmed:
			c.confirmed++
			t.Errorf("trial %d (%s, %s): a wrong copy is confirmed while a range that differs is resident", n, tr.kind, tr.machine)
		case alone == identify.VerdictMismatch:
			c.refused++
		}
		return
	}
	switch alone {
	case identify.VerdictConfirmed:
		c.aloneConfirmed++
		t.Errorf("trial %d (%s, %s): a wrong copy is confirmed by pages it shares", n, tr.kind, tr.machine)
	case identify.VerdictMismatch:
		c.aloneRefused++
	default:
		c.aloneLikely++
	}
	both := tr.verify(t, tr.wrong, tr.right)
	switch {
	case both.Image == "1/wide.sys":
		c.bothElse++
	case both.Pages.Verdict == identify.VerdictConfirmed:
		c.bothConfirmed++
		t.Errorf("trial %d (%s, %s): a wrong copy is confirmed beside the right one", n, tr.kind, tr.machine)
	default:
		c.bothTied++
	}
}

// row is a row of the report.
func (c tally) row(kind string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", kind, c.trials, c.differing, c.confirmed, c.refused,
		c.differing-c.confirmed-c.refused, c.aloneConfirmed, c.aloneLikely, c.aloneRefused, c.bothTied, c.rightRefused)
}

// TestFalseAcceptance holds wrong copies of images of which 1 to 32 random pages
// are resident against them. SYMRES_TRIALS sets how many; with 10000 the result
// must be the table committed in docs/proof.md.
func TestFalseAcceptance(t *testing.T) {
	trials := 120
	if text := os.Getenv("SYMRES_TRIALS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SYMRES_TRIALS=%s: want a number of trials", text)
		}
		trials = n
	}
	kinds := map[string]*tally{}
	for n := range trials {
		tr := newTrial(t, n)
		if kinds[tr.kind] == nil {
			kinds[tr.kind] = &tally{}
		}
		kinds[tr.kind].run(t, tr, n)
	}
	var table strings.Builder
	for _, kind := range []string{"sibling build", "one page changed", "wrong architecture", "other relocation"} {
		c := kinds[kind]
		if c == nil || c.differing == 0 || c.refused != c.differing {
			t.Errorf("%s: %+v; want every one with a differing range refused, and some", kind, c)
			continue
		}
		table.WriteString(c.row(kind))
	}
	const published = 10000
	if doc, err := os.ReadFile(filepath.Join("docs", "proof.md")); trials == published && (err != nil || !strings.Contains(string(doc), table.String())) {
		t.Errorf("docs/proof.md (%v) does not have these rows:\n%s", err, table.String())
	}
}
