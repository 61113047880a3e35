package pdb

import "iter"

// CallSite is a call instruction that the compiler recorded more about than its
// address.
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
		sec, err := f.placer()
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
			c.RVA, c.HasRVA = sec.place(c.Segment, c.Offset)
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
