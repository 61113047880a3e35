package pdb

import (
	"strings"

	"github.com/symres/symres/internal/codeview"
)

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
	case codeview.LeafFuncID:
		r.Ti()
		return f.scopedName(t, id, scope, &r)
	case codeview.LeafMFuncID:
		r.Ti()
		return f.memberName(t, id, scope, &r)
	case codeview.LeafStringID:
		return t.stringID(id)
	}
	return "", t.bad(id, "%v is no name", leaf)
}

// scopedName joins the name of a function with that of its namespace, which
// is a string.
func (f *File) scopedName(t *typeTable, id, scope uint32, r *codeview.Reader) (string, error) {
	name := string(r.Name())
	switch {
	case r.Short:
		return "", t.bad(id, "record ends early")
	case scope == 0:
		return name, nil
	}
	prefix, err := t.stringID(scope)
	if err != nil {
		return name, ignoreDamage(err) // a name without its scope is worth having
	}
	return prefix + "::" + name, nil
}

// memberName joins the name of a member function with that of its class.
func (f *File) memberName(t *typeTable, id, class uint32, r *codeview.Reader) (string, error) {
	name := string(r.Name())
	if r.Short {
		return "", t.bad(id, "record ends early")
	}
	types, err := f.loadTypes()
	if err != nil {
		return name, ignoreDamage(err)
	}
	rec, err := types.counted(class)
	if err != nil {
		return name, ignoreDamage(err)
	}
	if g, ok := codeview.ParseTag(rec); ok {
		return string(g.Name) + "::" + name, nil
	}
	return name, nil
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
