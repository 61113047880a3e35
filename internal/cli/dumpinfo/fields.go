package dumpinfo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/vadmath"
)

// Field is a row for people. One without a name goes on with the row before it.
type Field struct{ Name, Value string }

// Fields returns the rows, without those the dump says nothing for. Their texts are
// the dump's: they are to be escaped.
func (d *Dump) Fields() []Field {
	r := &rows{}
	r.add("System", strings.TrimSpace(d.System+" "+d.Version))
	if at, err := time.Parse(time.RFC3339, d.Time); err == nil {
		r.add("Time", at.Format("2006-01-02 15:04:05 UTC"))
	}
	r.add("System Uptime", uptime(d.SystemUptime))
	process := d.Process
	if d.PID != 0 {
		process = strings.TrimSpace(fmt.Sprintf("%s (pid %x)", process, d.PID))
	}
	if d.ProcessUptime != 0 {
		process = strings.TrimPrefix(process+", up "+uptime(d.ProcessUptime), ", ")
	}
	r.add("Process", process)
	r.bugCheck(d.BugCheck)
	r.exception(d.Exception, d.bits)
	r.threads(d)
	if d.Modules > 0 || d.Unloaded > 0 {
		modules := strconv.Itoa(d.Modules)
		if d.Unloaded > 0 {
			modules += fmt.Sprintf(", %d unloaded", d.Unloaded)
		}
		r.add("Modules", modules)
	}
	for _, c := range d.Comments {
		name := "Comment"
		for line := range strings.SplitSeq(c, "\n") {
			r.list = append(r.list, Field{name, line})
			name = ""
		}
	}
	return r.list
}

// uptime is a time in milliseconds in the form of kd, "" for 0.
func uptime(ms int64) string { return text.Uptime(time.Duration(ms) * time.Millisecond) }

// rows gathers fields.
type rows struct{ list []Field }

func (r *rows) add(name, value string) {
	if value != "" {
		r.list = append(r.list, Field{name, value})
	}
}

func (r *rows) bugCheck(b *BugCheck) {
	if b == nil {
		return
	}
	r.add("Bug Check", joined(strings.ToUpper(strings.TrimPrefix(b.Code, "0x")), b.Name))
	for i, p := range b.Parameters {
		r.add("", fmt.Sprintf("Arg%d: %s", i+1, joined(p, b.Meanings[i])))
	}
}

func (r *rows) exception(e *Exception, bits int) {
	if e == nil {
		return
	}
	name := "Exception"
	add := func(value string) {
		if value != "" {
			r.add(name, value)
			name = ""
		}
	}
	code := ""
	if e.Code != "" {
		code = fmt.Sprintf("%08s", strings.TrimPrefix(e.Code, "0x"))
	}
	title := ""
	if e.title != "" {
		title = "(" + e.title + ")"
	}
	add(joined(code, e.Name, title))
	if e.Access != "" {
		add(fmt.Sprintf("%s of %s", e.Access, vadmath.FormatAddr(e.target, bits)))
	}
	if e.Status != "" {
		add(joined("because of", strings.TrimPrefix(e.Status, "0x"), e.statusName))
	}
	if e.Address != "" {
		place := ""
		if e.Module != "" {
			place = fmt.Sprintf("(%s+%#x)", e.Module, e.offset)
		}
		add(joined("at", vadmath.FormatAddr(e.address, bits), place))
	}
	for i, p := range e.Parameters {
		add(fmt.Sprintf("Parameter[%d]: %s", i, joined(p, e.Meanings[i])))
	}
	if !e.crossed {
		add(joined("thread", fmt.Sprintf("%x", e.Thread), quoted(e.threadName)))
	}
}

// named is how many threads with names are shown at most.
const named = 20

func (r *rows) threads(d *Dump) {
	if d.Threads == 0 {
		return
	}
	r.add("Threads", strconv.Itoa(d.Threads))
	shown := 0
	for _, th := range d.ThreadList {
		if th.Name == "" {
			continue
		}
		if shown++; shown > named {
			r.add("", "...")
			return
		}
		r.add("", fmt.Sprintf("%x %s", th.ID, th.Name))
	}
}

func quoted(name string) string {
	if name == "" {
		return ""
	}
	return strconv.Quote(name)
}

// joined puts blanks between the texts that are not empty.
func joined(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p != "" && out != "" {
			out += " "
		}
		out += p
	}
	return out
}
