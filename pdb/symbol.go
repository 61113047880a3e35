package pdb

import (
	"bytes"
	"fmt"
)

// Kind is the kind of a symbol record (cvinfo.h).
type Kind uint16

// Kinds of symbol records a [Symbol] can come from.
const (
	KindPub32   Kind = 0x110E // S_PUB32
	KindPub32ST Kind = 0x1009 // S_PUB32_ST, with a length byte before the name
)

// String returns the name the kind has in Microsoft's headers.
func (k Kind) String() string {
	switch k {
	case KindPub32:
		return "S_PUB32"
	case KindPub32ST:
		return "S_PUB32_ST"
	}
	return fmt.Sprintf("0x%04x", uint16(k))
}

// Flags of a public symbol. Linkers other than Microsoft's set few of them.
const (
	PublicCode     = 1
	PublicFunction = 2
	PublicManaged  = 4
	PublicMSIL     = 8
)

// Symbol is a symbol record. It is a small value whose name is a view of the
// file: it stays valid until the File is closed. A Symbol that is kept longer
// is cloned. A Symbol may be read by several goroutines at once.
type Symbol struct {
	Kind    Kind
	Segment uint16 // 1-based section number; 0 or past the last section: absolute
	Offset  uint32 // in the segment; the value of an absolute symbol
	Flags   uint32 // PublicCode and so on
	RVA     uint32 // valid if HasRVA
	HasRVA  bool   // false for absolute symbols
	Size    uint32 // bytes, inferred from what follows; 0 where not asked for or not known
	// Displacement is how far behind the start of the symbol the address is
	// that was asked for. Only [File.Nearest] fills it in. It is RVA asked for
	// minus RVA, except in an image that was rearranged after linking.
	Displacement uint32
	name         []byte
}

// Name returns the name as the linker saw it, decorated.
func (s Symbol) Name() string { return string(s.name) }

// NameBytes returns the name as a view that must not be changed and is valid
// until the File is closed.
func (s Symbol) NameBytes() []byte { return s.name }

// Clone returns a Symbol that does not depend on the File.
func (s Symbol) Clone() Symbol {
	s.name = bytes.Clone(s.name)
	return s
}

// String returns segment, offset and name, such as "0001:00000310 _main".
func (s Symbol) String() string {
	return fmt.Sprintf("%04x:%08x %s", s.Segment, s.Offset, s.name)
}

// Layout of a record: u16 length of what follows the field, u16 kind, data.
// S_PUB32: u32 flags, u32 offset, u16 segment, name.
const (
	recordHead = 4
	pubHead    = 14 // of S_PUB32, up to its name
	lenField   = 2
	maxRecord  = 0xFFFF + lenField
)

// parsePublic reads a whole record; ok is false when it is no public or too
// short for one. The RVA is left open.
func parsePublic(rec []byte) (sym Symbol, ok bool) {
	if len(rec) < pubHead {
		return Symbol{}, false
	}
	sym = Symbol{Kind: Kind(u16(rec, 2)), Flags: u32(rec, 4), Offset: u32(rec, 8), Segment: u16(rec, 12)}
	switch sym.Kind {
	case KindPub32:
		sym.name = untilNUL(rec[pubHead:])
		return sym, true
	case KindPub32ST:
		if len(rec) > pubHead && int(rec[pubHead]) < len(rec)-pubHead {
			sym.name = rec[pubHead+1:][:rec[pubHead]:rec[pubHead]]
			return sym, true
		}
	}
	return Symbol{}, false
}

// record returns the symbol record at off.
func (w *walker) record(off uint32) ([]byte, error) {
	head, err := w.span(off, recordHead)
	if err != nil {
		return nil, err
	}
	n := uint32(u16(head, 0)) + lenField
	if n < recordHead {
		return nil, damage(w.s.name, int64(off), "symbol record of %d bytes", n)
	}
	return w.span(off, n)
}
