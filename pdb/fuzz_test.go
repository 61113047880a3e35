package pdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/pdb"
)

// answers is everything a PDB says, as text: two parses must agree on it.
func answers(f *pdb.File, err error) string {
	var b strings.Builder
	say := func(v ...any) { fmt.Fprintln(&b, v...) }
	say(err)
	if err != nil {
		return b.String()
	}
	say(f.ID())
	say(f.Info())
	say(f.Sections())
	say(f.OriginalSections())
	say(f.Status())
	if r, err := f.Stream("srcsrv"); err != nil || r == nil {
		say(err)
	} else {
		say(io.ReadAll(r))
	}
	for m, err := range f.Modules() {
		say(m.Name, m.Object, m.Stream, m.HasStream, err)
	}
	n := 0
	for s, err := range f.Publics() {
		if n++; n > 3000 {
			break
		}
		say(s, s.RVA, s.HasRVA, err)
	}
	x, err := f.Index()
	say(err)
	for rva := uint32(0); rva < 0x5000; rva += 0x155 {
		say(f.Nearest(rva))
		say(f.NearestPublics(rva))
		if x != nil {
			say(x.Nearest(rva))
		}
	}
	say(f.ByName("_main"))
	say(f.GlobalsByName("MAIN", pdb.IgnoreCase))
	for _, seq := range []iter.Seq2[pdb.Symbol, error]{f.Symbols(), f.Globals(), f.Procs(), f.Module(1).Symbols(), f.Matching([]string{"MA"}, nil)} {
		n := 0
		for s, err := range seq {
			if n++; n > 3000 {
				break
			}
			say(s.Kind, s, s.RVA, s.HasRVA, s.Size, s.Type, s.Module, s.Value, err)
		}
	}
	say(codeAnswers(f))
	say(f.Check())
	return b.String()
}

// checkProperties holds any bytes to what is promised for all input.
func checkProperties(t *testing.T, data []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := pdb.New(bytes.NewReader(data), int64(len(data)))
	if err == nil {
		f.ByName("_main")
		f.Nearest(0x1010)
		f.GlobalsByName("main")
		for range f.Publics() {
		}
		for range f.Symbols() {
		}
		f.Index()
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20+4*uint64(len(data)) {
		t.Fatalf("%d bytes allocated for a file of %d", n, len(data))
	}
	if err != nil {
		if !errors.Is(err, pdb.ErrFormat) && !errors.Is(err, pdb.ErrUnsupported) {
			t.Fatalf("New: %v is neither ErrFormat nor ErrUnsupported", err)
		}
	} else {
		checkRoundTrip(t, f)
		checkPrivateRoundTrip(t, f)
	}
	one, two := answers(pdb.New(bytes.NewReader(data), int64(len(data)))), answers(pdb.NewMemory(data))
	if one != two {
		t.Fatalf("frame providers disagree:\n%s", firstDifference(one, two))
	}
}

// checkRoundTrip expects every public that is enumerated to be found by its
// name and by its address, unless Check knows why not.
func checkRoundTrip(t *testing.T, f *pdb.File) {
	t.Helper()
	problems := f.Check()
	n := 0
	for want, err := range f.Publics() {
		if n++; n > 500 {
			return
		}
		if err != nil {
			if len(problems) == 0 {
				t.Fatalf("Publics yields %v, Check nothing", err)
			}
			continue
		}
		same := func(s pdb.Symbol) bool {
			return s.Name() == want.Name() && s.Segment == want.Segment && s.Offset == want.Offset && s.RVA == want.RVA
		}
		got, err := f.ByName(want.Name())
		if (err != nil || !slices.ContainsFunc(got, same)) && len(problems) == 0 {
			t.Fatalf("ByName(%q) = %v, %v; want %v", want.Name(), got, err, want)
		}
		if moved, _ := rearranged(f); !want.HasRVA || moved || !inSection(f, want) {
			continue
		}
		near, err := f.NearestPublics(want.RVA)
		if (err != nil || !slices.ContainsFunc(near, same)) && len(problems) == 0 {
			t.Fatalf("NearestPublics(%#x) = %v, %v; want %v", want.RVA, near, err, want)
		}
	}
}

// inSection reports whether the address of a symbol is in its own section
// alone: sections of a bad file overlap, and symbols lie outside.
func inSection(f *pdb.File, s pdb.Symbol) bool {
	list, _ := f.Sections()
	in := 0
	for _, sec := range list {
		if s.RVA >= sec.VirtualAddress && s.RVA-sec.VirtualAddress < max(sec.VirtualSize, sec.SizeOfRawData)+0x1000 {
			in++
		}
	}
	own := list[s.Segment-1]
	return in == 1 && s.Offset < own.VirtualSize
}

func firstDifference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range la {
		if i >= len(lb) || la[i] != lb[i] {
			return fmt.Sprintf("line %d\n%.500s\n%.500s", i, la[i], lb[min(i, len(lb)-1)])
		}
	}
	return "one goes on longer"
}

