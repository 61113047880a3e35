package vadmath

import (
	"cmp"
	"strings"
)

// Type is what a virtual address descriptor describes.
type Type uint8

// The types. The zero value means that the listing does not say.
const (
	TypeUnknown Type = iota
	TypeImage        // an executable image: Mapped and Exe, or the ImageMap flag
	TypeMapped       // a data file or a section in the page file
	TypePrivate      // memory of this process alone
)

// String returns the word of the JSON contract: image, mapped, private, or ""
// for unknown.
func (t Type) String() string {
	return map[Type]string{TypeImage: "image", TypeMapped: "mapped", TypePrivate: "private"}[t]
}

// MarshalText is String; it never fails.
func (t Type) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// View says whether children of the process get a mapping.
type View uint8

// The views. The zero value is unknown.
const (
	ViewUnknown View = iota
	ViewShare        // children get it
	ViewUnmap        // they do not
)

// String returns kd's word, ViewShare or ViewUnmap, or "" for unknown.
func (v View) String() string { return [...]string{"", "ViewShare", "ViewUnmap"}[min(v, ViewUnmap)] }

// MarshalText is String; it never fails.
func (v View) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Entry is one virtual address descriptor. Fields a listing does not show are
// zero.
type Entry struct {
	Address    uint64 // of the descriptor itself, in the kernel
	Level      int    // depth in the tree
	Pages      Pages
	Commit     int64 // pages charged; -1 stands for no charge at all
	Type       Type
	View       View
	Protection string // as printed: EXECUTE_WRITECOPY, READWRITE NOCACHE
	// File is the path of the mapped file as the target knows it, without a
	// drive. It is text from the target: show it, never open it.
	File string
	// Note is printed in place of a file: Pagefile section, shared commit 0x1.
	Note string
	// Command is the .reload command that the debugger printed, if any.
	Command Reload
	// Line is the line of the listing the entry begins at, counted from 1.
	Line int
}

// Image returns the file name of the module, or "" when the listing has none.
func (e Entry) Image() string {
	if e.File == "" {
		return e.Command.Image
	}
	return e.File[strings.LastIndexAny(e.File, `\/`)+1:]
}

// Reload returns the command that adds the module on a target with pages of
// size s, loading it at once. The size covers whole pages, so it may exceed
// SizeOfImage and does not make a symbol store key. The image name is "" when
// the listing has none. Errors are those of [Pages.Bytes].
func (e Entry) Reload(s PageSize) (Reload, error) {
	base, size, err := e.Pages.Bytes(s)
	if err != nil {
		return Reload{}, err
	}
	return Reload{Image: e.Image(), Base: base, Size: size, Force: true, Wide: e.Address>>32 != 0 && base>>32 == 0}, nil
}

// PageSize returns the page size with which the debugger computed its command,
// and whether it printed a command that fits the pages.
func (e Entry) PageSize() (PageSize, bool) {
	for _, s := range []PageSize{Page4K, Page8K} {
		base, _, err := e.Pages.Bytes(s)
		if err == nil && base != 0 && base == e.Command.Base {
			return s, true
		}
	}
	return 0, false
}

// Merge joins entries that describe the same descriptor, as when a listing and
// the detailed block of one of its rows are pasted together. Each keeps the
// place of its first entry.
func Merge(entries []Entry) []Entry {
	type key struct {
		address uint64
		pages   Pages
	}
	var out []Entry
	at := map[key]int{}
	for _, e := range entries {
		k := key{e.Address, e.Pages}
		if i, ok := at[k]; ok && e.Address != 0 {
			out[i] = out[i].with(e)
			continue
		}
		at[k] = len(out)
		out = append(out, e)
	}
	return out
}

// with fills in what e lacks and other has.
func (e Entry) with(other Entry) Entry {
	fill := func(s *string, with string) {
		if *s == "" {
			*s = with
		}
	}
	e.Type = cmp.Or(e.Type, other.Type)
	e.View = cmp.Or(e.View, other.View)
	fill(&e.Protection, other.Protection)
	fill(&e.File, other.File)
	fill(&e.Note, other.Note)
	if e.Commit == 0 {
		e.Commit = other.Commit
	}
	if e.Level == 0 {
		e.Level = other.Level
	}
	if e.Command == (Reload{}) {
		e.Command = other.Command
	}
	return e
}
