package kd

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"
)

// handler runs a command.
type handler func(s *Session, ctx context.Context, c Command) error

// entry is a command of the table.
type entry struct {
	names string // separated by blanks
	help  string
	run   handler
}

// table has the commands.
func table() []entry {
	return slices.Concat(pathCommands(), symbolCommands(), moduleCommands(), typeCommands(), memoryCommands(), contextCommands(), processCommands(), otherCommands())
}

// absent are commands of the debugger that symres knows and does not have.
func absent() []string {
	return strings.Fields("!object !handle !pcr !prcb !drvobj !devobj !session !sprocess !stacks !running !token !pool !vm .dumpdebug " +
		"!drivers !irp !locks !ready !timer !idt !cpuinfo !pfn !memusage !poolused !poolfind !reg !address !heap " +
		".foreach .if .while .for .printf .block .catch as aS ad al dv .frame .extmatch .chain .load .loadby .unload .srcpath .srcpath+")
}

// writing are commands that would change the target or let it run.
func writing() []string {
	return strings.Fields("e ea eb ed eD ef ep eq eu ew eza ezu g gh gn gc gu p pa pc pct ph pt t ta tb tc tct th tt wt a f m bp bu bm ba bl bc bd be .dump .kill .restart .reboot .crash .pagein .writemem !wo")
}

// find looks up a command. Some have their options in the word itself: lmv, kvn.
func find(c Command) (handler, Command) {
	for _, e := range table() {
		if slices.Contains(strings.Fields(e.names), c.Name) {
			return e.run, c
		}
	}
	for _, prefix := range []string{"lm", "k"} {
		if rest, ok := strings.CutPrefix(c.Name, prefix); ok && isOptions(prefix, rest) {
			run, _ := find(Command{Name: prefix})
			return run, Command{prefix, strings.TrimSpace(rest + " " + c.Args)}
		}
	}
	if strings.HasPrefix(c.Name, "~") {
		return (*Session).threads, c
	}
	return nil, c
}

func isOptions(prefix, rest string) bool {
	letters := map[string]string{"lm": "1abcdefiklmnopstuvDM", "k": "bvpPnfLMD"}[prefix]
	return strings.Trim(rest, letters) == ""
}

func (s *Session) run(ctx context.Context, c Command) error {
	run, c := find(c)
	switch {
	case run != nil:
		return run(s, ctx, c)
	case slices.Contains(absent(), c.Name):
		return refuse("%s is not there yet", c.Name)
	case slices.Contains(writing(), c.Name):
		return refuse("%s: targets are only read here, they are not written to and do not run", c.Name)
	case c.Name[0] == '!':
		return refuse("No export %s found%s", c.Name[1:], near(c.Name))
	}
	return refuse("%*s^ Syntax error in '%s'%s", len("kd> ")+min(len(c.Name), 4)-1, "", c, near(c.Name))
}