// smallPDBs are the seeds: every block list and table form in a few KB.
func smallPDBs() [][]byte {
	var list [][]byte
	for _, change := range []func(*testPDB){
		func(*testPDB) {},
		func(p *testPDB) { *p = *privatePDB(); p.blockSize = 512 },
		func(p *testPDB) { p.scatter = true },
		func(p *testPDB) { p.contribV2 = true },
		func(p *testPDB) { p.edit = reverseMap },
		func(p *testPDB) { p.edit = stillAnswered["starts_descending"].edit },
		func(p *testPDB) { p.edit = func(s *testStreams) { s.list[numDBI] = nil } },
		func(p *testPDB) {
			p.opt = []uint16{0xFFFF, 0xFFFF, 0xFFFF, firstExtra, firstExtra, numSections}
			p.extra = [][]byte{le32(nil, 0x1000, 0x1000, 0x1100, 0x8000, 0x1800, 0)}
		},
	} {
		p := samplePDB()
		p.blockSize = 512
		change(p)
		list = append(list, p.write().Bytes())
	}
	return list
}

func FuzzOpen(f *testing.F) {
	for _, b := range smallPDBs() {
		f.Add(b)
	}
	f.Add([]byte("BSJB"))
	f.Fuzz(checkProperties)
}

// FuzzStreams puts streams into a sound container, so that what is in them is
// reached.
func FuzzStreams(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(stillAnswered)) {
		p := samplePDB()
		p.edit = func(s *testStreams) {
			stillAnswered[name].edit(s)
			f.Add(s.list[numInfo], s.list[numDBI], s.list[numPSI], s.list[numGSS], s.list[numSections])
		}
		p.write()
	}
	f.Fuzz(func(t *testing.T, info, dbi, psi, gss, sections []byte) {
		w := msfWriter{blockSize: 512, streams: [][]byte{nil, info, {}, dbi, {}, {}, psi, gss, sections}}
		if len(info)+len(dbi)+len(psi)+len(gss)+len(sections) > 1<<20 {
			return
		}
		checkProperties(t, w.write().Bytes())
	})
}

// mutationsEnv names the environment variable that asks for more mutations
// of each file than the few of a normal run.
const mutationsEnv = "SYMRES_MUTATIONS"

// mutate damages a copy of a PDB the way files get damaged: bits flip, words
// become extreme, blocks are copied over others, the end is cut off. Most
// damage is done where structure is dense.
func mutate(rnd *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	bs := int(b[32]) | int(b[33])<<8 | int(b[34])<<16
	for range 1 + rnd.IntN(4) {
		at := rnd.IntN(len(b))
		switch rnd.IntN(4) {
		case 0:
			at = rnd.IntN(64) // superblock
		case 1:
			at = max(0, len(b)-1-rnd.IntN(min(len(b), 4*bs))) // the directory is often last
		}
		switch rnd.IntN(6) {
		case 0, 1:
			b[at] ^= 1 << rnd.IntN(8)
		case 2, 3:
			at = min(at&^3, len(b)-4)
			put32(b, at, []uint32{0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFE, rnd.Uint32()}[rnd.IntN(7)])
		case 4:
			from, to := rnd.IntN(len(b)/bs)*bs, rnd.IntN(len(b)/bs)*bs
			copy(b[to:to+bs], b[from:from+bs])
		case 5:
			if rnd.IntN(4) == 0 {
				b = b[:max(bs, at/bs*bs+rnd.IntN(3)-1)]
			}
		}
	}
	return b
}

func mutations(n int) int {
	if v, err := strconv.Atoi(os.Getenv(mutationsEnv)); err == nil {
		return v
	}
	return n
}

func TestMutatedSamples(t *testing.T) {
	for i, b := range smallPDBs() {
		rnd := rand.New(rand.NewPCG(uint64(i), 7))
		for n := range mutations(200) {
			mutated := mutate(rnd, b)
			if checkProperties(t, mutated); t.Failed() {
				t.Fatalf("sample %d, mutation %d", i, n)
			}
		}
	}
}

func TestMutatedCorpus(t *testing.T) {
	for i, c := range corpusPDBs(t) {
		b, err := os.ReadFile(c[1])
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(uint64(i), 8))
		t.Run(filepath.Base(c[0]), func(t *testing.T) {
			for range mutations(3) {
				checkProperties(t, mutate(rnd, b))
			}
		})
	}
}
