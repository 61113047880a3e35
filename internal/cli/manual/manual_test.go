package manual_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/symres/symres/internal/cli/manual"
)

// tree is a command with one below it that has flags of every group.
func tree() (root, child *cobra.Command) {
	root = &cobra.Command{Use: "symres", Short: "all", Long: "All of it."}
	child = &cobra.Command{
		Use: "lookup PATTERN", Aliases: []string{"x"}, Short: "list symbols",
		Long:    "lookup lists\n.symbols of 'mod!*'.\n\n  *   any text\n  \\   as it is",
		Example: "  symres lookup 'fs_rec!*' --sympath \\\\srv\\sym",
		Run:     func(*cobra.Command, []string) {},
	}
	flags := child.Flags()
	flags.String("sympath", "", "symbol `PATH`")
	manual.Mark(flags, manual.GroupPath)
	flags.String("dump", "", "the dump `FILE`")
	manual.Mark(flags, manual.GroupTarget)
	flags.String("sort", "address", "sort by `address|name`")
	root.PersistentFlags().BoolP("noisy", "v", false, "say what is tried")
	manual.Mark(root.PersistentFlags(), manual.GroupOutput)
	root.AddCommand(child)
	return root, child
}

// TestUsage: the command's own flags come first, then those of the target, of the path
// and of the output.
func TestUsage(t *testing.T) {
	_, child := tree()
	var b bytes.Buffer
	if err := manual.Usage(&b, child); err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, want := range []string{
		"Usage:\n  symres lookup PATTERN [flags]\n", "Also: x\n", "\nFlags:\n      --sort ", "\nTarget:\n      --dump ",
		"\nSymbol and image path:\n      --sympath ", "\nOutput:\n  -h, --help ", "-v, --noisy ",
	} {
		i := strings.Index(b.String()[at:], want)
		if i < 0 {
			t.Fatalf("no %q, or not in its place, in\n%s", want, &b)
		}
		at += i
	}
}

// TestPage: troff prints what the help says, whatever characters are in it.
func TestPage(t *testing.T) {
	root, child := tree()
	dir := t.TempDir()
	files, err := manual.WriteDir(dir, root, manual.Footer{Version: "v1", Date: "2026-12-01"})
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "symres-lookup.1"))
	if err != nil || !bytes.Equal(page, manual.Page(child, manual.Footer{Version: "v1", Date: "2026-12-01"})) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`.TH "SYMRES\-LOOKUP" 1 "2026\-12\-01" "symres v1"`, `symres-lookup \- list symbols`, `\&.symbols of \(aqmod!*\(aq.`,
		`  \e   as it is`, `\fB\-\-sort\fR \fIaddress|name\fR`, `.BR symres (1)`, `(default address)`,
	} {
		if !strings.Contains(string(page), want+"\n") && !strings.Contains(string(page), want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not here: that troff takes the pages is not checked")
	}
	for _, f := range files {
		if out, err := exec.Command(groff, "-ww", "-man", "-z", f).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", f, err, out)
		}
	}
}

// FuzzPage: no text of a command becomes a request of troff, or loses its lines.
func FuzzPage(f *testing.F) {
	for _, s := range []string{"", "plain", ".SH FAKE", "'ti", "a\n.b\n'c", `\fB \& \\`, "  .nf\n  x", "a\n\n.SH b", "\r.x\u2028.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cmd := &cobra.Command{Use: "c", Short: "s", Long: text, Run: func(*cobra.Command, []string) {}}
		page := string(manual.Page(cmd, manual.Footer{}))
		_, body, _ := strings.Cut(page, ".SH DESCRIPTION\n")
		body, _, _ = strings.Cut(body, ".SH OPTIONS\n")
		for line := range strings.Lines(body) {
			line = strings.TrimSuffix(line, "\n")
			request := line == ".PP" || line == ".nf" || line == ".fi"
			if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && !request {
				t.Errorf("%q becomes the request %q", text, line)
			}
		}
	})
}
