package pdb

// Memory returns about how many bytes the File holds of what it has read and
// made so far, to answer faster the next time: pages of the file, whole streams,
// indices. A mapping does not count. What is held can be given up only with the File;
// one that was just opened holds a few KB.
func (f *File) Memory() int64 {
	n := f.msf.Held() + f.idNames.size()
	if s := f.strs.done.Load(); s != nil {
		n += s.known.size()
	}
	return n
}

// size returns the bytes of the strings that are remembered.
func (c *stringCache) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.held)
}
