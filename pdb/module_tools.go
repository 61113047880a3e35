package pdb

import (
	"fmt"
	"iter"

	"github.com/symres/symres/internal/codeview"
)

// Compiler is what a module says about the tool that made it (S_COMPILE2,
// S_COMPILE3 in cvinfo.h).
type Compiler struct {
	Object   string    // the object file the record stands in, as it was called then
	Name     string    // such as "Microsoft (R) Optimizing Compiler"
	Language Language  // of the source
	Machine  uint16    // CV_CPU_TYPE_e of cvinfo.h, which are not those of [DBIHeader]
	Flags    uint32    // the bits behind the language, as they stand
	Frontend [4]uint16 // major, minor, build, and QFE, which old records lack
	Backend  [4]uint16 // the same of the code generator
}

// Language is a source language (CV_CFL_LANG of cvinfo.h).
type Language uint8

// String returns the name of a language, a number for those this package does
// not know.
func (l Language) String() string {
	names := []string{"C", "C++", "Fortran", "MASM", "Pascal", "Basic", "COBOL", "LINK", "CVTRES", "CVTPGD", "C#", "VB", "ILASM", "Java", "JScript", "MSIL", "HLSL",
		"Objective-C", "Objective-C++", "Swift", "ALIASOBJ", "Rust", "Go"}
	if int(l) < len(names) {
		return names[l]
	}
	if l == 'D' {
		return "D"
	}
	return fmt.Sprintf("language %#x", uint8(l))
}

// Compilers enumerates the tools that made the module: one for most, several where the
// linker made the module from several objects. Damage is reported as by
// [Module.Symbols].
func (m Module) Compilers() iter.Seq2[Compiler, error] {
	f := m.f
	return granted(f, f.msf.Work.Point(), func(yield func(Compiler, error) bool) error {
		ms, err := m.open()
		if err != nil || ms.s == nil {
			return err
		}
		object := ""
		r := recordsOf(ms.symbols)
		for r.Step() {
			switch k := r.kind(); {
			case k == KindObjName && len(r.Rec) >= 8:
				object = string(codeview.UntilNUL(r.Rec[8:]))
			case k.IsProc():
				if err := r.skipBody(); err != nil {
					return err
				}
			case k == KindCompile2 || k == KindCompile3:
				c, ok := parseCompiler(r.Rec)
				c.Object = object
				var err error
				if !ok {
					c, err = Compiler{}, damage(ms.s.Name, int64(r.Off), "%v of %d bytes is cut off", k, len(r.Rec))
				}
				if !yield(c, err) {
					return nil
				}
			}
		}
		return r.Err
	})
}

// parseCompiler reads a whole record: u32 language and flags, u16 machine, then
// the versions, of three parts or four.
func parseCompiler(rec []byte) (c Compiler, ok bool) {
	parts := 3
	if Kind(u16(rec, 2)) == KindCompile3 {
		parts = 4
	}
	const versions = 10
	at := versions + 2*2*parts
	if len(rec) < at {
		return Compiler{}, false
	}
	flags := u32(rec, 4)
	c = Compiler{Language: Language(flags), Flags: flags >> 8, Machine: u16(rec, 8), Name: string(codeview.UntilNUL(rec[at:]))}
	for i := range parts {
		c.Frontend[i] = u16(rec, versions+2*i)
		c.Backend[i] = u16(rec, versions+2*parts+2*i)
	}
	return c, true
}

// CallSite is a call instruction about which the compiler recorded more than
// the address.
type CallSite struct {
	Alloc   bool   // the call allocates: Type is what for; otherwise it is that of the function called
	Type    uint32 // type index
	Length  uint16 // bytes of the instruction, 0 if not known
	Segment uint16
	Offset  uint32
	RVA     uint32 // of the instruction; valid if HasRVA
	HasRVA  bool
}

// Kinds of records about calls (cvinfo.h).
//
//	S_CALLSITEINFO: u32 offset, u16 segment, u16 padding, u32 type
//	S_HEAPALLOCSITE: u32 offset, u16 segment, u16 bytes of the instruction, u32 type
const (
	kindCallSite      Kind = 0x1139
	kindHeapAllocSite Kind = 0x115E
	callHead               = 16
)

// CallSites enumerates the indirect calls and the allocations of the module, as
// far as the compiler recorded them, in the order of their records.
//
// A damaged module gives an error, satisfying errors.Is(err, [ErrFormat]), in
// the end; an error of reading ends the sequence.
func (m Module) CallSites() iter.Seq2[CallSite, error] {
	f := m.f
	return granted(f, f.msf.Work.Point(), func(yield func(CallSite, error) bool) error {
		sec, err := f.layout()
		if err != nil {
			return err
		}
		ms, err := m.open()
		if err != nil || ms.s == nil {
			return err
		}
		r := recordsOf(ms.symbols)
		for r.Step() {
			kind := r.kind()
			if kind != kindCallSite && kind != kindHeapAllocSite || len(r.Rec) < callHead {
				continue
			}
			c := CallSite{Alloc: kind == kindHeapAllocSite, Offset: u32(r.Rec, 4), Segment: u16(r.Rec, 8), Type: u32(r.Rec, 12)}
			if c.Alloc {
				c.Length = u16(r.Rec, 10)
			}
			c.RVA, c.HasRVA = sec.rva(c.Segment, c.Offset)
			if err := f.check(); err != nil {
				return err
			}
			if !yield(c, nil) {
				return nil
			}
		}
		if r.Err != nil {
			return r.Err
		}
		return ms.bad
	})
}
