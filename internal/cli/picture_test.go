package cli

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres"
)

// pictured runs verify --demo, with colours or without.
func pictured(t *testing.T, colors bool) string {
	t.Helper()
	var out, errw bytes.Buffer
	p := Program{Args: []string{"verify", "--demo"}, Stdout: &out, Stderr: &errw}
	p.fillIn()
	a := newApp(p)
	a.console.paintsOut = colors
	root := a.root()
	root.SetArgs(p.Args)
	err := root.ExecuteContext(t.Context())
	a.console.flush()
	if got := a.finish(t.Context(), err); got != exitNotFound || errw.Len() > 0 {
		t.Fatalf("exit status %d, %s", got, &errw)
	}
	return out.String()
}

// TestPicture looks at the demo's picture as an 80-column terminal shows it:
// every state is there, and colours change nothing else.
func TestPicture(t *testing.T) {
	plain, colored := pictured(t, false), pictured(t, true)
	for _, line := range strings.Split(plain, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if page, err := os.ReadFile("../../docs/verify.md"); err != nil || !strings.Contains(string(page), plain) {
		t.Errorf("docs/verify.md (%v) does not show this:\n%s", err, plain)
	}
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	if strings.Contains(plain, "\x1b") || !sgr.MatchString(colored) || sgr.ReplaceAllString(colored, "") != plain {
		t.Errorf("with colours:\n%s\nwithout:\n%s", colored, plain)
	}
	rows := regexp.MustCompile(`(?m)^  fe2[0-9a-f]{5} (( [=+X.-]+)+)$`).FindAllStringSubmatch(plain, -1)
	cells := ""
	for _, r := range rows {
		cells += strings.ReplaceAll(r[1], " ", "")
	}
	if len(cells) < 40 {
		t.Errorf("%d cells in\n%s", len(cells), plain)
	}
	for _, mark := range "=+X.-" {
		if !strings.ContainsRune(cells, mark) {
			t.Errorf("no %c in %s", mark, cells)
		}
	}
	for _, line := range strings.Split(colored, "\n") {
		if strings.Contains(line, "\x1b") && !strings.HasSuffix(line, "\x1b[m") {
			t.Errorf("the colour runs on behind %q", line)
		}
	}
}

// TestStampText never shows the hash of a reproducible build as a date.
func TestStampText(t *testing.T) {
	module := symres.Module{TimeDateStamp: 0x559da7a0}
	for name, c := range map[string]struct {
		report symres.Report
		want   string
	}{
		"no stamp":             {symres.Report{}, "unavailable (00000000)"},
		"a build of its day":   {symres.Report{Module: module, Header: &symres.Image{}}, "Wed Jul  8 22:43:44 2015 (559DA7A0)"},
		"a hash, by the image": {symres.Report{Module: module, Header: &symres.Image{Repro: true}}, "559DA7A0 (This is a reproducible build file hash, not a timestamp)"},
		"a hash, by the copy":  {symres.Report{Module: module, Copy: &symres.Image{Repro: true}}, "559DA7A0 (This is a reproducible build file hash, not a timestamp)"},
		"nothing to tell by":   {symres.Report{Module: module}, "559DA7A0 (a time, or the hash of a reproducible build: no debug directory to tell)"},
	} {
		if got := stampText(&c.report); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
