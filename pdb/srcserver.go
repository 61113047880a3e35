package pdb

import (
	"io"
	"strings"
)

// SourceServer returns the text that says where the sources of the PDB can be
// had from (the stream "srcsrv"), nil for a PDB without one. It holds commands:
// it is data here, and never run. Errors are those of [File.NamedStreams].
func (f *File) SourceServer() (*io.SectionReader, error) { return f.Stream("srcsrv") }

// SourceLinks returns the Source Link documents of the PDB: JSON that maps
// paths to addresses. Linkers leave several in one PDB: the stream
// "sourcelink", and "sourcelink$1" and so on. Nothing is fetched. Errors are
// those of [File.NamedStreams].
func (f *File) SourceLinks() ([]*io.SectionReader, error) {
	list, err := f.NamedStreams()
	if err != nil {
		return nil, err
	}
	var docs []*io.SectionReader
	for _, n := range list {
		if n.Name != "sourcelink" && !strings.HasPrefix(n.Name, "sourcelink$") {
			continue
		}
		r, err := f.Stream(n.Name)
		if err != nil {
			return nil, err
		}
		docs = append(docs, r)
	}
	return docs, nil
}
