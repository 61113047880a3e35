package cli_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/fixture"
)

// prompt runs commands of `symres kd` on the corpus's dump of an Itanium and returns
// their answers, without empty lines and blanks at the ends of lines.
func prompt(t *testing.T, dump string, commands []string) map[string][]string {
	t.Helper()
	dir := filepath.Join(fixture.Shared(t), "kd")
	args := []string{"kd", "--dump", dump, "--sympath", filepath.Join(dir, "sym-ia64") + ";" + filepath.Join(dir, "symef-ia64")}
	var out, errs bytes.Buffer
	if status := cli.Main(t.Context(), args, strings.NewReader(strings.Join(commands, "\n")), &out, &errs, nil); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	return answers(out.String())
}

// answers are the lines below each command of a session.
func answers(text string) map[string][]string {
	list := map[string][]string{}
	command := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if c, ok := strings.CutPrefix(line, "kd> "); ok {
			command = c
		} else if line != "" {
			list[command] = append(list[command], line)
		}
	}
	return list
}

// TestKdItanium has the prompt answer Microsoft's page on the machine it is about,
// and what kd was asked besides, line by line as kd did.
func TestKdItanium(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "kd")
	for name, least := range map[string]int{"pages-ia64.txt": 7, "ia64.txt": 18} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		kd := answers(string(text))
		var asked []string
		for c := range kd {
			word, args, _ := strings.Cut(c, " ")
			switch {
			case slices.Contains([]string{"db", "dt", "?", ".process", "!pte", "!vtop", "!vad"}, word),
				word == "!process" && !strings.HasPrefix(args, "0"):
				asked = append(asked, c)
			}
		}
		if len(asked) < least {
			t.Errorf("%s: %d commands", name, len(asked))
		}
		ours := prompt(t, filepath.Join(dir, "ia64.dmp.gz"), asked)
		for _, c := range asked {
			if want, got := squeeze(kd[c]), squeeze(ours[c]); want != got {
				t.Errorf("%s\nkd:\n%s\nsymres:\n%s", c, want, got)
			}
		}
	}
}

// squeeze leaves one blank of several.
func squeeze(lines []string) string {
	var list []string
	for _, l := range lines {
		list = append(list, strings.Join(strings.Fields(l), " "))
	}
	return strings.Join(list, "\n")
}

// TestKdItaniumEntries compares the words of !pte for forms of entries, and the last
// step of !vtop, with those of Microsoft's kd.
func TestKdItaniumEntries(t *testing.T) {
	const entries = 0xa000 + 0x44000 // in the file: those for 6fb`37800000
	b := itaniumDump(t)
	cases := []struct {
		entry     uint64
		pte, vtop string
	}{
		{0x3246001, "pfn 1923 -------KRV", "to physical address 3246000."},
		{0x3246201 | 1<<2, "pfn 1923 ES-----KRV", "to physical address 3246000."},
		{0x3246001 | 4<<2, "pfn 1923 ---N---KRV", "to physical address 3246000."},
		{0x3246001 | 6<<2, "pfn 1923 --T----KRV", "to physical address 3246000."},
		{0x3247061, "pfn 1923 ----CDAKRV", "to physical address 3246000."},
		{0x3246501, "pfn 1923 -------UWV", "to physical address 3246000."},
		{0xfffc000003246001, "pfn 2000001923 -------KRV", ""},
		{0x3246090, "not valid; Transition: 1923; Protect: 4 - ReadWrite", "to physical address 3246000."},
		{0x32460c0, "not valid; Transition: 1923; Protect: 10 - Decommitted", "to physical address 3246000."},
		{0x10, "not valid; DemandZero; Protect: 4 - ReadWrite", "fails, error 0x10000114."},
		{0x24, "not valid; DemandZero; Protect: 9 - Readonly UC", "fails, error 0x10000114."},
		{0x40, "not valid; PageFile: 0; Offset: 0; Protect: 10 - Decommitted", "fails, error 0x10000114."},
		{0x60, "not valid; PageFile: 0; Offset: 0; Protect: 18 - No Access", "fails, error 0x10000114."},
		{0x100, "not valid; PageFile: 0; Offset: 0; Protect: 0", "fails, error 0x10000114."},
		{0x123480000054, "not valid; PageFile: 8; Offset: 1234; Protect: 15 - ReadWriteCopy G", "fails, error 0x10000114."},
		{0x12340000007c, "not valid; PageFile: 0; Offset: 1234; Protect: 1f - Outswapped kernel stack", "fails, error 0x10000114."},
		{0x00006020011c0002, "not valid; Proto: E0000006020011C0", "to physical address 321e000."},
		{0x00006013e00a0002, "not valid; Proto: E0000006013E00A0", "fails, error 0xD0000147."},
		{0xffffffff00000002, "not valid; Proto: VAD; Protect: 0", "fails, error 0xD0000147."},
		{0, "not valid", "fails, error 0xD0000147."},
	}
	var asked []string
	for i, c := range cases {
		binary.LittleEndian.PutUint64(b[entries+8*i:], c.entry)
		va := uint64(0x6fb37800000) + uint64(i)<<13
		asked = append(asked, fmt.Sprintf("!pte %x", va), fmt.Sprintf("!vtop 3cf4 %x", va))
	}
	dump := filepath.Join(t.TempDir(), "target.dmp")
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		t.Fatal(err)
	}
	said := prompt(t, dump, asked)
	for i, c := range cases {
		lines := said[asked[2*i]]
		if len(lines) < 4 {
			t.Fatalf("%#x: %q", c.entry, lines)
		}
		_, last, _ := strings.Cut(lines[3], "DAKWV  pfn 1922       -----DAKWV  ")
		for _, l := range lines[4:] {
			last += "; " + l
		}
		if got := squeeze([]string{last}); got != c.pte {
			t.Errorf("%#x: !pte: %s, want %s", c.entry, got, c.pte)
		}
		walk := said[asked[2*i+1]]
		if got := walk[len(walk)-1]; !strings.HasSuffix(got, c.vtop) {
			t.Errorf("%#x: !vtop: %s, want %s", c.entry, got, c.vtop)
		}
	}
}

// TestKdItaniumShared: tables that lead back to themselves by prototype PTEs end.
func TestKdItaniumShared(t *testing.T) {
	const entry = 0xa000 + 0x12940 // in the file: the PTE of e0000007`01250000
	b := itaniumDump(t)
	binary.LittleEndian.PutUint64(b[entry:], 0x701250000<<12|2)
	dump := filepath.Join(t.TempDir(), "target.dmp")
	if err := os.WriteFile(dump, b, 0o600); err != nil {
		t.Fatal(err)
	}
	const command = "!vtop 1900 e000000701250000"
	lines := prompt(t, dump, []string{command})[command]
	if len(lines) == 0 || len(lines) > 30 || !strings.HasSuffix(lines[len(lines)-1], "fails, error 0xD0000147.") {
		t.Errorf("%q", lines)
	}
}

// itaniumDump is the corpus's dump, unpacked.
func itaniumDump(t *testing.T) []byte {
	t.Helper()
	path := unzip(t, filepath.Join(fixture.Shared(t), "kd", "ia64.dmp.gz"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
