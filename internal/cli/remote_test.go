package cli_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pdb/undname"
)

// tollgate is a proxy that lets all pass that its clients sent before any of it was
// answered, when nobody has sent anything for a while: 30 ms are added to each request.
// How often it opens is the length of the longest chain of requests that wait for each
// other.
type tollgate struct {
	listener net.Listener
	to       string

	mu    sync.Mutex // guards the fields below
	timer *time.Timer
	held  []parcel
	tolls tolls
}

type parcel struct {
	to net.Conn
	b  []byte
}

// tolls is what passed.
type tolls struct {
	rounds, requests, most int   // most is how many requests were under way at once
	bytes                  int64 // of the answers
}

const gateQuiet = 30 * time.Millisecond

// newTollgate starts a proxy in front of an address.
func newTollgate(t testing.TB, to string) *tollgate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &tollgate{listener: l, to: to}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

func (g *tollgate) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		b := make([]byte, 256<<10)
		for {
			n, err := server.Read(b)
			g.mu.Lock()
			g.tolls.bytes += int64(n)
			g.mu.Unlock()
			if _, werr := client.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := client.Read(b)
		if err != nil {
			return
		}
		g.mu.Lock()
		g.held = append(g.held, parcel{server, bytes.Clone(b[:n])})
		if g.timer == nil {
			g.timer = time.AfterFunc(gateQuiet, g.open)
		} else {
			g.timer.Reset(gateQuiet)
		}
		g.mu.Unlock()
	}
}

func (g *tollgate) open() {
	g.mu.Lock()
	held := g.held
	g.held = nil
	if len(held) > 0 {
		g.tolls.rounds++
		g.tolls.requests += len(held)
		g.tolls.most = max(g.tolls.most, len(held))
	}
	g.mu.Unlock()
	for _, p := range held {
		p.to.Write(p.b)
	}
}

// take returns what passed since the last time.
func (g *tollgate) take() tolls {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.tolls
	g.tolls = tolls{}
	return out
}

// farTarget is an image whose PDB is far away, behind a tollgate, and here to compare
// answers with.
type farTarget struct {
	image, pdb string
	gate       *tollgate
	server     string
}

// newFarTarget serves the PDB that SYMRES_GEN_PDB names, with its image beside it.
func newFarTarget(t testing.TB) *farTarget {
	t.Helper()
	far := &farTarget{pdb: os.Getenv("SYMRES_GEN_PDB")}
	if far.pdb == "" {
		t.Skip("SKIPPED, NOT PASSED: SYMRES_GEN_PDB names no generated PDB, with its image beside it")
	}
	far.image = strings.TrimSuffix(far.pdb, ".pdb") + ".exe"
	file, err := os.Open(far.pdb)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, ".pdb") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(file, 0, info.Size()))
	}))
	t.Cleanup(srv.Close)
	far.gate = newTollgate(t, srv.Listener.Addr().String())
	far.server = "http://" + far.gate.listener.Addr().String()
	return far
}

// farAsk is a question that is asked by a process of its own, with nothing of the PDB here.
type farAsk struct {
	name string
	args func(some []pdb.Symbol) []string
	most tolls // for each answer
}

// qualified is how a public function of the generated programs is called, undecorated.
func qualified(s pdb.Symbol) string {
	name, _, _ := strings.Cut(undname.NameOnly(s.Name()), "(")
	return name
}

