package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/symres/symres/internal/demo"
)

// TestDocs runs every command that README and the pages in docs show, and
// compares the output that they show. docs/README.md says how a page is written.
// The commands of a page run one after the other, in a folder with the demo's
// files and the repository's dump of an Itanium. A block that is marked with a reason does not run.
func TestDocs(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh here, which the commands of the documentation are for; install a POSIX shell")
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatalf("pages %v, %v", pages, err)
	}
	ran := map[string]int{}
	for _, page := range append(pages, "../../README.md") {
		t.Run(filepath.ToSlash(strings.TrimPrefix(page, "../../")), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			ran[filepath.Base(page)] = runPage(t, string(text))
		})
	}
	t.Logf("commands: %v", ran)
	if ran["lookup.md"] < 15 || ran["README.md"] < 3 {
		t.Errorf("few commands were found: %v", ran)
	}
}

// A docBlock is a block of code of a page.
type docBlock struct {
	language string // of the fence; "indented" where there is none
	reason   string // why it does not run
	lines    []string
}

// A docCommand is a command and the output that is shown.
type docCommand struct {
	line  string
	shown []string
	check bool // the output was shown
}

// runPage runs the commands of a page and returns how many there were.
func runPage(t *testing.T, text string) (n int) {
	dir := t.TempDir()
	itanium := filepath.Join("testdata", "demo", "itanium")
	if err := errors.Join(demo.WriteTo(dir), os.CopyFS(filepath.Join(dir, itanium), os.DirFS(filepath.Join("..", "..", itanium)))); err != nil {
		t.Fatal(err)
	}
	setup := "" // what the lines before say of variables and folders
	for _, b := range docBlocks(text) {
		for _, c := range b.commands() {
			if b.reason != "" {
				continue
			}
			n++
			if setUp := regexp.MustCompile(`^(export|cd) `); setUp.MatchString(c.line) {
				setup += c.line + " || exit 99\n"
				c.line = ":"
			}
			runDoc(t, dir, setup, c)
		}
	}
	return n
}

// docBlocks finds the blocks of code of a page.
func docBlocks(text string) (blocks []docBlock) {
	marker := regexp.MustCompile(`^<!-- not run: (.{10,}) -->$`)
	reason, before := "", ""
	var fenced *docBlock
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		language, fence := strings.CutPrefix(line, "```")
		indented := strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != ""
		switch {
		case fenced != nil && fence:
			fenced = nil
		case fenced != nil:
			fenced.lines = append(fenced.lines, line)
		case fence:
			blocks = append(blocks, docBlock{language: language, reason: reason})
			fenced, reason = &blocks[len(blocks)-1], ""
		case indented && before == "":
			blocks = append(blocks, docBlock{language: "indented", reason: reason, lines: []string{line[4:]}})
			reason = ""
		case indented && len(blocks) > 0 && blocks[len(blocks)-1].language == "indented":
			b := &blocks[len(blocks)-1]
			b.lines = append(b.lines, line[4:])
		case marker.MatchString(line):
			reason = marker.FindStringSubmatch(line)[1]
		case line != "":
			reason = ""
		}
		before = strings.TrimSpace(line)
	}
	return blocks
}

// commands finds the commands of a block: every line of a sh block, and in all
// others but Go those after a dollar sign, with their output, or those of the
// program, with words behind them.
func (b docBlock) commands() (list []docCommand) {
	for _, line := range b.lines {
		command, dollar := strings.CutPrefix(line, "$ ")
		switch {
		case b.language == "go":
		case b.language == "sh":
			if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
				list = append(list, docCommand{line: line})
			}
		case dollar:
			list = append(list, docCommand{line: command, check: true})
		case strings.HasPrefix(line, "symres ") && !strings.HasPrefix(line, "symres:"):
			words, _, _ := strings.Cut(line, "   ")
			list = append(list, docCommand{line: words})
		case len(list) > 0 && list[len(list)-1].check:
			c := &list[len(list)-1]
			c.shown = append(c.shown, line)
		}
	}
	return list
}

// runDoc runs one command, as a shell does, and compares what it says.
func runDoc(t *testing.T, dir, setup string, c docCommand) {
	t.Helper()
	line := strings.Replace(c.line, "go run ./cmd/symres ", "symres ", 1)
	bare := regexp.MustCompile(`\s+# .*$`).ReplaceAllString(line, "") // a comment would take the redirection in
	cmd := exec.Command("sh", "-c", setup+bare+" 2>&1")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, ".cache"), "_NT_SYMBOL_PATH=", "_NT_ALT_SYMBOL_PATH=",
		"_NT_EXECUTABLE_IMAGE_PATH=", "SYMRES_AUTH=", "NETRC=", "GORACE=atexit_sleep_ms=0")
	out, _ := cmd.CombinedOutput()
	want := 0
	if m := regexp.MustCompile(`# exit status (\d+)$`).FindStringSubmatch(line); m != nil {
		want = int(m[1][0] - '0')
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("$ %s\nexit status %d, want %d\n%s", c.line, got, want, out)
	}
	if c.check && !shows(strings.Split(strings.TrimRight(string(out), "\n"), "\n"), trimmed(c.shown)) {
		t.Errorf("$ %s\n%s\nis not what is shown:\n%s", c.line, out, strings.Join(c.shown, "\n"))
	}
}

// trimmed is without empty lines at the end.
func trimmed(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// shows tells whether lines are those that are shown; three dots are any.
func shows(lines, shown []string) bool {
	switch {
	case len(shown) == 0:
		return len(lines) == 0
	case shown[0] == "...":
		for i := range len(lines) + 1 {
			if shows(lines[i:], shown[1:]) {
				return true
			}
		}
		return false
	}
	return len(lines) > 0 && strings.TrimRight(lines[0], " ") == strings.TrimRight(shown[0], " ") && shows(lines[1:], shown[1:])
}
