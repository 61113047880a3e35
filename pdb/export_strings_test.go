package pdb

// StringAt returns a string of the stream /names.
func (f *File) StringAt(off uint32) (string, error) { return f.stringAt(off) }

// StringBytes returns how many bytes of strings /names has.
func (f *File) StringBytes() (uint32, error) {
	t, err := f.strings()
	if err != nil {
		return 0, err
	}
	return t.a.Len(), nil
}