// near is what the user may have meant by a name.
func near(name string) string {
	best, least := "", 3
	for _, e := range table() {
		for _, known := range strings.Fields(e.names) {
			if d := distance(name, known); d < least && d < len(name) {
				best, least = known, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; is it " + best + "?"
}

// distance is how many letters must be changed, put in or left out to make one name
// of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Names returns the names of all commands, for completion.
func Names() (list []string) {
	for _, e := range table() {
		list = append(list, strings.Fields(e.names)...)
	}
	slices.SortFunc(list, cmp.Compare[string])
	return list
}

func otherCommands() []entry {
	return []entry{
		{"? ??", "evaluate an expression, or one of C++", (*Session).evaluate},
		{".formats", "show a value in every format", (*Session).evaluate},
		{"n", "show or set the radix", (*Session).setRadix},
		{".echo", "write text", func(s *Session, _ context.Context, c Command) error { s.printf("%s\n", c.Args); return nil }},
		{".logopen .logappend", "write what is shown to a file too", (*Session).openLog},
		{".logclose", "end that", (*Session).closeLog},
		{"$< $><", "run the commands in a file", (*Session).script},
		{".symres", "run a subcommand of symres: .symres verify nt", (*Session).subcommand},
		{".help", "list the commands", (*Session).help},
		{".time", "show when the target was taken", (*Session).time},
		{"version", "show the version of the target and of symres", (*Session).version},
		{"vertarget", "show the version of the target", (*Session).vertarget},
		{".effmach", "show the machine", (*Session).machine},
		{".lines", "show source lines and inlined functions in stacks, or not: -e -d -t", (*Session).sourceLines},
		{"| ||", "show the target", (*Session).systems},
		{"q qq qd", "end the session", func(s *Session, _ context.Context, _ Command) error { s.quit = true; return nil }},
	}
}

// help lists the commands, or those that have a word of the arguments in their names.
func (s *Session) help(_ context.Context, c Command) error {
	list := slices.DeleteFunc(table(), func(e entry) bool { return c.Args != "" && !strings.Contains(e.names, c.Args) })
	if len(list) == 0 {
		return refuse("%s: no command is called like that%s", c, near(c.Args))
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.names, b.names) })
	for _, e := range list {
		s.printf("%-24s %s\n", e.names, e.help)
	}
	return nil
}

// sourceLines turns source lines on and off.
func (s *Session) sourceLines(_ context.Context, c Command) error {
	switch c.Args {
	case "-e":
		s.options |= loadLines
	case "-d":
		s.options &^= loadLines
	case "", "-t":
		s.options ^= loadLines
	default:
		return refuse(".lines: want -e, -d or -t")
	}
	s.printf("Line number information will %sbe loaded\n", map[bool]string{false: "not "}[s.options&loadLines != 0])
	return nil
}

// openLog writes to the file that the user names, and to no other.
func (s *Session) openLog(_ context.Context, c Command) error {
	args := words(c.Args)
	args = slices.DeleteFunc(args, func(a string) bool { return a == "/t" || a == "/u" || a == "/d" })
	if len(args) != 1 {
		return refuse("%s: which file?", c.Name)
	}
	how := os.O_TRUNC
	if c.Name == ".logappend" {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(strings.Trim(args[0], `"`), os.O_CREATE|os.O_WRONLY|how, 0o666)
	if err != nil {
		return refuse("log file could not be opened: %v", err)
	}
	if s.log != nil {
		s.log.Close()
	}
	s.printf("Opened log file '%s'\n", f.Name())
	s.log = f
	return nil
}

func (s *Session) closeLog(context.Context, Command) error {
	if s.log == nil {
		return refuse("no log file is open")
	}
	name, err := s.log.Name(), s.log.Close()
	s.log = nil
	s.printf("Closing open log file %s\n", name)
	return err
}

// script runs the commands in the file that the user names.
func (s *Session) script(ctx context.Context, c Command) error {
	f, err := os.Open(strings.Trim(c.Args, `"`))
	if err != nil {
		return refuse("command file: %v", err)
	}
	defer f.Close()
	return s.Script(ctx, f, true)
}

// lineWriter takes what a subcommand writes.
type lineWriter struct{ s *Session }

func (w lineWriter) Write(b []byte) (int, error) {
	w.s.write(string(b)) // which has been escaped there
	return len(b), nil
}

// arguments splits words as a shell does with quotation marks.
func arguments(text string) (args []string) {
	var b strings.Builder
	in, quote := false, byte(0)
	for i := range len(text) {
		ch := text[i]
		switch {
		case quote != 0 && ch == quote:
			quote = 0
		case quote == 0 && (ch == '"' || ch == '\''):
			quote, in = ch, true
		case quote == 0 && (ch == ' ' || ch == '\t'):
			if in {
				args = append(args, b.String())
			}
			b.Reset()
			in = false
		default:
			b.WriteByte(ch)
			in = true
		}
	}
	if in {
		args = append(args, b.String())
	}
	return args
}

func (s *Session) time(context.Context, Command) error {
	info := s.target.Info()
	if info.Time.IsZero() {
		return refuse("the target does not say when it was taken")
	}
	s.printf("Debug session time: %s\n", debuggerTime(info.Time))
	s.uptime()
	return nil
}

// debuggerTime spells a time with milliseconds, in UTC.
func debuggerTime(t time.Time) string {
	t = t.UTC()
	return t.Format("Mon Jan _2 15:04:05.000 2006") + " (UTC + 0:00)"
}
