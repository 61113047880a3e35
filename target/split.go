package target

import (
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/symres/symres/internal/fsx"
)

// maxParts bounds the files that one was split into.
const maxParts = 10000

// joined returns the file whose first part was opened: those of the same name with
// the numbers that follow on .001 belong to it. A file that is no first part, or
// the only one, is returned as it is.
func (o *opener) joined(first *fsx.File) (io.ReaderAt, int64) {
	ext := filepath.Ext(o.path)
	if n, err := strconv.ParseUint(strings.TrimPrefix(ext, "."), 10, 32); err != nil || n != 1 || len(ext) < 3 {
		return first, first.Size()
	}
	p := &parts{}
	p.add(first)
	stem := strings.TrimSuffix(o.path, ext)
	for i := 2; i < maxParts; i++ {
		f, err := fsx.Open(fmt.Sprintf("%s.%0*d", stem, len(ext)-1, i))
		if err != nil {
			break // of a part that is missing the target tells, which ends there
		}
		o.closes(f)
		p.add(f)
	}
	return p, p.size
}

// parts are files read as one. Safe for concurrent use.
type parts struct {
	files []*fsx.File
	ends  []int64
	size  int64
}

func (p *parts) add(f *fsx.File) {
	p.size += f.Size()
	p.files, p.ends = append(p.files, f), append(p.ends, p.size)
}

// part is the index of the file that has an offset, and the offset in it.
func (p *parts) part(off int64) (i int, in int64) {
	i = sort.Search(len(p.ends), func(i int) bool { return p.ends[i] > off })
	if i == len(p.files) {
		return i, 0
	}
	return i, off - (p.ends[i] - p.files[i].Size())
}

// ReadAt implements [io.ReaderAt].
func (p *parts) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		i, in := p.part(off + int64(n))
		if i == len(p.files) {
			return n, io.EOF
		}
		piece := b[n:min(int64(len(b)), int64(n)+p.files[i].Size()-in)]
		got, err := p.files[i].ReadAt(piece, in)
		if n += got; got < len(piece) {
			return n, err
		}
	}
	return n, nil
}

// NextData is [fsx.File.NextData].
func (p *parts) NextData(off int64) int64 {
	for {
		i, in := p.part(off)
		if i == len(p.files) {
			return off
		}
		next := p.files[i].NextData(in)
		start := p.ends[i] - p.files[i].Size()
		if next < p.files[i].Size() {
			return start + next
		}
		off = p.ends[i]
	}
}
