package pdb

// HasPrivate reports whether the PDB has more than public symbols: whether its
// table of globals, which names every private function and variable, has an
// entry. A stripped PDB and one linked without debug information have none.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) HasPrivate() (bool, error) {
	if err := f.check(); err != nil || f.dbi == nil || f.dbi.gsi == noStream || f.dbi.Flags&DBIStripped != 0 {
		return false, err
	}
	gsi, err := f.msf.stream(f.dbi.gsi, "global symbol index")
	if err != nil {
		return false, err
	}
	t, err := loadTable(gsi, 0, gsi.size)
	if err != nil {
		return false, err
	}
	return t.n > 0, nil
}
