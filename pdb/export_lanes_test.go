package pdb

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/symres/symres/internal/codeview"
)

// CheckLanes compares what lanes find in records at an offset of a stream with
// what a walk from one to the next does. It returns whether lanes found it.
func CheckLanes(records []byte, base uint32) (fit bool, err error) {
	l := newLanes(records, base)
	if !l.run() {
		return false, nil
	}
	var got, want []uint32
	l.visit(func(off uint32, rec []byte) {
		got = append(got, off)
		if !bytes.Equal(rec, records[off-base:][:len(rec)]) {
			err = fmt.Errorf("at %#x there is another record", off)
		}
	})
	kinds := withAddress()
	at := 0
	for at+codeview.RecordHead <= len(records) {
		next, counts := kinds.head(records, at)
		if counts {
			want = append(want, base+uint32(at))
		}
		at = next
	}
	if err == nil && (at != len(records) || !slices.Equal(got, want)) {
		err = fmt.Errorf("lanes: %x; one by one, which ends at %#x of %#x: %x", got, at, len(records), want)
	}
	return true, err
}

// LanesOf returns of how many modules with enough records lanes find the same as
// a walk from one to the next, and how many there are.
func (f *File) LanesOf() (fit, all int, err error) {
	m, err := f.loadModules()
	for i := 0; err == nil && i < m.len(); i++ {
		var ms *modStream
		if ms, err = f.openModule(i); err != nil || ms.symbols.Len() < minLanes {
			continue
		}
		var b []byte
		if b, err = ms.symbols.Bytes(); err != nil {
			break
		}
		ok, bad := CheckLanes(b, ms.symbols.Off)
		if all++; ok {
			fit++
		}
		err = bad
	}
	return fit, all, err
}
