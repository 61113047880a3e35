package symres

import (
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/pdb/undname"
)

// Source says which kind of symbol information a name came from.
type Source uint8

// The sources. The zero value means that a Symbol was not filled in.
const (
	SourceUnknown Source = iota
	SourcePublic         // a public symbol of the PDB
	SourcePrivate        // a private symbol of the PDB

	// What an image carries itself, see package symbols.
	SourceBounds // unwind data: the function has no name, and is called after its RVA
	SourceImport // an import table
	SourceExport // the export table
	SourceCOFF   // a COFF symbol table
	SourceGo     // the function table of a Go program
	SourceDWARF  // DWARF debug information
)

// String returns the word of the JSON contract.
func (s Source) String() string {
	switch s {
	case SourcePublic:
		return "pdb-public"
	case SourcePrivate:
		return "pdb-private"
	}
	return carried(s).String()
}

// MarshalText is String; it never fails.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Kind says what a symbol is.
type Kind uint8

// The kinds. The zero value means that a Symbol was not filled in.
const (
	KindUnknown  Kind = iota
	KindPublic        // a public symbol: code or data, see [Symbol.Code]
	KindFunction      // a function, or a separate part of one
	KindThunk         // a thunk or an entry of an incremental-link table
	KindData          // a variable
	KindLabel         // a label in assembled code
	KindConstant      // a constant: it has a value and no address
	KindUDT           // the name of a type: it has no address
	KindLiteral       // in a query: includes the publics of string literals, which have KindPublic
)

// String returns the word of the JSON contract.
func (k Kind) String() string {
	return map[Kind]string{KindUnknown: "unknown", KindPublic: "public", KindFunction: "function", KindThunk: "thunk", KindData: "data",
		KindLabel: "label", KindConstant: "constant", KindUDT: "udt", KindLiteral: "literal"}[k]
}

// MarshalText is String; it never fails.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// kindOf returns what a record of the PDB is.
func kindOf(k pdb.Kind) Kind {
	switch {
	case k.IsPublic():
		return KindPublic
	case k == pdb.KindThunk32 || k == pdb.KindThunk32ST || k == pdb.KindTrampoline:
		return KindThunk
	case k.IsData(), k.IsThreadLocal():
		return KindData
	case k.IsConstant():
		return KindConstant
	case k == pdb.KindUDT || k == pdb.KindUDTST:
		return KindUDT
	case k == pdb.KindLabel32 || k == pdb.KindLabel32ST:
		return KindLabel
	}
	return KindFunction
}

// Symbol is one name at one address, with what that claim rests on. It owns
// its memory and may be kept.
type Symbol struct {
	// Address is the value of an absolute symbol, and the offset of a thread-local
	// one in the storage of a thread; 0 for constants and types, and for what is not
	// placed.
	Address  uint64
	RVA      uint32
	Absolute bool // it lies in no section of the image: it has no RVA
	// Unplaced: its address is unknown. The PDB has no section headers and
	// those of the image could not be read, or the symbol was removed when the
	// image was rearranged after linking.
	Unplaced    bool
	ThreadLocal bool
	Value       pdb.Number // of a constant
	Module      string     // the module's name
	Name        string     // undecorated
	Raw         string     // as the PDB has it
	Kind        Kind
	Code        bool   // it names code rather than data
	Size        uint32 // bytes; 0 is unknown
	Source      Source
	// Forwarder is the export of another module, MODULE.Name, that this one
	// stands for: such an export has no address. [Session.Forwarded] finds it.
	Forwarder string
	Proof     Proof
	Identity  Identity
}

// appendName appends the name as it is shown. The names of publics are decorated,
// and those of functions in assembly that are declared as fastcall (@f@8).
func appendName(dst []byte, sym pdb.Symbol) []byte {
	if sym.Kind.IsPublic() || isFastcall(sym.NameBytes()) {
		return undname.AppendNameOnly(dst, sym.NameBytes())
	}
	return append(dst, sym.NameBytes()...)
}

// isFastcall reports whether a name is that of a fastcall function of C, @f@8.
func isFastcall(name []byte) bool {
	digits := len(name)
	for digits > 0 && name[digits-1] >= '0' && name[digits-1] <= '9' {
		digits--
	}
	return digits < len(name) && digits > 2 && name[0] == '@' && name[digits-1] == '@'
}

// symbol makes the answer out of a record.
func (m *module) symbol(syms opened, p pdb.Symbol) Symbol {
	raw := p.Name()
	sym := Symbol{
		Module: m.Name, Name: raw, Raw: raw, Kind: kindOf(p.Kind), Size: p.Size, Value: p.Value,
		Code: p.Kind.IsCode(), Source: SourcePrivate, Proof: syms.Proof, Identity: syms.Identity,
	}
	if sym.Kind == KindPublic || isFastcall(p.NameBytes()) {
		sym.Name = string(appendName(nil, p))
	}
	if sym.Kind == KindPublic {
		sym.Code, sym.Source = p.Flags&(pdb.PublicCode|pdb.PublicFunction) != 0, SourcePublic
	}
	if p.HasRVA {
		sym.RVA, sym.Address = p.RVA, m.Base+uint64(p.RVA)
	} else if sym.Kind.hasAddress() {
		sym.unplaced(p)
	}
	return sym
}

// unplaced says what a symbol without RVA has in the place of an address.
func (s *Symbol) unplaced(p pdb.Symbol) {
	s.ThreadLocal = p.Kind.IsThreadLocal()
	s.Absolute = p.Absolute
	if s.Unplaced = !s.Absolute && !s.ThreadLocal; !s.Unplaced {
		s.Address = uint64(p.Offset)
	}
}
