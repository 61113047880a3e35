package pdb

// Work returns what a walk over the whole file is granted.
func (f *File) Work() int64 { return f.msf.Work.Whole() }

// Starve leaves of what questions are granted so much that a walk over the whole
// file may spend as much as the file is long, and half of that in reserve.
func (f *File) Starve() {
	f.msf.Work.Starve()
}
