package pdb

import (
	"iter"

	"github.com/symres/symres/internal/wire"
)

// Module is what one object file, import library member or the linker itself
// contributed to the image.
type Module struct {
	Name      string // the object file, "* Linker *", "Import:KERNEL32.dll", ...
	Object    string // the library or object file it was taken from
	Stream    uint32 // number of the stream with its symbols and lines
	HasStream bool   // false: nothing private is known of it
}

const (
	moduleHead    = 64
	moduleHeadV50 = 56 // first contribution without its two checksums
	versionV60    = 19970606
)

// Modules enumerates the modules in the order of their numbers. An error ends
// the sequence; it satisfies errors.Is(err, [ErrFormat]) or comes from reading.
func (f *File) Modules() iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		c, err := f.moduleCursor()
		for err == nil && c != nil && c.Len() > 0 {
			var m Module
			if m, err = readModule(c, f.dbi.Version); err == nil && !yield(m, nil) {
				return
			}
		}
		if err != nil {
			yield(Module{}, err)
		}
	}
}

func (f *File) moduleCursor() (*wire.Cursor, error) {
	if err := f.check(); err != nil || f.dbi == nil {
		return nil, err
	}
	off, n, err := f.dbi.sub(subModules, "module list")
	if err != nil {
		return nil, err
	}
	b, err := f.dbi.s.bytes(off, n)
	if err != nil {
		return nil, err
	}
	return wire.At(f.dbi.s.name, int64(off), b), nil
}

// readModule reads one module record (MODI in microsoft-pdb dbi.h).
func readModule(c *wire.Cursor, version uint32) (Module, error) {
	head := moduleHead
	if version < versionV60 {
		head = moduleHeadV50
	}
	start := c.Offset()
	b := c.Bytes(head)
	m := Module{Name: string(c.CStr()), Object: string(c.CStr())}
	if c.Err() != nil {
		return Module{}, cursorErr(c.Err())
	}
	// u32 unused, the first contribution, u16 flags, u16 stream
	if num := uint32(u16(b, 34-(moduleHead-head))); num != noStream {
		m.Stream, m.HasStream = num, true
	}
	if odd := int((c.Offset() - start) & 3); odd != 0 {
		c.Skip(min(4-odd, c.Len()))
	}
	return m, nil
}
