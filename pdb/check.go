package pdb

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// maxProblems bounds what File.Check returns.
const maxProblems = 100

// ErrMoreProblems is the last entry of what [File.Check] returns when there
// was more to report than it reports.
var ErrMoreProblems = errors.New("pdb: more problems follow")

// Check walks everything that this package can read and returns the problems it
// finds: none for a valid PDB, and at most about a hundred. A problem need not
// affect any query. A read error ends the walk and is the last entry. Most
// entries satisfy errors.Is(err, [ErrFormat]).
func (f *File) Check() []error {
	q, err := f.ask(f.msf.Work.Whole())
	if err != nil {
		return []error{err}
	}
	defer q.end()
	c := &checker{f: f}
	for _, part := range []func() error{
		f.check, c.container, c.info, c.header, c.sections, c.modules, c.symbols, c.contribs, c.lines, c.publics, c.globals, c.types,
	} {
		if err := part(); err != nil {
			c.add(err)
		}
		if c.stop {
			break
		}
	}
	return c.problems
}

// checker collects problems. Its parts return the error that ended them.
type checker struct {
	f        *File
	problems []error
	stop     bool
}

// add records a problem and reports whether to go on.
func (c *checker) add(err error) bool {
	if c.stop {
		return false
	}
	if len(c.problems) == maxProblems {
		err = ErrMoreProblems
	}
	c.problems = append(c.problems, err)
	c.stop = err == ErrMoreProblems || !errors.Is(err, ErrFormat)
	return !c.stop
}

func (c *checker) damage(section string, off int64, format string, args ...any) bool {
	return c.add(damage(section, off, format, args...))
}

// container checks where the streams lie.
func (c *checker) container() error { return c.f.msf.Check(c.add) }

// info checks the named streams and features.
func (c *checker) info() error {
	t, err := c.f.tail()
	if err != nil {
		return err
	}
	for _, n := range t.named {
		if !c.f.msf.Has(n.Stream) {
			c.damage("named streams", 0, "%q is stream %d, which does not exist", n.Name, n.Stream)
		}
	}
	return nil
}

// header checks the layout of the DBI stream and the streams it names.
func (c *checker) header() error {
	d := c.f.dbi
	if d.s == nil {
		return nil
	}
	if end := d.subs[numSubs-1].end; end != uint64(d.s.Size) {
		c.damage(d.s.Name, 24, "its parts end at %#x, the stream at %#x", end, d.s.Size)
	}
	named := map[string]uint32{"global symbol index": d.gsi, "public symbol index": d.psi, "symbol records": d.gss}
	for i, num := range d.opt {
		named[fmt.Sprintf("entry %d of the optional debug header", i)] = num
	}
	for _, what := range slices.Sorted(maps.Keys(named)) {
		if num := named[what]; num != noStream && !c.f.msf.Has(num) {
			c.damage(d.s.Name, 0, "%s is stream %d, which does not exist", what, num)
		}
	}
	return nil
}

func (c *checker) sections() error {
	s, err := c.f.loadSections()
	if err != nil {
		return err
	}
	for i, sec := range s.image {
		if end := uint64(sec.VirtualAddress) + uint64(sec.extent()); end > 1<<32 {
			c.damage("section headers", int64(i)*sectionHeaderSize, "section %d ends at %#x", i+1, end)
		}
	}
	return nil
}

func (c *checker) modules() error {
	list, err := c.f.loadModules()
	if err != nil {
		return err
	}
	for i := range list.shared {
		if list.shared[i] {
			_, err := c.f.openModule(i)
			if !c.add(err) {
				return nil
			}
		}
	}
	for m, err := range c.f.Modules() {
		if err != nil {
			return err
		}
		if m.HasStream && !c.f.msf.Has(m.Stream) &&
			!c.damage("module list", 0, "module %q has stream %d, which does not exist", m.Name, m.Stream) {
			break
		}
	}
	return nil
}

