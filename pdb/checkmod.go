package pdb

// symbols checks the records of all modules.
func (c *checker) symbols() error {
	list, err := c.f.loadModules()
	if err != nil {
		return nil // reported with the list
	}
	for i := range list.len() {
		if c.stop {
			return nil
		}
		ms, err := c.f.openModule(i)
		if fatal(err) {
			return err
		}
		if err != nil || ms.s == nil {
			continue // reported with the list
		}
		if ms.bad != nil {
			c.add(ms.bad)
		}
		if err := c.scopes(ms); err != nil {
			return err
		}
	}
	return nil
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
