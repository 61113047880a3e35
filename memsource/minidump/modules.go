package minidump

import (
	"fmt"
	"iter"

	"github.com/symres/symres/internal/wtext"
)

// Module is a MINIDUMP_MODULE: an image that was loaded. It is plain data.
type Module struct {
	Name    string // full path as the process knew it: untrusted, shown and never opened; "" when unreadable
	NameErr error  // why Name is "". Wraps [ErrFormat] when the dump is wrong

	Base          uint64
	Size          uint32 // SizeOfImage in bytes
	CheckSum      uint32 // 0: unknown
	TimeDateStamp uint32 // 0: unknown

	// CodeView is the record that names the PDB, as the linker wrote it (RSDS
	// or NB10), nil where the writer saved none, as Wine does.
	CodeView    []byte
	CodeViewErr error // why a record that should be there is not

	Offset   int64    // of the entry in the file
	Platform Platform // of the process: elsewhere than on Windows the image is none with a PDB
}

// Unloaded is a MINIDUMP_UNLOADED_MODULE. It is plain data.
type Unloaded struct {
	Name          string // without directory, mostly; "" when unreadable
	NameErr       error
	Base          uint64
	Size          uint32
	CheckSum      uint32
	TimeDateStamp uint32
	Offset        int64
}

// Sizes of entries (minidumpapiset.h), and how many are read at most.
const (
	moduleSize   = 108
	unloadedSize = 24
	maxModules   = 10000
	maxUnloaded  = 10000
)

// Bounds of what one entry points to: the loader's own limit of a path in
// bytes, and a CodeView record with a path of 4 KB.
const (
	maxName     = 2 * 0x7fff
	maxCodeView = 24 + 4<<10
)

// Modules lists the loaded modules, the program's own image first. When the
// list breaks off, what is there comes first and then one error, which wraps
// [ErrFormat]; so does a list of more than 10,000. A dump without the list
// gives an error that wraps [ErrNoStream].
func (f *File) Modules() iter.Seq2[Module, error] {
	if f.user != nil {
		return f.userModules
	}
	t, err := f.counted(ModuleListStream, moduleSize, maxModules)
	return list(f, t, err, f.module)
}

// Unloaded lists the modules that were unloaded before the dump was made.
// Errors are as for [File.Modules]; most dumps have no such list.
func (f *File) Unloaded() iter.Seq2[Unloaded, error] {
	t, err := f.unloadedTable()
	return list(f, t, err, f.unloaded)
}

// list decodes the records of a table. What the records point to may be read
// only once: together it cannot be more than the file has.
func list[T any](f *File, t table, err error, decode func([]byte, int64, *uint64) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err != nil {
			yield(none, err)
			return
		}
		left, at := f.size, int64(t.off)
		for b, err := range f.rows(t) {
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(decode(b, at, &left), nil) {
				return
			}
			at += int64(t.stride)
		}
	}
}

func (f *File) module(b []byte, at int64, left *uint64) Module {
	m := Module{
		Base: f.address(le64(b)), Size: le32(b[8:]), CheckSum: le32(b[12:]), TimeDateStamp: le32(b[16:]), Offset: at,
		Platform: f.system.Platform,
	}
	m.Name, m.NameErr = f.text(uint64(le32(b[20:])), left)
	if size := uint64(le32(b[76:])); size != 0 {
		m.CodeView, m.CodeViewErr = f.part("CodeView record", uint64(le32(b[80:])), min(size, maxCodeView), left)
	}
	return m
}

func (f *File) unloaded(b []byte, at int64, left *uint64) Unloaded {
	u := Unloaded{
		Base: f.address(le64(b)), Size: le32(b[8:]), CheckSum: le32(b[12:]), TimeDateStamp: le32(b[16:]), Offset: at,
	}
	u.Name, u.NameErr = f.text(uint64(le32(b[20:])), left)
	return u
}

// unloadedTable reads {header size, entry size, count}, all 32 bits.
func (f *File) unloadedTable() (table, error) {
	s, b, err := f.head(UnloadedModuleStream, 12)
	if err != nil {
		return table{}, err
	}
	header, stride := uint64(le32(b)), uint64(le32(b[4:]))
	if header < 12 || stride < unloadedSize {
		return table{}, fmt.Errorf("minidump: %v: header of %d bytes, entries of %d: %w", s.Type, header, stride, ErrFormat)
	}
	return table{
		what: s.Type.String(), off: uint64(s.Offset) + header, end: uint64(s.Offset) + uint64(s.Size),
		count: uint64(le32(b[8:])), stride: stride, most: maxUnloaded,
	}, nil
}

// part reads n bytes something points to.
func (f *File) part(what string, off, n uint64, left *uint64) ([]byte, error) {
	if n > *left {
		return nil, fmt.Errorf("minidump: %s at offset %#x: the parts of this list are larger than the file: %w", what, off, ErrFormat)
	}
	b, err := f.bytes(what, off, n)
	if err == nil {
		*left -= n
	}
	return b, err
}

// text reads a MINIDUMP_STRING: its length in bytes and the UTF-16 text.
func (f *File) text(off uint64, left *uint64) (string, error) {
	head, err := f.part("name", off, 4, left)
	if err != nil {
		return "", err
	}
	n := uint64(le32(head))
	if n > maxName {
		return "", fmt.Errorf("minidump: name at offset %#x claims %d bytes: %w", off, n, ErrFormat)
	}
	b, err := f.part("name", off+4, n, left)
	return wtext.FromUTF16(b), err
}
