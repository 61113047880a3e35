package sympath_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/symres/symres/sympath"
)

const key2 = ntdllGUID + "2"

func ntdll(t testing.TB) sympath.Query {
	return sympath.Query{File: "ntdll.pdb", ID: sympath.PDB70(mustGUID(t, ntdllGUID), 2), ImageExt: "dll"}
}

func mustParse(t testing.TB, path string) sympath.Path {
	t.Helper()
	p, err := sympath.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStore_chains(t *testing.T) {
	const entry = "ntdll.pdb/" + key2 + "/ntdll.pdb"
	trees := map[string]fs.FS{
		"a": files(entry), "b": files(entry, "ntdll.pdb"), "DEF": files(entry), "empty": fstest.MapFS{},
		"marked": files("pingme.txt", entry, "ntdll.pdb"),
	}
	for _, c := range []struct{ path, want string }{
		{"srv*a*b", "a/" + entry + " cache, b/" + entry + " symsrv"},
		{"b;srv*a", "b/ntdll.pdb directory, a/" + entry + " symsrv"},
		{"cache*a;b", "a/" + entry + " cache, b/ntdll.pdb directory"},
		{"b;cache*a", "b/ntdll.pdb directory, a/" + entry + " cache"},
		{"cache*;empty", "DEF/" + entry + " cache"},
		{"cache*empty*a", "a/" + entry + " cache"},
		{"srv**b", "DEF/" + entry + " cache, b/" + entry + " symsrv"},
		{"srv*b*", "b/" + entry + " cache, DEF/" + entry + " cache"},
		{"srv*", "DEF/" + entry + " cache"},
		{"srv*https://h/x", "DEF/" + entry + " cache"},
		{"symsrv*symsrv.dll*a*https://h", "a/" + entry + " cache"},
		{"marked", "marked/" + entry + " symsrv"}, // a store that only looks like a directory
		{"srv*a;srv*a;cache*a", "a/" + entry + " symsrv"},
		{"empty;nowhere", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			store := mustParse(t, c.path).Store(sympath.Options{Dir: dirs(trees), Cache: "DEF"})
			var got []string
			for c, err := range store.Find(context.Background(), ntdll(t)) {
				if err != nil {
					continue
				}
				got = append(got, c.Location+" "+c.Origin.String())
				if text := content(t, c); !strings.HasSuffix(c.Location, text) {
					t.Errorf("%s holds %s", c.Location, text)
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("found %v\nwant %s", got, c.want)
			}
		})
	}
}

func TestStore_attempts(t *testing.T) {
	const path = `C:\sym;\\s\sh\x86fre;srv*DEF*https://h/sym/;srv*\\s\store`
	for _, c := range []struct {
		name string
		opts sympath.Options
		want string
	}{
		{"no hooks", sympath.Options{}, `C:\sym\ntdll.pdb path not found
\\s\sh\x86fre\ntdll.pdb not supported yet
DEF/ntdll.pdb/KEY/ntdll.pdb path not found
https://h/sym/ntdll.pdb/KEY/ntdll.pdb not supported yet
\\s\store\ntdll.pdb\KEY\ntdll.pdb not supported yet`},
		{"offline", sympath.Options{Offline: true, HTTP: failingHook(t), UNC: failingHook(t)}, `C:\sym\ntdll.pdb path not found
\\s\sh\x86fre\ntdll.pdb offline
DEF/ntdll.pdb/KEY/ntdll.pdb path not found
https://h/sym/ntdll.pdb/KEY/ntdll.pdb offline
\\s\store\ntdll.pdb\KEY\ntdll.pdb offline`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Dir = dirs(nil)
			_, miss := searchAll(t, mustParse(t, path).Store(c.opts), ntdll(t))
			if got := strings.ReplaceAll(attempts(miss), key2, "KEY"); got != c.want {
				t.Errorf("attempts\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func failingHook(t *testing.T) func(sympath.Element) (sympath.Store, error) {
	return func(e sympath.Element) (sympath.Store, error) {
		t.Errorf("hook called for %s", e.Text)
		return nil, nil
	}
}

func TestStore_hooks(t *testing.T) {
	fail := errors.New("no route")
	opts := sympath.Options{
		HTTP: func(e sympath.Element) (sympath.Store, error) {
			if !e.Keyed || e.Userinfo().Username() != "joe" {
				t.Errorf("hook got %+v", e)
			}
			return sympath.Symsrv(e.Text, files("ntdll.pdb/"+key2+"/ntdll.pdb")), nil
		},
		UNC: func(e sympath.Element) (sympath.Store, error) {
			if e.Keyed {
				return nil, fail
			}
			return nil, nil
		},
		Dir: dirs(map[string]fs.FS{"c": fstest.MapFS{}}),
	}
	got, miss := searchAll(t, mustParse(t, `\\s\sh;srv*c*\\s\store*https://joe:pw@h`).Store(opts), ntdll(t))
	if len(got) != 1 || got[0] != "https://h/ntdll.pdb/"+key2+"/ntdll.pdb" {
		t.Errorf("found %v", got)
	}
	if a := miss.Attempts[0]; a.Status != sympath.StatusError || a.Err == nil {
		t.Errorf("a hook without a store: %v", a)
	}
	if a := miss.Attempts[2]; a.Status != sympath.StatusError || !errors.Is(a.Err, fail) {
		t.Errorf("a hook that fails: %v", a)
	}
}

// own is a store of somebody else's: it keeps to the contract and no more.
type own struct {
	locations []string
	err       error
	miss      bool // ends with a NotFoundError
	trace     bool // tells its attempts as it makes them
}

func (o own) Find(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
	return func(yield func(sympath.Candidate, error) bool) {
		end := &sympath.NotFoundError{Query: q}
		for _, l := range o.locations {
			a := sympath.Attempt{Location: l, Status: sympath.StatusFound}
			end.Attempts = append(end.Attempts, a)
			if t := sympath.ContextTrace(ctx); o.trace && t != nil {
				t.Attempt(q, a)
			}
			if !yield(sympath.NewCandidate(l, sympath.OriginCustom, nil), nil) {
				return
			}
		}
		if o.err != nil && !yield(sympath.Candidate{}, o.err) {
			return
		}
		end.Attempts = append(end.Attempts, sympath.Attempt{Location: "end", Status: sympath.StatusNotFound})
		if t := sympath.ContextTrace(ctx); o.trace && t != nil {
			t.Attempt(q, end.Attempts[len(end.Attempts)-1])
		}
		if o.miss {
			yield(sympath.Candidate{}, end)
		}
	}
}

func TestChain_ownStores(t *testing.T) {
	broken := errors.New("broken")
	store := sympath.Chain(
		own{locations: []string{"bare"}},
		own{locations: []string{"told"}, miss: true},
		sympath.Chain(own{locations: []string{"live"}, miss: true, trace: true}),
		own{err: broken, miss: true},
		sympath.Dir("D", files("ntdll.pdb")),
	)
	var got, seen []string
	var errs []error
	ctx := sympath.WithTrace(context.Background(), &sympath.Trace{Attempt: func(_ sympath.Query, a sympath.Attempt) {
		seen = append(seen, a.Location+" "+a.Status.String())
	}})
	for c, err := range store.Find(ctx, sympath.Query{File: "ntdll.pdb"}) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		got = append(got, c.Location)
	}
	if strings.Join(got, " ") != "bare told live D/ntdll.pdb" {
		t.Errorf("found %v", got)
	}
	var miss *sympath.NotFoundError
	if len(errs) != 2 || errs[0] != broken || !errors.As(errs[1], &miss) {
		t.Fatalf("errors %v, want the broken store's and one NotFoundError", errs)
	}
	const want = `bare found
told found
end not found
live found
end not found
end not found
D/ntdll.pdb found`
	if attempts(miss) != want {
		t.Errorf("attempts\n%s\nwant\n%s", attempts(miss), want)
	}
	if strings.Join(seen, "\n") != want {
		t.Errorf("the trace saw\n%s\nwant\n%s", strings.Join(seen, "\n"), want)
	}
}

func TestChain_traceOfEachPath(t *testing.T) {
	count := map[string]int{}
	path := func(name string) sympath.Store {
		return mustParse(t, name).Store(sympath.Options{
			Dir:   dirs(map[string]fs.FS{name: files("f.sys")}),
			Trace: &sympath.Trace{Attempt: func(sympath.Query, sympath.Attempt) { count[name]++ }},
		})
	}
	searchAll(t, sympath.Chain(path("a"), path("b")), sympath.Query{File: "f.sys"})
	if count["a"] != 3 || count["b"] != 3 {
		t.Errorf("attempts traced: %v, want 3 for each path", count)
	}
}

func TestFind_stops(t *testing.T) {
	var seen int
	opts := sympath.Options{
		Dir:   dirs(map[string]fs.FS{"a": files("f"), "b": files("f")}),
		Trace: &sympath.Trace{Attempt: func(sympath.Query, sympath.Attempt) { seen++ }},
	}
	store := mustParse(t, "a;b;c").Store(opts)
	for c, err := range store.Find(context.Background(), sympath.Query{File: "f"}) {
		if c.Location != "a/f" || err != nil {
			t.Fatal(c, err)
		}
		break
	}
	if seen != 1 {
		t.Errorf("%d attempts though the first candidate was taken", seen)
	}
}

func TestFind_canceled(t *testing.T) {
	for _, store := range []sympath.Store{
		mustParse(t, "a;b").Store(sympath.Options{Dir: dirs(map[string]fs.FS{"a": files("f"), "b": files("f")})}),
		sympath.Chain(own{locations: []string{"x", "y"}, err: context.Canceled, miss: true}, own{locations: []string{"z"}}),
	} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		found := 0
		var last error
		for c, err := range store.Find(ctx, sympath.Query{File: "f"}) {
			if last != nil {
				t.Fatalf("%v, %v after %v", c, err, last)
			}
			if last = err; err == nil {
				found++
				cancel()
			}
		}
		if found != 1 || !errors.Is(last, context.Canceled) {
			t.Errorf("%d candidates, then %v", found, last)
		}
		if _, err := sympath.NewCandidate("x", 0, nil).Open(ctx); err == nil {
			t.Error("a candidate without a file opened")
		}
	}
}

func TestFind_concurrently(t *testing.T) {
	trees := map[string]fs.FS{"a": files("ntdll.pdb"), "b": files("ntdll.pdb/" + key2 + "/ntdll.pdb")}
	store := mustParse(t, "a;srv*b").Store(sympath.Options{Dir: dirs(trees)})
	q := ntdll(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n := 0
			for _, err := range store.Find(context.Background(), q) {
				if err == nil {
					n++
				}
			}
			if n != 2 {
				t.Errorf("%d candidates, want 2", n)
			}
		})
	}
	wg.Wait()
}

func TestNotFoundError_text(t *testing.T) {
	err := error(&sympath.NotFoundError{
		Query: sympath.Query{File: "a\x1b.pdb", ID: sympath.PDB20(0x3B7D82D3, 1)},
		Attempts: []sympath.Attempt{
			{Location: `C:\s\a.pdb`, Origin: sympath.OriginDir, Status: sympath.StatusNotFound},
			{Location: `C:\s\a.pdb\1\a.pdb`, Origin: sympath.OriginSymsrv, Status: sympath.StatusPathNotFound},
			{Location: "https://h/a", Origin: sympath.OriginHTTP, Status: sympath.StatusUnsupported},
			{Location: "d/\u202ea", Origin: sympath.OriginDir, Status: sympath.StatusError, Err: errors.New("is a\ndirectory")},
			{Location: "d/b", Origin: sympath.OriginDir, Status: sympath.StatusFound},
			{Location: "d/c", Origin: sympath.OriginDir, Status: sympath.StatusNotFound},
		},
	})
	const line = `a\x1b.pdb (3B7D82D31): not found: 2 not found, 1 path not found, 1 not supported yet, 1 error, 1 found`
	const all = line + `
DBGHELP: C:\s\a.pdb - file not found
SYMSRV:  UNC: C:\s\a.pdb\1\a.pdb - path not found
SYMSRV:  HTTPGET: https://h/a - not supported yet
DBGHELP: d/\u202ea - error: is a\ndirectory
DBGHELP: d/b - OK
DBGHELP: d/c - file not found`
	if got := fmt.Sprintf("%v|%s|%q", err, err, err); got != line+"|"+line+"|"+fmt.Sprintf("%q", line) {
		t.Errorf("one line: %s", got)
	}
	if got := fmt.Sprintf("%+v", err); got != all {
		t.Errorf("all lines:\n%s\nwant\n%s", got, all)
	}
	if got := (&sympath.NotFoundError{Query: sympath.Query{File: "a"}}).Error(); got != "a: not found: no place to look in" {
		t.Error(got)
	}
}
