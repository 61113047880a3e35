package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/coff"
	"github.com/symres/symres/symbols/dwarf"
	"github.com/symres/symres/symbols/export"
	"github.com/symres/symres/symbols/gosym"
	"github.com/symres/symres/symbols/pdata"
)

// Sources are the kinds of symbols that are used, by the names of the command
// line: pdb, dwarf, go, coff, export. None are named: all are used.
type Sources []string

// sourcePDB is the name of the symbols of PDBs.
const sourcePDB = "pdb"

var errNotWanted = errors.New("PDBs are not among the sources that were asked for")

// reader opens the symbols of an image that come from one source.
type reader struct {
	name string
	open func(*symbols.Image) (symbols.Table, error)
}

// readers are those of images, the best source first. Imports go with exports.
func readers() []reader {
	return []reader{
		{"dwarf", func(im *symbols.Image) (symbols.Table, error) { return dwarf.New(im) }},
		{"go", func(im *symbols.Image) (symbols.Table, error) { return gosym.New(im) }},
		{"coff", func(im *symbols.Image) (symbols.Table, error) { return coff.New(im) }},
		{"export", func(im *symbols.Image) (symbols.Table, error) { return export.New(im) }},
		{"export", func(im *symbols.Image) (symbols.Table, error) { return export.NewImports(im) }},
	}
}

// Check returns an error that names the first name that is none.
func (s Sources) Check() error {
	names := []string{sourcePDB}
	for _, r := range readers() {
		names = append(names, r.name)
	}
	names = slices.Compact(names)
	for _, name := range s {
		if !slices.Contains(names, name) {
			return fmt.Errorf("source %q of symbols: want some of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

func (s Sources) wants(name string) bool { return len(s) == 0 || slices.Contains(s, name) }

// tables are the tables an image has, the best first, and the bounds of its
// functions. A table that cannot be read is as good as none.
func (s Sources) tables(im *symbols.Image) (list []symbols.Table, bounds symbols.Bounds) {
	for _, r := range readers() {
		if !s.wants(r.name) {
			continue
		}
		if t, err := r.open(im); err == nil {
			list = append(list, t)
		}
	}
	if t, err := pdata.New(im); err == nil {
		bounds = t
	}
	return list, bounds
}
