package identify

import (
	"math"
	"slices"
	"strings"

	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
)

// ImageQueries returns the queries for copies of the image, in the order to use
// them: every name that the target gives, with every key that is possible.
// Without a key the queries use the name only. If the size comes from the
// loader, which may have rounded it up, the last queries use the name only too.
// All copies are compared afterwards. There are no queries for images of other
// systems than Windows.
func (f *Facts) ImageQueries() []sympath.Query {
	var queries []sympath.Query
	if f.Module.System != "" {
		return nil
	}
	names := f.names()
	for _, size := range f.sizes() {
		if id := sympath.Image(f.Fields.TimeDateStamp, size); id.Key() != "" {
			queries = append(queries, asking(names, id)...)
		}
	}
	if len(queries) == 0 || f.Fields.SizeOfImage == 0 {
		queries = append(queries, asking(names, sympath.ID{})...)
	}
	return queries
}

// asking asks for files of several names by one identity.
func asking(names []string, id sympath.ID) (queries []sympath.Query) {
	for _, name := range names {
		queries = append(queries, sympath.Query{File: name, ID: id})
	}
	return queries
}

// byName turns queries into such that ask for the names alone.
func byName(queries []sympath.Query) (named []sympath.Query) {
	for _, q := range queries {
		q.ID = sympath.ID{}
		if !slices.Contains(named, q) {
			named = append(named, q)
		}
	}
	return named
}

// sizes returns what the SizeOfImage of the image may be, the likeliest first. A
// header says it. Else it is SizeOfImageNotRounded, and the size that the
// loader keeps, which is what debuggers ask for: linkers write a multiple of
// SectionAlignment, so that rounding to pages seldom changes it.
func (f *Facts) sizes() []uint32 {
	var sizes []uint32
	if f.Fields.SizeOfImage != 0 {
		sizes = append(sizes, f.Fields.SizeOfImage)
	}
	if listed := f.Module.Size; !f.sizeRead && listed != 0 && listed <= math.MaxUint32 && !slices.Contains(sizes, uint32(listed)) {
		sizes = append(sizes, uint32(listed))
	}
	return sizes
}

// names returns the names of the image's file, the likeliest first: what the
// loader calls it, the file of its full path, and for the kernel and the HAL,
// which are loaded under one name and linked under several, the one that the name of the PDB implies.
func (f *Facts) names() []string {
	var names []string
	for _, name := range []string{f.Module.Image, f.Module.Path, implied(&f.Module, f.CodeView)} {
		for _, name := range ImageNames(name) {
			if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
	}
	usable := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !usableName(name) })
	if len(usable) == 0 {
		return []string{baseName(f.Module.Image)} // the stores say what is wrong with it
	}
	return usable
}

// implied is the name the kernel or the HAL was linked under.
func implied(m *Module, cv *pe.CodeView) string {
	if cv == nil {
		return ""
	}
	name, ext := baseName(cv.Path), extension(m.Image)
	if stem := strings.TrimSuffix(name, "."+extension(name)); ext != "" && alias(stem) != "" && alias(stem) == alias(m.stem()) {
		return stem + "." + ext
	}
	return ""
}

// ImageNames returns the names under which stores may hold an image with that
// file name, the most likely first, and nothing for the empty name. For crash
// dumps and hibernation, the kernel loads the disk drivers a second time, as
// dump_X.sys and hiber_X.sys; their file is X.sys.
func ImageNames(image string) []string {
	name := baseName(image)
	if name == "" {
		return nil
	}
	for _, prefix := range []string{"dump_", "hiber_"} {
		rest, ok := cutPrefixFold(name, prefix)
		if ok && strings.EqualFold(extension(name), "sys") && len(rest) > len(".sys") {
			return []string{rest, name}
		}
	}
	return []string{name}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// PDBQueries returns the queries for the PDB that a CodeView record names, see
// [PDBQueries]. For a nil record they use only the name of the image.
func (f *Facts) PDBQueries(cv *pe.CodeView) []sympath.Query {
	image := f.names()[0]
	if image == "" {
		image = f.Module.Name
	}
	return PDBQueries(image, cv)
}

// PDBsByName returns queries by name only, with the name in the record and the
// name of the image. A PDB that they find does not necessarily belong to the
// image. There are no queries for images of other systems than Windows.
func (f *Facts) PDBsByName(cv *pe.CodeView) []sympath.Query {
	if f.Module.System != "" {
		return nil
	}
	return byName(append(f.PDBQueries(cv), f.PDBQueries(nil)...))
}

// PDBQueries ask stores for the PDB that a CodeView record of an image names,
// in the order to ask. They use the file name in the record if it is valid.
// Quotes, surrounding blanks and a stream name after a colon are removed. If
// the name was changed in this way, is empty, has no extension or continues in
// a page that is out, the image's name with the extension pdb is tried too. A
// nil record asks for that name, without an identity.
func PDBQueries(image string, cv *pe.CodeView) []sympath.Query {
	image = baseName(image)
	ext := extension(image)
	names := []string{strings.TrimSuffix(image, "."+ext) + ".pdb"}
	var id sympath.ID
	if cv != nil {
		id = cv.ID()
		names = append(recordedNames(cv), names...)
	}
	var queries []sympath.Query
	for _, name := range names {
		q := sympath.Query{File: name, ID: id, ImageExt: ext}
		if !slices.ContainsFunc(queries, func(p sympath.Query) bool { return strings.EqualFold(p.File, name) }) {
			queries = append(queries, q)
		}
		if usableName(name) && extension(name) != "" {
			break // a name that is as good as any
		}
	}
	return queries
}

// recordedNames are those of the names in a CodeView record that files can have.
func recordedNames(cv *pe.CodeView) []string {
	if cv.Partial {
		return nil
	}
	name := baseName(cv.Path)
	mended, _, _ := strings.Cut(strings.Trim(name, " \t\"'"), ":")
	mended = strings.TrimRight(mended, " .\"'")
	switch {
	case usableName(name):
		return []string{name}
	case usableName(mended) && extension(mended) != "":
		return []string{mended}
	}
	return nil
}

func usableName(name string) bool {
	_, err := sympath.CleanName(name)
	return err == nil
}
