package pdb

// StringAt returns a string of the stream /names.
func (f *File) StringAt(off uint32) (string, error) { return f.stringAt(off) }

// FindString looks a string up in the stream /names.
func (f *File) FindString(s string) (uint32, bool, error) {
	t, err := f.strings()
	if err != nil {
		return 0, false, err
	}
	return t.find(s)
}

// HashString is the hash of a string table.
func HashString(s string, version uint32) uint32 { return hashString(s, version) }

// StringBytes returns how many bytes of strings /names has.
func (f *File) StringBytes() (uint32, error) {
	t, err := f.strings()
	if err != nil {
		return 0, err
	}
	return t.a.len(), nil
}
