package pdb

import "github.com/symres/symres/internal/codeview"

// lines checks the string table and the lines of all modules.
func (c *checker) lines() error {
	if _, err := c.f.strings(); err != nil {
		if fatal(err) {
			return err
		}
		c.add(err)
	}
	m, err := c.f.loadModules()
	if err != nil {
		return err
	}
	for i := 0; i < m.len() && !c.stop; i++ {
		ms, err := c.f.openModule(i)
		if fatal(err) {
			return err
		}
		if err == nil && ms.s != nil {
			err = c.linesOf(&moduleCode{ms: ms})
		}
		if fatal(err) {
			return err
		}
	}
	return nil
}

// linesOf checks the lines of a module.
func (c *checker) linesOf(m *moduleCode) error {
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
