package pdb_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/ranged"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pdb/undname"
)

// roundReader counts rounds: requests of one round are those that were made before
// any of them was answered. It answers when nobody has asked for a while.
type roundReader struct {
	r io.ReaderAt

	mu      sync.Mutex // guards the fields below
	timer   *time.Timer
	pending []chan struct{}
	rounds  int
}

const farQuiet = 5 * time.Millisecond

func (f *roundReader) ReadRange(_ context.Context, p []byte, off int64) error {
	done := make(chan struct{})
	f.mu.Lock()
	if f.pending = append(f.pending, done); f.timer == nil {
		f.timer = time.AfterFunc(farQuiet, f.answer)
	} else {
		f.timer.Reset(farQuiet)
	}
	f.mu.Unlock()
	<-done
	_, err := f.r.ReadAt(p, off)
	return err
}

func (f *roundReader) answer() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pending) == 0 {
		return
	}
	f.rounds++
	for _, done := range f.pending {
		close(done)
	}
	f.pending = nil
}

// farFile opens a file far away, with nothing of it here.
func farFile(t *testing.T, r io.ReaderAt, size int64) (*ranged.File, *roundReader) {
	t.Helper()
	part, err := ranged.Temporary(size)
	if err != nil {
		t.Fatal(err)
	}
	rounds := &roundReader{r: r}
	f := ranged.New(ranged.Config{Size: size, Reader: rounds, Part: part})
	t.Cleanup(func() { f.Close() })
	return f, rounds
}

// farCost is what a question may cost at worst, and may cost in the middle.
type farCost struct {
	rounds, requests int
	bytes            int64
}

// farQuestion is asked of the same PDB near and far.
type farQuestion struct {
	name  string
	ask   func(f *pdb.File, publics []pdb.Symbol, rva uint32) (any, error)
	worst farCost
}

func farQuestions() []farQuestion {
	return []farQuestion{
		{"open", func(f *pdb.File, _ []pdb.Symbol, _ uint32) (any, error) { return f.Info(), nil }, farCost{5, 20, 2 << 20}},
		{"name", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) { return f.ByName(publics[0].Name()) }, farCost{9, 300, 16 << 20}},
		{"symbols of a name", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) {
			var all []pdb.Symbol
			for s, err := range f.Named(publics[0].Name()) {
				if err != nil {
					return nil, err
				}
				all = append(all, s)
			}
			return fmt.Sprint(all), nil
		}, farCost{16, 450, 28 << 20}},
		{"address", func(f *pdb.File, _ []pdb.Symbol, rva uint32) (any, error) {
			s, err := f.Nearest(rva)
			if err != nil {
				return nil, err
			}
			frames, err := f.Frames(rva)
			line, _, _ := f.LineAt(rva)
			return fmt.Sprint(s, frames, line), err
		}, farCost{12, 200, 5 << 20}},
		{"type", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) {
			s, err := f.TypeByName(typeIn(publics[0].Name()))
			return fmt.Sprint(s.Name(), err), nil
		}, farCost{11, 100, 15 << 20}},
		{"ten names", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) {
			f.ExpectNames(namesOf(publics)...)
			return together(publics, func(p pdb.Symbol) (any, error) { return f.ByName(p.Name()) })
		}, farCost{16, 800, 84 << 20}},
		{"symbols of ten names", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) {
			f.ExpectNames(shownOf(publics)...)
			return together(publics, func(p pdb.Symbol) (any, error) {
				var all []string
				for s, err := range f.Named(shownOf([]pdb.Symbol{p})[0]) {
					all = append(all, fmt.Sprint(s, err))
				}
				return all, nil
			})
		}, farCost{32, 800, 110 << 20}},
		{"ten addresses", func(f *pdb.File, publics []pdb.Symbol, _ uint32) (any, error) {
			var rvas []uint32
			for _, p := range publics {
				rvas = append(rvas, p.RVA)
			}
			f.ExpectAddresses(rvas...)
			return together(publics, func(p pdb.Symbol) (any, error) { return f.Nearest(p.RVA) })
		}, farCost{19, 800, 15 << 20}},
	}
}

