package pdb

// HasPrivate reports whether the PDB has more than public symbols: whether its
// table of globals, which names every private function and variable, has an
// entry. A stripped PDB and one linked without debug information have none.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) HasPrivate() (bool, error) {
	if err := f.enter(); err != nil {
		return false, err
	}
	defer f.leave()
	if f.dbi == nil || f.dbi.gsi == noStream || f.dbi.Flags&DBIStripped != 0 {
		return false, nil
	}
	g, err := f.loadGlobals()
	if err != nil || g.gss == nil {
		return false, err
	}
	return g.table.n > 0, nil
}
