package identify_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/sympath"
)

// TestNextFor walks what reports on several modules can say together.
func TestNextFor(t *testing.T) {
	path := identify.Step{Kind: identify.StepAppendPath, Place: "d"}
	failed := func(status sympath.Status, origin sympath.Origin, location string) *identify.Report {
		return &identify.Report{
			Status: identify.StatusNoSymbols, Next: identify.Step{Kind: identify.StepAppendImage, Image: "a.sys"},
			Attempts: []sympath.Attempt{{Store: "the store", Location: location, Status: status, Origin: origin}},
		}
	}
	missing := failed(sympath.StatusNotFound, sympath.OriginDir, "d/a.sys")
	refused := failed(sympath.StatusRefused, sympath.OriginDir, "d/a.sys")
	loaded := failed(sympath.StatusRefused, sympath.OriginHTTP, "https://s/a.sys")
	loaded.Status, loaded.Next = identify.StatusPublic, identify.Step{}
	for name, c := range map[string]struct {
		reports   []*identify.Report
		path      identify.Step
		next, how identify.StepKind
		place     string
	}{
		"nothing":              {nil, path, identify.StepAppendPath, 0, "d"},
		"one":                  {[]*identify.Report{missing, loaded}, path, identify.StepAppendImage, identify.StepAppendPath, ""},
		"two":                  {[]*identify.Report{missing, missing}, path, identify.StepAppendPath, 0, "d"},
		"two, one refused":     {[]*identify.Report{missing, refused}, path, identify.StepFindOrTake, 0, ""},
		"a PDB was named":      {[]*identify.Report{missing}, identify.Step{Kind: identify.StepNameRightPDB}, identify.StepNameRightPDB, 0, ""},
		"offline":              {[]*identify.Report{missing, failed(sympath.StatusOffline, sympath.OriginHTTP, "https://s/a")}, path, identify.StepGoOnline, 0, ""},
		"a server is down":     {[]*identify.Report{failed(sympath.StatusError, sympath.OriginHTTP, "https://s/a")}, path, identify.StepMendStore, 0, "the store"},
		"a share is down":      {[]*identify.Report{failed(sympath.StatusError, sympath.OriginDir, `\\s\share\a`)}, path, identify.StepMendStore, 0, "the store"},
		"a file is unreadable": {[]*identify.Report{failed(sympath.StatusError, sympath.OriginDir, "d/a")}, path, identify.StepAppendImage, identify.StepAppendPath, ""},
		"not supported":        {[]*identify.Report{failed(sympath.StatusUnsupported, sympath.OriginCustom, "x")}, path, identify.StepCopyByHand, 0, "the store"},
	} {
		next, how := identify.NextFor(c.reports, c.path)
		if next.Kind != c.next || how.Kind != c.how || next.Place != c.place {
			t.Errorf("%s: %v by %v", name, next, how)
		}
	}
}

func TestPathStep(t *testing.T) {
	for _, c := range []struct {
		path string
		demo bool
		want identify.Step
	}{
		{"", false, identify.Step{Kind: identify.StepNamePath}},
		{"d", false, identify.Step{Kind: identify.StepAppendPath, Place: "d"}},
		{"", true, identify.Step{Kind: identify.StepDemoPath}},
		{"d", true, identify.Step{Kind: identify.StepDemoPath}},
	} {
		if got := identify.PathStep(c.path, c.demo); got != c.want {
			t.Errorf("path %q, demo %v: %+v", c.path, c.demo, got)
		}
	}
}

// TestStep: every step has words, and none is none.
func TestStep(t *testing.T) {
	words := map[string]bool{}
	for k := identify.StepAppendImage; k <= identify.StepAskMicrosoft; k++ {
		s := identify.Step{Kind: k}
		if text := s.String(); text == "" || words[text] {
			t.Errorf("step %d: %q", k, text)
		}
		words[s.String()] = true
	}
	if s := (identify.Step{}); s.String() != "" {
		t.Errorf("no step: %q", s)
	}
	want := "append a share that holds a.sys, key 000000012000, checksum 3"
	s := identify.Step{Kind: identify.StepAppendImage, Image: "a.sys", Fields: identify.Fields{TimeDateStamp: 1, CheckSum: 3, Mapped: 0x2000}}
	if text, err := s.MarshalText(); err != nil || string(text) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}

