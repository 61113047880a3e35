package paging

import (
	"errors"
	"io"
	"math"

	"github.com/symres/symres/memsource"
)

// swappedIn is the mapping of a page that f says is in a paging file, if that
// file is at hand.
func (w *walker) swappedIn(f *memsource.Fault) (mapping, *memsource.Fault) {
	if w.s.cfg.PageFiles[f.PageFile] == nil {
		return mapping{}, f
	}
	inPage := f.Addr & (1<<w.s.geo.pageShift() - 1)
	at := place{f.PageFileOffset | inPage, f.PageFile + 1}
	return mapping{at: at, left: f.Len, pte: f.PTE, soft: true, swapped: f}, nil
}

// readFile reads from a paging file. The error of a file that ends before is
// [io.ErrUnexpectedEOF].
func (w *walker) readFile(p []byte, at place) (int, error) {
	if at.off > math.MaxInt64-uint64(len(p)) {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := w.s.cfg.PageFiles[at.file-1].ReadAt(p, int64(at.off))
	n = min(max(n, 0), len(p))
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// swapFault is the fault of a paging file that fell short after n bytes: the
// page is still paged out, unless it is the file that cannot be read.
func (m mapping) swapFault(err error, va uint64, n int) *memsource.Fault {
	f := *m.swapped
	f.Addr, f.Len, f.Err = va+uint64(n), m.left-uint64(n), err
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		f.Reason, f.Status, f.Len = memsource.ReasonIO, memsource.ReasonIO.Status(), 0
	}
	return &f
}
