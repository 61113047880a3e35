package crashdump

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"github.com/symres/symres/internal/wtext"
)

// Driver is one entry of a triage dump's list of loaded drivers, in load
// order: the kernel is the first. It is plain data.
type Driver struct {
	Name    string // as the system names it: \SystemRoot\System32\drivers\null.sys; "" when unreadable
	NameErr error  // why Name is "": the name lies outside the file. Wraps [ErrFormat]

	Base          uint64
	Size          uint32 // SizeOfImage in bytes, rounded up to pages
	CheckSum      uint32 // 0: unknown
	TimeDateStamp uint32 // 0: unknown
	Offset        int64  // of the entry in the file
}

// Unloaded is a driver that was unloaded before the crash. It is plain data.
type Unloaded struct {
	Name       string // Windows keeps 12 characters of it at most
	Start, End uint64 // the addresses it occupied, End exclusive
	Offset     int64  // of the entry in the file
}

// driverLayout says where things are in a driver entry: a name offset followed
// by a copy of the loader's entry, whose offsets are those of
// LDR_DATA_TABLE_ENTRY and not of the longer kernel form. Measured on dumps of
// x64 (19041), ARM64 (17134, 22000) and ARM (17134).
type driverLayout struct{ stride, base, size, checkSum, stamp int }

func (f *File) driverLayout() driverLayout {
	if f.header.Bits == 32 {
		return driverLayout{stride: 0x4c, base: 0x1c, size: 0x24, checkSum: 0x44, stamp: 0x48}
	}
	return driverLayout{stride: 0x90, base: 0x38, size: 0x48, checkSum: 0x80, stamp: 0x88}
}

// maxName bounds a name in UTF-16 units: the loader's own limit.
const maxName = 0x7fff

// maxDrivers bounds the driver list; real systems have some hundreds.
const maxDrivers = 10000

// Drivers lists the loaded drivers of a triage dump in load order, reading one
// entry at a time. When the list is longer than the file, what is there comes
// first and then one error, which wraps [ErrFormat] and io.ErrUnexpectedEOF; a
// list of more than 10,000 ends there with an error wrapping [ErrFormat]. In
// a page dump there is no such list: the error wraps [ErrNoBlocks].
func (f *File) Drivers() iter.Seq2[Driver, error] {
	l := f.driverLayout()
	return func(yield func(Driver, error) bool) {
		if err := f.needTriage(); err != nil {
			yield(Driver{}, err)
			return
		}
		n := uint64(f.triage.DriverCount)
		for row, err := range f.rows(table{"driver list", uint64(f.triage.DriverListOffset), min(n, maxDrivers), l.stride}) {
			if err != nil {
				yield(Driver{}, err)
				return
			}
			if !yield(f.driver(row, l), nil) {
				return
			}
		}
		if n > maxDrivers {
			yield(Driver{}, fmt.Errorf("crash dump: driver list of %d entries, %d read: %w", n, maxDrivers, ErrFormat))
		}
	}
}

func (f *File) needTriage() error {
	switch f.header.Type {
	case TypeTriage:
		return nil
	case TypeFull, TypeBitmapFull, TypeBitmapKernel:
		return fmt.Errorf("crash dump of type %s: %w", f.header.Type, ErrNoBlocks)
	default:
		return f.unsupported()
	}
}

// driver decodes one row, whose length is the stride of l.
func (f *File) driver(row row, l driverLayout) Driver {
	le := binary.LittleEndian
	d := Driver{
		Base: f.pointer(row.b[l.base:]), Size: le.Uint32(row.b[l.size:]),
		CheckSum: le.Uint32(row.b[l.checkSum:]), TimeDateStamp: le.Uint32(row.b[l.stamp:]),
		Offset: int64(row.off),
	}
	d.Name, d.NameErr = f.dumpString(uint64(le.Uint32(row.b)))
	return d
}

// pointer reads a pointer of the target's width.
func (f *File) pointer(b []byte) uint64 {
	if f.header.Bits == 32 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// dumpString reads a DUMP_STRING: a length in UTF-16 units (Dump.h says bytes;
// real dumps say units) and the text.
func (f *File) dumpString(off uint64) (string, error) {
	var head [4]byte
	if err := f.readFull("name", head[:], off); err != nil {
		return "", err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxName {
		return "", fmt.Errorf("crash dump: name at offset %#x claims %d characters: %w", off, n, ErrFormat)
	}
	text := make([]byte, 2*n)
	if err := f.readFull("name", text, off+4); err != nil {
		return "", err
	}
	return wtext.FromUTF16(text), nil
}

// Unloaded lists the unloaded drivers in a triage dump, the most recent first.
// Errors are as for [File.Drivers].
func (f *File) Unloaded() iter.Seq2[Unloaded, error] {
	return func(yield func(Unloaded, error) bool) {
		list, err := f.unloadedTable()
		if err != nil {
			yield(Unloaded{}, err)
			return
		}
		for row, err := range f.rows(list) {
			if err != nil {
				yield(Unloaded{}, err)
				return
			}
			if !yield(f.unloaded(row), nil) {
				return
			}
		}
	}
}

// unloadedTable reads the count in front of the entries: 4 bytes in a 32-bit
// dump and 8 in a 64-bit one, where the upper half is padding.
func (f *File) unloadedTable() (table, error) {
	if err := f.needTriage(); err != nil {
		return table{}, err
	}
	off := uint64(f.triage.UnloadedDriversOffset)
	if off == 0 {
		return table{}, nil
	}
	var count [4]byte
	if err := f.readFull("unloaded driver list", count[:], off); err != nil {
		return table{}, err
	}
	n := uint64(binary.LittleEndian.Uint32(count[:]))
	if f.header.Bits == 32 {
		return table{"unloaded driver list", off + 4, n, 0x28}, nil
	}
	return table{"unloaded driver list", off + 8, n, 0x38}, nil
}

// unloaded decodes DUMP_UNLOADED_DRIVERS32 or 64: a UNICODE_STRING whose buffer
// pointer is void, 12 characters, start and end (measured).
func (f *File) unloaded(row row) Unloaded {
	text, start, end := 0x10, 0x28, 0x30
	if f.header.Bits == 32 {
		text, start, end = 0x08, 0x20, 0x24
	}
	n := min(int(binary.LittleEndian.Uint16(row.b)), 24)
	return Unloaded{
		Name: wtext.FromUTF16(row.b[text : text+n]), Offset: int64(row.off),
		Start: f.pointer(row.b[start:]), End: f.pointer(row.b[end:]),
	}
}

// table is a list of equal records in the file.
type table struct {
	what   string
	off    uint64
	count  uint64 // as claimed
	stride int
}

// row is one record; b is overwritten by the next.
type row struct {
	b   []byte
	off uint64
}

// rows reads the records of t that are in the file, and ends with an error when
// that is not all.
func (f *File) rows(t table) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		b, stride := make([]byte, t.stride), uint64(t.stride)
		for i := range t.count {
			at := t.off + i*stride // 32-bit offset and count: no overflow
			if n, err := f.readSome(b, at); err != nil {
				yield(row{}, fmt.Errorf("crash dump: %s entry %d: %w", t.what, i, err))
				return
			} else if n < len(b) {
				yield(row{}, fmt.Errorf("crash dump: the file ends before entry %d of %d of the %s: %w: %w",
					i, t.count, t.what, ErrFormat, io.ErrUnexpectedEOF))
				return
			}
			if !yield(row{b: b, off: at}, nil) {
				return
			}
		}
	}
}