func namesOf(publics []pdb.Symbol) (names []string) {
	for _, p := range publics {
		names = append(names, p.Name())
	}
	return names
}

// shownOf are the names as they are shown and typed.
func shownOf(publics []pdb.Symbol) (names []string) {
	for _, p := range publics {
		name, _, _ := strings.Cut(undname.NameOnly(p.Name()), "(")
		names = append(names, name)
	}
	return names
}

// typeIn is a type of the unit that a name of the generated PDBs is from.
func typeIn(name string) string {
	if i := strings.Index(name, "u_Q"); i >= 0 {
		return name[i:min(len(name), i+7)] + "::Rec1"
	}
	return "_GUID"
}

// together asks a question for each public.
func together(publics []pdb.Symbol, ask func(pdb.Symbol) (any, error)) (any, error) {
	var answers []any
	var failed error
	for _, p := range publics {
		a, err := ask(p)
		answers, failed = append(answers, a), cmp.Or(failed, err)
	}
	return fmt.Sprint(answers), failed
}

// TestFar asks a file that is far away, each time with nothing of it here, and holds
// what that costs to limits and the answers to those of the same file near.
func TestFar(t *testing.T) {
	data := fixture.Bytes(t, "fs_rec/x64/private/fs_rec.pdb")
	checkFar(t, bytes.NewReader(data), int64(len(data)), 2)
}

func TestFar_corpus(t *testing.T) {
	path := filepath.Join(fixture.Shared(t), "npm-node-pty-1.1.0/prebuilds/win32-x64/conpty_console_list.pdb")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkFar(t, bytes.NewReader(data), int64(len(data)), 2)
}

func TestFar_generated(t *testing.T) {
	r, size := openGenerated(t)
	checkFar(t, r, size, 100)
}

func checkFar(t *testing.T, r io.ReaderAt, size int64, n int) {
	t.Helper()
	near, err := pdb.New(r, size)
	if err != nil {
		t.Fatal(err)
	}
	var publics []pdb.Symbol
	for s, err := range near.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		if s.HasRVA && s.Flags&pdb.PublicFunction != 0 {
			publics = append(publics, s)
		}
	}
	for _, q := range farQuestions() {
		t.Run(q.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, 6))
			var costs []farCost
			for range n {
				var some []pdb.Symbol
				for range 10 {
					some = append(some, publics[rnd.IntN(len(publics))])
				}
				costs = append(costs, askFar(t, q, near, r, size, some, some[0].RVA+uint32(rnd.IntN(4))))
			}
			reportFar(t, q, costs)
		})
	}
}

func askFar(t *testing.T, q farQuestion, near *pdb.File, r io.ReaderAt, size int64, publics []pdb.Symbol, rva uint32) farCost {
	t.Helper()
	file, rounds := farFile(t, r, size)
	defer file.Close()
	far, err := pdb.New(file, size)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Status(); err != nil { // as everybody asks who loads symbols
		t.Fatal(err)
	}
	want, errNear := q.ask(near, publics, rva)
	got, err := q.ask(far, publics, rva)
	if err != nil || errNear != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s, %#x: %v, %v; want %v, %v", publics[0].Name(), rva, got, err, want, errNear)
	}
	s := file.Stats()
	cost := farCost{rounds.rounds, s.Requests, s.Bytes}
	if cost.rounds > q.worst.rounds || cost.requests > q.worst.requests || cost.bytes > q.worst.bytes {
		t.Errorf("%s, %#x: %+v, want at most %+v", publics[0].Name(), rva, cost, q.worst)
	}
	return cost
}

func reportFar(t *testing.T, q farQuestion, costs []farCost) {
	var of [3][]int64
	for _, c := range costs {
		of[0], of[1], of[2] = append(of[0], int64(c.rounds)), append(of[1], int64(c.requests)), append(of[2], c.bytes)
	}
	var text []string
	for i, what := range []string{"rounds", "requests", "bytes"} {
		slices.Sort(of[i])
		text = append(text, fmt.Sprintf("%s %d, worst %d", what, of[i][len(costs)/2], of[i][len(costs)-1]))
	}
	t.Logf("%d times %s: %s", len(costs), q.name, strings.Join(text, "; "))
}