// TestNextAfter_microsoft: Microsoft's server is named for a module of Windows
// that it can be asked for, where the path leads to no server.
func TestNextAfter_microsoft(t *testing.T) {
	windows := identify.Module{Image: "a.sys", Path: `\SystemRoot\System32\a.sys`}
	keyed := identify.Step{Kind: identify.StepAppendImage, Image: "a.sys", Fields: identify.Fields{TimeDateStamp: 1, Mapped: 0x2000}}
	for name, c := range map[string]struct {
		m    identify.Module
		next identify.Step
		path string
		want string
	}{
		"no path":       {windows, keyed, "", "srv*https://msdl.microsoft.com/download/symbols"},
		"a folder":      {windows, keyed, "d", "d;srv*https://msdl.microsoft.com/download/symbols"},
		"a cache":       {windows, keyed, "srv*d", "srv*d;srv*https://msdl.microsoft.com/download/symbols"},
		"kernel":        {identify.Module{Image: "ntkrnlmp.exe"}, keyed, "d", "d;srv*https://msdl.microsoft.com/download/symbols"},
		"C: drive":      {identify.Module{Image: "a.dll", Path: `C:\Windows\System32\a.dll`}, keyed, "d", "d;srv*https://msdl.microsoft.com/download/symbols"},
		"a server":      {windows, keyed, "srv*d*https://h", ""},
		"bare srv*":     {windows, keyed, "srv*", ""},
		"a share":       {windows, keyed, `\\s\h`, ""},
		"not Windows":   {identify.Module{Image: "a.exe", Path: `C:\app\a.exe`}, keyed, "d", ""},
		"without a key": {windows, identify.Step{Kind: identify.StepAppendImage, Image: "a.sys", Fields: identify.Fields{Mapped: 0x2000}}, "d", ""},
	} {
		r := &identify.Report{Status: identify.StatusNoSymbols, Module: c.m, Next: c.next}
		_, how := identify.NextAfter(r, identify.PathStep(c.path, false))
		if asks := how.Kind == identify.StepAskMicrosoft; asks != (c.want != "") || asks && !strings.Contains(how.String(), "--sympath '"+c.want+"'") {
			t.Errorf("%s: %v", name, how)
		}
		both, _ := identify.NextFor([]*identify.Report{r, r}, identify.PathStep(c.path, false))
		if both != how {
			t.Errorf("%s: of two %v, of one %v", name, both, how)
		}
	}
}

// TestFetchStep: what was not reached is told from what is not there.
func TestFetchStep(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for name, c := range map[string]struct {
		a    sympath.Attempt
		path string
		want identify.StepKind
	}{
		"unreachable":     {sympath.Attempt{Status: sympath.StatusError, Origin: sympath.OriginHTTP, Err: refused}, "srv*https://h", identify.StepReach},
		"an answer":       {sympath.Attempt{Status: sympath.StatusError, Origin: sympath.OriginHTTP, Err: errors.New("403")}, "srv*https://h", identify.StepMendStore},
		"a share is down": {sympath.Attempt{Status: sympath.StatusError, Origin: sympath.OriginUNC, Err: refused}, `\\s\h`, identify.StepReach},
		"a file":          {sympath.Attempt{Status: sympath.StatusError, Origin: sympath.OriginDir, Err: errors.New("x")}, "srv*https://h", identify.StepNone},
		"not there":       {sympath.Attempt{Status: sympath.StatusNotFound, Origin: sympath.OriginHTTP}, "srv*https://h", identify.StepNone},
		"offline":         {sympath.Attempt{Status: sympath.StatusOffline, Origin: sympath.OriginHTTP}, "srv*https://h", identify.StepGoOnline},
		"no server":       {sympath.Attempt{Status: sympath.StatusNotFound, Origin: sympath.OriginDir}, "d", identify.StepAskMicrosoft},
	} {
		if got := identify.FetchStep([]sympath.Attempt{c.a}, c.path); got.Kind != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
