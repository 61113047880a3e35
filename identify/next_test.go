package identify_test

import (
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
