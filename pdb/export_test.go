package pdb

// memory is a source with a single frame, as a mapping of the file is.
type memory []byte

func (m memory) frame(off int64) ([]byte, error) { return m[off:], nil }

func (m memory) readAt(p []byte, off int64) error {
	copy(p, m[off:off+int64(len(p))])
	return nil
}

// NewMemory is [New] over bytes in memory, through a source of one frame: what
// one frame provider answers, every other must answer as well.
func NewMemory(b []byte) (*File, error) {
	if kind := Sniff(b); kind != FormatPDB7 {
		return nil, &KindError{Format: kind}
	}
	return newFile(memory(b), int64(len(b)))
}

// IDName is the name of an id of the id stream, as inlined frames show it.
func (f *File) IDName(id uint32) (string, error) { return f.idName(id) }

// TypeBucket returns how many types share the bucket of a name.
func (f *File) TypeBucket(name string) (int, error) {
	t, err := f.loadTypes()
	if err != nil {
		return 0, err
	}
	h, err := t.hash.get(t.loadHash)
	if err != nil || h.bad != nil {
		return 0, err
	}
	types, err := h.bucket(hashName(name))
	return len(types), err
}