func (c *checker) contribs() error {
	t, err := c.f.loadContribs()
	if err != nil || t.s == nil {
		return err
	}
	i, last := 0, addressKey(0)
	return t.each(func(cur contrib) bool {
		if cur.key() < last {
			c.damage(t.s.Name, int64(t.off)+int64(i)*int64(t.item), "section contribution %d is out of order", i)
			return false
		}
		i, last = i+1, cur.key()
		return true
	})
}

// eachModule calls visit for the modules that have a stream. Those that cannot be read
// are reported with the list.
func (c *checker) eachModule(visit func(*modStream) error) error {
	list, err := c.f.loadModules()
	for i := 0; err == nil && i < list.len() && !c.stop; i++ {
		ms, err := c.f.openModule(i)
		if err == nil && ms.s != nil {
			err = visit(ms)
		}
		if fatal(err) {
			return err
		}
	}
	return ignoreDamage(err)
}

// symbols checks the records of all modules.
func (c *checker) symbols() error {
	return c.eachModule(func(ms *modStream) error {
		if ms.bad != nil {
			c.add(ms.bad)
		}
		return c.scopes(ms)
	})
}

// scopes checks the records of one module and that its scopes end where their
// records say.
func (c *checker) scopes(ms *modStream) error {
	w := ms.scopes()
	var sym Symbol
	var ends []uint32 // what the open scopes say
	for w.step() && !c.stop {
		kind := w.kind()
		if _, ok := formOf(kind); ok && !sym.parse(w.Rec) {
			c.damage(ms.s.Name, int64(w.Off), "%v of %d bytes is cut off", kind, len(w.Rec))
		}
		switch {
		case kind.opens() && len(w.Rec) >= endField+4:
			ends = append(ends, u32(w.Rec, endField))
		case kind.opens():
			ends = append(ends, 0)
		case kind.closes() && len(ends) == 0:
			c.damage(ms.s.Name, int64(w.Off), "%v ends no scope", kind)
		case kind.closes():
			if said := ends[len(ends)-1]; said != w.Off {
				c.damage(ms.s.Name, int64(w.Off), "a scope ends here, its record says at %#x", said)
			}
			ends = ends[:len(ends)-1]
		}
	}
	if len(ends) > 0 && w.Err == nil && !c.stop {
		c.damage(ms.s.Name, int64(ms.symbols.End), "%d scopes have no end", len(ends))
	}
	if fatal(w.Err) {
		return w.Err
	}
	if w.Err != nil {
		c.add(w.Err)
	}
	return nil
}

// globals checks the table of globals against the records.
func (c *checker) globals() error {
	g, err := c.f.loadGlobals()
	if err != nil || g.gss == nil {
		return err
	}
	if g.table.bad != nil {
		c.add(g.table.bad)
	}
	refs, err := c.buckets(g.table)
	if err != nil {
		return err
	}
	return c.records(&g.names, refs)
}

// lines checks the string table and the lines of all modules.
func (c *checker) lines() error {
	if _, err := c.f.strings(); err != nil {
		if fatal(err) {
			return err
		}
		c.add(err)
	}
	return c.eachModule(func(ms *modStream) error { return c.linesOf(&moduleLines{ms: ms}) })
}

// linesOf checks the lines of a module.
func (c *checker) linesOf(m *moduleLines) error {
	err := m.readLines13()
	for _, b := range m.blocks {
		if err != nil || c.stop {
			break
		}
		var runs codeview.LineRuns
		if runs, err = m.runs(b); err != nil {
			break
		}
		for runs.Step() {
		}
		if n := len(runs.Rest); n > 0 {
			c.damage(m.ms.s.Name, int64(b.at)+int64(b.n)-int64(n), "%d bytes of a line block are no run of lines", n)
		}
	}
	if err != nil && !fatal(err) {
		c.add(err)
	}
	return err
}
