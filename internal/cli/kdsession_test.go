package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
)

// kdNamed reports whether symres kd is to have a command of a transcript, by its first
// word.
func kdNamed(command string) bool {
	if strings.HasPrefix(command, "?") {
		return true
	}
	name := strings.Fields(command + " *")[0]
	return slices.Contains(strings.Fields(".reload .sympath .sympath+ .symfix .symfix+ .exepath .exepath+ .symopt .symopt+ .symopt- !sym .lines x ln lm lmu lmv !lmi !dh "+
		"!chkimg dt db dw dd dq dp dc da du dps dds dqs s u ub uf r .cxr .ecxr .trap .thread .process !process !thread !vad !peb !teb !pte !vtop k kv kp kn kL ~*k "+
		"!analyze .bugcheck .lastevent .formats vertarget version .effmach .time !gle !error n .echo || | ~"), name)
}

// kdSession is a session that kd had, and what it was made from.
type kdSession struct {
	name            string
	answers         []kdtext.Answer
	dump            string
	roots           [][2]string // what the transcript calls a folder, and where it is; the longest first
	symbols, images string      // as the transcript has them
}

// here turns the transcript's names of folders into those of this machine.
func (s *kdSession) here(command string) string {
	for _, r := range s.roots {
		command = strings.ReplaceAll(command, r[0], r[1])
	}
	return command
}

