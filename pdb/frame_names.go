package pdb

import (
	"cmp"
	"slices"
	"strings"

	"github.com/symres/symres/internal/codeview"
)

// inlinee returns the number of an id in the list of inlined functions, -1 for
// one that is not there.
func (c *moduleLines) inlinee(id uint32) int {
	i, ok := slices.BinarySearchFunc(c.inlinees, id, func(i inlinee, id uint32) int { return cmp.Compare(i.id, id) })
	if !ok {
		return -1
	}
	return i
}

// inlineeName returns the name of an inlined function, number i of its module's
// list, if it is there. Where damage hides it the name is empty: the frame is
// worth having without.
func (f *File) inlineeName(c *moduleLines, i int, id uint32) (string, error) {
	if i >= 0 {
		if h := c.inlineeNames[i].Load(); h != 0 {
			return f.idNames.At(h), nil
		}
	}
	id, ok, err := f.globalID(c, id)
	if !ok || err != nil {
		return "", ignoreDamage(err)
	}
	name, h, err := f.idNames.Get(id, f.idName)
	if i >= 0 {
		c.inlineeNames[i].Store(h)
	}
	return name, ignoreDamage(err)
}

// An id with bit 31 set is one of another module (cvinfo.h): 11 bits say which
// of the modules listed in the imports, 20 bits which of the numbers listed for
// it. That module exports the number under its number in the id stream.
const (
	foreignID    = 1 << 31
	foreignShift = 20
	foreignMask  = 0x7FF
	numberMask   = 1<<foreignShift - 1
)

// globalID translates an id of a module to one of the id stream.
func (f *File) globalID(c *moduleLines, id uint32) (uint32, bool, error) {
	if id&foreignID == 0 {
		return id, true, nil
	}
	m, n := id>>foreignShift&foreignMask, id&numberMask
	if m >= uint32(len(c.imports)) || n >= c.imports[m].n {
		return 0, false, nil
	}
	name, err := f.stringAt(c.imports[m].module)
	if err != nil {
		return 0, false, err
	}
	i, err := f.moduleNamed(name)
	if err != nil || i < 0 {
		return 0, false, err
	}
	other, err := f.moduleLines(i)
	if err != nil {
		return 0, false, err
	}
	local := c.ids[c.imports[m].first+n]
	at, ok := slices.BinarySearchFunc(other.exports, local, func(e exportedID, id uint32) int { return cmp.Compare(e.local, id) })
	if !ok {
		return 0, false, nil
	}
	return other.exports[at].global, true, nil
}

// moduleNamed returns the number of the module with a name, -1 for none.
func (f *File) moduleNamed(name string) (int, error) {
	names, err := f.modNames.Get(func() (*map[string]int, error) {
		names := map[string]int{}
		i := 0
		for m, err := range f.Modules() {
			if fatal(err) {
				return nil, err
			}
			if _, ok := names[strings.ToLower(m.Name)]; !ok && err == nil {
				names[strings.ToLower(m.Name)] = i
			}
			i++
		}
		f.msf.Hold(100 * len(names))
		return &names, nil
	})
	if err != nil {
		return -1, err
	}
	if i, ok := (*names)[strings.ToLower(name)]; ok {
		return i, nil
	}
	return -1, nil
}

// fileName returns the name of a source file of a module, empty where damage
// hides it.
func (f *File) fileName(c *moduleLines, at uint32) (string, error) {
	i, ok := slices.BinarySearchFunc(c.files, at, func(s sourceFile, at uint32) int { return cmp.Compare(s.at, at) })
	if !ok {
		return "", nil
	}
	if own := c.files[i].own; own != 0 {
		return string(c.old[c.files[i].name:][:own]), nil
	}
	t, err := f.strings()
	if err != nil {
		return "", ignoreDamage(err)
	}
	if h := c.fileNames[i].Load(); h != 0 {
		return t.known.At(h), nil
	}
	name, h, err := t.known.Get(c.files[i].name, t.read)
	c.fileNames[i].Store(h)
	return name, ignoreDamage(err)
}

const (
	maxNameParts = 64      // pieces a long name is cut into
	maxNameText  = 1 << 20 // bytes a name put together may have
)

// idName returns the name of an id as debuggers print it: a function with its
// scope ("ns::f"), a member function with its class ("C::f"), a string. The
// function may be one of this module only: an id with bit 31 set refers to
// another module and is translated by the caller first.
//
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading.
func (f *File) idName(id uint32) (string, error) {
	t, err := f.loadIDs()
	if err != nil {
		return "", err
	}
	rec, err := t.record(id)
	if err != nil {
		return "", err
	}
	r := codeview.Reader{B: rec, Off: codeview.LenField}
	leaf := r.Begin()
	scope := r.Ti()
	switch leaf {
	case codeview.LeafFuncID, codeview.LeafMFuncID:
		r.Ti()
		name := string(r.Name())
		if r.Short {
			return "", t.bad(id, "record ends early")
		}
		prefix, err := f.scopeName(t, leaf, scope)
		return prefix + name, ignoreDamage(err) // a name without its scope is worth having
	case codeview.LeafStringID:
		return t.stringID(id)
	}
	return "", t.bad(id, "%v is no name", leaf)
}

// scopeName returns what stands before the name of a function: its namespace, which is
// a string, or its class.
func (f *File) scopeName(ids *typeTable, leaf codeview.Leaf, scope uint32) (string, error) {
	if leaf == codeview.LeafFuncID {
		if scope == 0 {
			return "", nil
		}
		name, err := ids.stringID(scope)
		if err != nil {
			return "", err
		}
		return name + "::", nil
	}
	types, err := f.loadTypes()
	if err != nil {
		return "", err
	}
	rec, err := types.counted(scope)
	if g, ok := codeview.ParseTag(rec); ok && err == nil {
		return string(g.Name) + "::", nil
	}
	return "", err
}

// stringID returns the text of an LF_STRING_ID. A long one is cut into pieces,
// listed in a record of its own.
func (t *typeTable) stringID(id uint32) (string, error) {
	text, list, err := t.stringPart(id)
	if err != nil || list == 0 {
		return text, err
	}
	rec, err := t.counted(list)
	if err != nil {
		return "", err
	}
	r := codeview.Reader{B: rec, Off: codeview.LenField}
	if leaf := r.Begin(); leaf != codeview.LeafSubstrList {
		return "", t.bad(list, "%v is no list of strings", leaf)
	}
	var b strings.Builder
	for n := min(r.U32(), maxNameParts); n > 0 && !r.Short && b.Len() < maxNameText; n-- {
		part, _, err := t.stringPart(r.U32())
		if err != nil {
			return "", err
		}
		b.WriteString(part)
	}
	b.WriteString(text)
	return b.String(), nil
}

// stringPart reads one LF_STRING_ID: its text and the list of what comes
// before it, 0 for none.
func (t *typeTable) stringPart(id uint32) (text string, list uint32, err error) {
	rec, err := t.counted(id)
	if err != nil {
		return "", 0, err
	}
	r := codeview.Reader{B: rec, Off: codeview.LenField}
	leaf := r.Begin()
	list = r.U32()
	text = string(r.Name())
	if leaf != codeview.LeafStringID || r.Short {
		return "", 0, t.bad(id, "%v is no string", leaf)
	}
	return text, list, nil
}

// ignoreDamage keeps only errors of reading.
func ignoreDamage(err error) error {
	if fatal(err) {
		return err
	}
	return nil
}