func farAsks(base uint64) []farAsk {
	each := func(cmd string, word func(pdb.Symbol) string) func([]pdb.Symbol) []string {
		return func(some []pdb.Symbol) []string {
			args := []string{cmd}
			for _, s := range some {
				args = append(args, word(s))
			}
			return args
		}
	}
	address := func(s pdb.Symbol) string { return fmt.Sprintf("%#x", base+uint64(s.RVA)+uint64(s.Offset%5)) }
	one := func(f func([]pdb.Symbol) []string) func([]pdb.Symbol) []string {
		return func(some []pdb.Symbol) []string { return f(some[:1]) }
	}
	typeOf := func(s pdb.Symbol) string {
		unit, _, _ := strings.Cut(qualified(s), "::")
		return unit + "::Rec1"
	}
	// What is reached at 853 MB. Less is wanted of names and of many addresses, see
	// BENCHMARKS.md.
	return []farAsk{
		{"name", one(each("lookup", qualified)), tolls{rounds: 16, bytes: 24 << 20}},
		{"address", one(each("nearest", address)), tolls{rounds: 12, bytes: 5 << 20}},
		{"type", one(each("type", typeOf)), tolls{rounds: 11, bytes: 15 << 20}},
		{"ten names", each("lookup", qualified), tolls{rounds: 28, bytes: 1 << 40}},
		{"ten addresses", each("nearest", address), tolls{rounds: 48, bytes: 1 << 40}},
	}
}

// TestRemote_rounds asks questions of a PDB on a server, each in a process that has
// nothing of it: how many requests wait for each other, and how much comes, is held to
// limits, and the answers to those of the file here. A second process asks for nothing.
func TestRemote_rounds(t *testing.T) {
	far := newFarTarget(t)
	f, err := pdb.Open(far.pdb)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var publics []pdb.Symbol
	for s, err := range f.Publics() {
		if err != nil {
			t.Fatal(err)
		}
		if s.HasRVA && s.Flags&pdb.PublicFunction != 0 && strings.Contains(s.Name(), "@u_Q") {
			publics = append(publics, s)
		}
	}
	const n = 20
	for _, q := range farAsks(0x140000000) {
		t.Run(q.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 4))
			var all []tolls
			for range n {
				var some []pdb.Symbol
				for range 10 {
					some = append(some, publics[rnd.IntN(len(publics))])
				}
				all = append(all, far.ask(t, q, some))
			}
			report(t, q.name, all)
		})
	}
}

func (far *farTarget) ask(t *testing.T, q farAsk, some []pdb.Symbol) tolls {
	t.Helper()
	dir := t.TempDir()
	far.gate.take()
	args := q.args(some)
	path := "srv*" + filepath.Join(dir, "cache") + "*" + far.server
	got := far.run(t, args, "--sympath", path, "--remote", "lazy")
	cost := far.gate.take()
	if want := far.run(t, args, "--pdb", far.pdb); got != want || want == "" {
		t.Errorf("%q: %s\nwant %s", args, got, want)
	}
	if cost.rounds > q.most.rounds || cost.bytes > q.most.bytes || cost.most > 64 {
		t.Errorf("%q: %+v, want at most %+v", args, cost, q.most)
	}
	if again := far.run(t, args, "--sympath", path, "--remote", "lazy"); again != got || far.gate.take().requests > 0 {
		t.Errorf("%q: a second process made requests, or had another answer", args)
	}
	return cost
}

// run runs the command in a process of its own.
func (far *farTarget) run(t *testing.T, args []string, more ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("symres", slices.Concat(args[:1], []string{"--image", far.image}, more, []string{"--"}, args[1:])...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%q: %v: %s", cmd.Args, err, &stderr)
	}
	return stdout.String()
}

// report prints the median and the worst of what questions cost.
func report(t *testing.T, name string, all []tolls) {
	median := func(of func(tolls) int64) string {
		slices.SortFunc(all, func(a, b tolls) int { return cmp.Compare(of(a), of(b)) })
		return fmt.Sprintf("%d, worst %d", of(all[len(all)/2]), of(all[len(all)-1]))
	}
	t.Logf("%d times %s: rounds %s; requests %s; bytes %s", len(all), name, median(func(c tolls) int64 { return int64(c.rounds) }),
		median(func(c tolls) int64 { return int64(c.requests) }), median(func(c tolls) int64 { return c.bytes }))
}