// there turns them back.
func (s *kdSession) there(text string) string {
	text = strings.ReplaceAll(text, s.dump, `Z:\target.dmp`)
	for _, r := range s.roots {
		text = strings.ReplaceAll(text, r[1]+"/", r[0]+`\`)
		text = strings.ReplaceAll(text, r[1], r[0])
	}
	return text
}

func kdProse(t *testing.T) *kdtext.Prose {
	t.Helper()
	b, err := fixture.Read("kd/prose.txt")
	if err != nil {
		t.Fatal(err)
	}
	p, err := kdtext.ParseProse(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run types the commands of a session into symres kd.
func (s *kdSession) run(t *testing.T) []kdtext.Answer {
	t.Helper()
	var script strings.Builder
	for _, a := range s.answers {
		script.WriteString(s.here(a.Command) + "\n")
	}
	stdout, stderr, status := run(t, script.String(), "kd", "--dump", s.dump, "--sympath", s.here(s.symbols), "--imagepath", s.here(s.images))
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	ours := kdtext.Answers(s.there(stdout))
	if len(ours) != len(s.answers) {
		t.Fatalf("%d commands, %d answers", len(s.answers), len(ours))
	}
	return ours
}

// kdCount counts commands and lines of sessions.
type kdCount struct{ commands, same, explained, lines int }

func (c *kdCount) add(d kdCount) {
	c.commands, c.same, c.explained, c.lines = c.commands+d.commands, c.same+d.same, c.explained+d.explained, c.lines+d.lines
}

func (c kdCount) share() float64 { return 100 * float64(c.same) / float64(max(c.commands, 1)) }

// TestKdSessions types the commands of the sessions that Microsoft's kd had with our dumps
// into symres kd, and compares the lines that say something of the target.
func TestKdSessions(t *testing.T) {
	compareSessions(t, kdBuiltSessions(t), 89)
}

// TestKdCorpusSessions does the same with the transcripts of the corpus.
func TestKdCorpusSessions(t *testing.T) {
	compareSessions(t, kdCorpusSessions(t), 86)
}

// compareSessions wants a share of the commands to answer the same, in percent.
func compareSessions(t *testing.T, list []*kdSession, share float64) {
	t.Helper()
	prose, reasons := kdProse(t), kdSessionReasons(t)
	var total kdCount
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			c := s.compare(t, prose, reasons)
			t.Logf("%d of %d commands the same: %.1f %%, %d explained, %d lines", c.same, c.commands, c.share(), c.explained, c.lines)
			total.add(c)
		})
	}
	t.Logf("%d of %d commands the same: %.1f %%, %d explained, %d lines", total.same, total.commands, total.share(), total.explained, total.lines)
	if total.share() < share {
		t.Errorf("%.1f %% of the commands answer the same, it were %.1f", total.share(), share)
	}
}

func (s *kdSession) compare(t *testing.T, prose *kdtext.Prose, reasons map[string]string) (c kdCount) {
	used := map[string]bool{}
	ours := s.run(t)
	for i, a := range s.answers {
		want, got := prose.Values(a.Lines), prose.Values(ours[i].Lines)
		if !kdNamed(a.Command) || len(want)+len(got) == 0 {
			continue
		}
		c.commands++
		c.lines += len(want)
		key := s.name + ": " + a.Command
		switch why := reasons[key]; {
		case slices.Equal(want, got):
			c.same++
		case why != "":
			c.explained++
			used[key] = true
		default:
			t.Errorf("==== %s: %s\n%s", s.name, a.Command, lineDiff(want, got))
		}
	}
	for key := range reasons {
		if strings.HasPrefix(key, s.name+": ") && !used[key] {
			t.Errorf("%s: nothing differs there any more", key)
		}
	}
	return c
}

// lineDiff are the lines that only one has.
func lineDiff(want, got []string) string {
	var b strings.Builder
	for _, l := range want {
		if !slices.Contains(got, l) {
			fmt.Fprintf(&b, "- %s\n", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			fmt.Fprintf(&b, "+ %s\n", l)
		}
	}
	if b.Len() == 0 {
		return "in another order\n" + strings.Join(got, "\n")
	}
	return b.String()
}

// kdSessionReasons are the commands at which symres kd answers something else, with the
// reason, which docs/kd.md has too.
func kdSessionReasons(t *testing.T) map[string]string {
	t.Helper()
	b, err := fixture.Read("kd/sessions/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/kd.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons, why := map[string]string{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(line, "# "); ok {
			if why = text; !strings.Contains(strings.Join(strings.Fields(string(page)), " "), why) {
				t.Errorf("docs/kd.md does not say %q", why)
			}
		} else if line != "" {
			reasons[line] = why
		}
	}
	return reasons
}

// kdBuiltSessions are those about dumps that our builder writes, of which what kd said of
// the target is kept in testdata.
func kdBuiltSessions(t *testing.T) (list []*kdSession) {
	t.Helper()
	for _, name := range []string{"demo", "w7"} {
		said, err := fixture.Read("kd/sessions/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		spec, err := dumpbuild.SeedKd(fixture.Read, name)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := dumpbuild.Build(spec)
		if err != nil {
			t.Fatal(err)
		}
		s := &kdSession{name: name, answers: kdtext.Answers(string(said)), dump: filepath.Join(t.TempDir(), name+".dmp"), symbols: `Z:\s1;Z:\s2`, images: `Z:\s1;Z:\s2`}
		if err := os.WriteFile(s.dump, b, 0o600); err != nil {
			t.Fatal(err)
		}
		kernel, others := t.TempDir(), t.TempDir()
		for i, dir := range dumpbuild.KdSymbols(name) {
			fixture.Unpack(t, dir, []string{kernel, others}[min(i, 1)])
		}
		s.roots = [][2]string{{`Z:\s1`, kernel}, {`Z:\s2`, others}}
		list = append(list, s)
	}
	return list
}

// TestKdJudgeSessions has the sessions of kdBuiltSessions with kd again: what it says of
// the target must be what is kept. With SYMRES_KD_UPDATE it is kept.
func TestKdJudgeSessions(t *testing.T) {
	root := os.Getenv("SYMRES_KD")
	if root == "" {
		t.Skip("NOT JUDGED by Microsoft's kd, only by what it said before: run bash .ci/kd")
	}
	prose := kdProse(t)
	for _, s := range kdBuiltSessions(t) {
		b, err := os.ReadFile(s.dump)
		if err != nil {
			t.Fatal(err)
		}
		q := kdtext.Question{Root: root, Dump: b, Folders: map[string]string{}, Path: s.symbols}
		for _, r := range s.roots {
			q.Folders[strings.TrimPrefix(r[0], `Z:\`)] = r[1]
		}
		var kept, said strings.Builder
		for _, a := range s.answers {
			q.Commands = append(q.Commands, a.Command)
			writeAnswer(&kept, a.Command, a.Lines)
		}
		out, err := kdtext.Ask(t.Context(), q)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, a := range kdtext.Answers(out) {
			writeAnswer(&said, a.Command, prose.Values(a.Lines))
		}
		file := filepath.Join(fixtureDir(t), "kd", "sessions", s.name+".txt")
		if os.Getenv("SYMRES_KD_UPDATE") != "" {
			if err := os.WriteFile(file, []byte(said.String()), 0o666); err != nil {
				t.Fatal(err)
			}
		} else if kept.String() != said.String() {
			t.Errorf("%s: kd says something else now: SYMRES_KD_UPDATE=1 bash .ci/kd keeps it\n%s", s.name,
				lineDiff(strings.Split(said.String(), "\n"), strings.Split(kept.String(), "\n")))
		}
	}
}

func writeAnswer(b *strings.Builder, command string, lines []string) {
	fmt.Fprintf(b, "kd> %s\n", command)
	for _, l := range lines {
		fmt.Fprintf(b, "%s\n", l)
	}
}

func fixtureDir(t *testing.T) string {
	t.Helper()
	dir, err := fixture.Dir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// kdCorpusSessions are those of the corpus.
func kdCorpusSessions(t *testing.T) (list []*kdSession) {
	t.Helper()
	shared := fixture.Shared(t)
	dir := filepath.Join(shared, "kd")
	x64 := unzip(t, filepath.Join(dir, "x64.dmp.gz"))
	fs := filepath.Join(dir, "sym-x64-fs")
	roots := [][2]string{{`Z:\s2`, fs}, {`Z:\s1`, filepath.Join(dir, "sym-x64")}}
	pages := [][2]string{{`Z:\i2`, fs}, {"${FSDIR}", fs}, {`Z:\s1`, filepath.Join(dir, "sym-x64")}}
	list = append(list, &kdSession{name: "x64.txt", answers: kdAnswers(t, dir, "x64.txt")[0], dump: x64, symbols: `Z:\s1;Z:\s2`, images: `Z:\s1;Z:\s2`, roots: roots})
	for i, answers := range kdAnswers(t, dir, "pages-x64.txt") {
		list = append(list, &kdSession{name: fmt.Sprintf("pages-x64.txt %d", i+1), answers: answers, dump: x64, symbols: `Z:\s1`, images: `Z:\i2`, roots: pages})
	}
	list = append(list, kdFurtherSessions(t, dir)...)
	files, err := filepath.Glob(filepath.Join(dir, "minidumps", "*.txt"))
	if err != nil || len(files) < 16 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		dump := filepath.Join(shared, filepath.FromSlash(strings.ReplaceAll(name, "~", "/")))
		list = append(list, &kdSession{name: name, answers: kdAnswers(t, dir, "minidumps/"+filepath.Base(file))[0], dump: dump,
			symbols: `Z:\s1`, images: `Z:\s1`, roots: [][2]string{{`Z:\s1`, filepath.Dir(dump)}}})
	}
	return list
}

// kdFurtherSessions are those with an Itanium and with Windows XP, whose PDB is
// Microsoft's and nowhere here.
func kdFurtherSessions(t *testing.T, dir string) (list []*kdSession) {
	t.Helper()
	for _, c := range []struct{ machine, symbols, images string }{{"ia64", filepath.Join(dir, "sym-ia64"), "symef-ia64"}, {"x86", os.Getenv(publicEnv), "sym-x86-fs"}} {
		if c.symbols == "" {
			t.Log("NOT COMPARED: name the folder of the public ntkrnlpa.pdb in " + publicEnv)
			continue
		}
		dump := unzip(t, filepath.Join(dir, c.machine+".dmp.gz"))
		for _, name := range []string{c.machine + ".txt", "pages-" + c.machine + ".txt"} {
			for i, answers := range kdAnswers(t, dir, name) {
				images := filepath.Join(dir, c.images)
				s := &kdSession{name: fmt.Sprintf("%s %d", name, i+1), answers: answers, dump: dump, symbols: `Z:\s1;Z:\s2`, images: `Z:\s1;Z:\s2`,
					roots: [][2]string{{`Z:\i2`, images}, {`Z:\s2`, images}, {"${FSDIR}", images}, {`Z:\s1`, c.symbols}}}
				if strings.HasPrefix(name, "pages") {
					s.symbols, s.images, s.roots = `Z:\s1`, `Z:\i2`, slices.Delete(s.roots, 1, 2)
				}
				list = append(list, s)
			}
		}
	}
	return list
}

// kdAnswers reads a transcript, which may have several sessions.
func kdAnswers(t *testing.T, dir, name string) (list [][]kdtext.Answer) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(b), "Loading Dump File")[1:] {
		if i := strings.LastIndex(part, "==== page"); i > 0 {
			part = part[:i]
		}
		answers := slices.DeleteFunc(kdtext.Answers(part), func(a kdtext.Answer) bool { return strings.HasPrefix(a.Command, ".foreach") }) // of the one who made it
		if len(answers) > 0 {
			list = append(list, answers)
		}
	}
	return list
}
