package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
)

// The responses to a probe.
const (
	statusOK          = "ok"
	statusMissing     = "missing"
	statusError       = "error"
	statusOffline     = "offline"
	statusUnsupported = "not supported yet"
)

// probed is what a place of the path answered.
type probed struct {
	Status    string `json:"status,omitempty"`
	Answer    string `json:"answer,omitempty"` // of a server, in its own words
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms,omitempty"`
}

// prober asks the places of a path whether they can be used.
type prober struct {
	*app
	options sympath.Options
}

// probeAll probes all elements at the same time: a server that is down should
// not hide how fast the others are.
func (a *app) probeAll(ctx context.Context, o *pathOptions, elements []sympath.Element, out []elementObject) error {
	all, err := a.openStores(o)
	if err != nil {
		return err
	}
	p := prober{a, all.Options()}
	var group sync.WaitGroup
	for i, e := range elements {
		group.Go(func() { out[i].probed, out[i].Stores = p.element(ctx, e) })
	}
	group.Wait()
	return nil
}

// element probes an element of the path. A chain is as good as the worst of
// its stores, but a cache that does not exist yet is no fault.
func (p prober) element(ctx context.Context, e sympath.Element) (probed, []storeObject) {
	stores := e.Stores
	switch {
	case e.Kind != sympath.ElementServer && e.Kind != sympath.ElementCache:
		return p.place(ctx, e), nil
	case len(stores) == 0:
		stores = []sympath.Element{{Kind: sympath.ElementDefault, Pos: e.Pos, Keyed: true}}
		for _, x := range e.Expand() {
			if x.Kind == sympath.ElementServer {
				stores = append(stores, x.Stores...)
			}
		}
	}
	objects := make([]storeObject, len(stores))
	var group sync.WaitGroup
	for i, s := range stores {
		objects[i] = storeObject{Store: s.Text, Kind: s.Kind.String()}
		if s.Kind == sympath.ElementDefault {
			objects[i].Store, _ = p.cacheDir()
		}
		group.Go(func() { objects[i].probed = p.place(ctx, s) })
	}
	group.Wait()
	all := probed{Status: statusOK}
	for i := range objects {
		o := &objects[i]
		if o.Status == statusMissing && o.Kind == sympath.ElementDir.String() && (e.Kind == sympath.ElementCache || i < len(objects)-1) {
			o.Status, o.Answer, o.Error = statusOK, notYet, ""
		}
		all.ElapsedMS = max(all.ElapsedMS, o.ElapsedMS)
		if all.Status == statusOK && o.Status != statusOK {
			all.Status, all.Error = o.Status, o.Error
		}
	}
	return all, objects
}

// place probes one place.
func (p prober) place(ctx context.Context, e sympath.Element) probed {
	switch e.Kind {
	case sympath.ElementDir:
		if err := e.Err(); err != nil {
			return probed{Status: statusError, Error: err.Error()}
		}
		return p.cache(e.Text)
	case sympath.ElementDefault:
		return p.defaultCache()
	case sympath.ElementHTTP, sympath.ElementUNC:
		if p.options.Offline {
			return probed{Status: statusOffline}
		}
	}
	start := time.Now()
	var out probed
	if e.Kind == sympath.ElementHTTP {
		out = p.server(ctx, e)
	} else {
		out = p.share(ctx, e)
	}
	if out.Status != statusUnsupported {
		out.ElapsedMS = max(1, time.Since(start).Milliseconds())
	}
	return out
}

func (p prober) server(ctx context.Context, e sympath.Element) probed {
	client, err := p.stores.Client()
	if err != nil {
		return probed{Status: statusError, Error: err.Error()}
	}
	answer, err := client.Probe(ctx, e)
	if err != nil {
		return probed{Status: statusError, Error: err.Error()}
	}
	return probed{Status: statusOK, Answer: answer.String()}
}

// share looks for a file that is nowhere: the attempt says what became of the
// way there.
func (p prober) share(ctx context.Context, e sympath.Element) probed {
	e.Keyed = false
	store, err := p.options.UNC(e)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return probed{Status: statusUnsupported, Error: err.Error()}
	case err != nil:
		return probed{Status: statusError, Error: err.Error()}
	}
	for _, err := range store.Find(ctx, sympath.Query{File: "symres-probe.pdb"}) {
		var miss *sympath.NotFoundError
		if !errors.As(err, &miss) {
			continue
		}
		for _, a := range miss.Attempts {
			switch {
			case a.Status == sympath.StatusPathNotFound:
				return probed{Status: statusMissing, Error: errorText(a.Err)}
			case a.Status != sympath.StatusNotFound && a.Status != sympath.StatusNoKey:
				return probed{Status: statusError, Error: errorText(a.Err)}
			}
		}
	}
	return probed{Status: statusOK}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// cacheDir is what an empty place in a chain stands for.
func (p prober) cacheDir() (string, error) {
	if p.options.Cache != "" {
		return p.options.Cache, nil
	}
	return sympath.DefaultCache(p.program.Getenv)
}

// defaultCache accepts a default cache that does not exist yet.
func (p prober) defaultCache() probed {
	dir, err := p.cacheDir()
	if err != nil {
		return probed{Status: statusMissing, Error: err.Error()}
	}
	if out := p.cache(dir); out.Status != statusMissing {
		return out
	}
	return probed{Status: statusOK, Answer: notYet}
}

// cache says how many files a directory has parts of, if it is a cache.
func (p prober) cache(dir string) probed {
	out := probeDir(dir)
	var held, total int64
	files := sympath.NewCache(dir, p.options).Partials()
	for _, f := range files {
		held, total = held+f.Held, total+f.Total
	}
	if len(files) > 0 && out.Status == statusOK {
		out.Answer = fmt.Sprintf("%s, %s", count(len(files), "file in parts", "files in parts"), megabytes(held, total))
	}
	return out
}

// notYet is said of a cache that nothing was put into yet.
const notYet = "made when it is needed"

func probeDir(dir string) probed {
	d, err := fsx.Dir(dir).Open(".")
	if err != nil {
		return probed{Status: statusMissing, Error: pathErrorCause(err)}
	}
	defer d.Close()
	if st, err := d.Stat(); err != nil || !st.IsDir() {
		return probed{Status: statusMissing, Error: "not a directory"}
	}
	return probed{Status: statusOK}
}

// pathErrorCause drops the name that the line has already.
func pathErrorCause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// printProbed prints a line of the table of .sympath. A reason that is too
// long for its column stands behind the location.
func (a *app) printProbed(p probed, location string) {
	const column = 32
	word, why := response(p), strings.ReplaceAll(p.Answer+p.Error, "\n", "; ")
	switch {
	case why == "" || p.Status == statusUnsupported:
	case len(word)+2+len(why) < column:
		word += ": " + why
	default:
		location += " - " + why
	}
	elapsed := ""
	if p.ElapsedMS > 0 {
		elapsed = strconv.FormatInt(p.ElapsedMS, 10)
	}
	a.console.line("%-*s %-13s %s", column, word, elapsed, location)
}

// response is WinDbg's word for the result of a probe.
func response(p probed) string {
	return map[string]string{
		"": "Deferred", statusOK: "OK", statusMissing: "Error", statusError: "Error", statusOffline: "Offline",
		statusUnsupported: "Not supported yet",
	}[p.Status]
}
