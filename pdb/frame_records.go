package pdb

import (
	"iter"

	"github.com/symres/symres/internal/msf"
)

// Entries of the optional debug header that hold frame data.
const (
	optFPO    = 0
	optNewFPO = 9
)

// FPO describes the frame of a range of x86 code (winnt.h, FPO_DATA).
type FPO struct {
	RVA     uint32
	Size    uint32 // bytes of code
	Locals  uint32 // bytes of local variables
	Params  uint32 // bytes of parameters
	Prolog  uint8  // bytes of code
	Regs    uint8  // registers that are saved
	SEH     bool   // has a structured exception handler
	UsesEBP bool   // allocates EBP
	Type    uint8  // 0 frame pointer omitted, 1 trap frame, 2 task frame, 3 has a frame
}

// FrameData says how the frame of a piece of x86 code is laid out, in the
// newer form (cvinfo.h, FRAMEDATA).
type FrameData struct {
	RVA       uint32
	Size      uint32 // bytes of code
	Locals    uint32 // bytes
	Params    uint32 // bytes
	MaxStack  uint32 // bytes
	Program   string // computes the registers of the caller; not run here
	Prolog    uint16 // bytes of code
	SavedRegs uint16 // bytes
	Flags     uint32 // FrameSEH and so on
}

// Flags of [FrameData].
const (
	FrameSEH   = 1 // has a structured exception handler
	FrameEH    = 2 // has a C++ exception handler
	FrameStart = 4 // is the start of a function
)

const (
	fpoSize       = 16
	frameDataSize = 32
)

// FrameRecords are what a PDB knows about the frames of functions. It is a small
// value, safe for concurrent use.
type FrameRecords struct{ f *File }

// FrameRecords returns the records about stack frames, for unwinding.
func (f *File) FrameRecords() FrameRecords { return FrameRecords{f} }

// FPO enumerates the frame pointer omission records, in the order they lie in.
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading, and end it.
func (r FrameRecords) FPO() iter.Seq2[FPO, error] {
	return eachFixed(r.f, optFPO, "FPO", fpoSize, parseFPO)
}

// FrameData enumerates the frame data records, in the order they lie in.
// Errors are those of [FrameRecords.FPO].
func (r FrameRecords) FrameData() iter.Seq2[FrameData, error] {
	return eachFixed(r.f, optNewFPO, "frame data", frameDataSize, r.f.parseFrameData)
}

// FPOAt returns the old frame record of the code at an RVA. ok is false where
// there is none. Linkers write the records in the order of their addresses; a
// PDB whose records are not finds less. Addresses and errors are those of
// [FrameRecords.FrameDataAt].
func (r FrameRecords) FPOAt(rva uint32) (d FPO, ok bool, err error) {
	return fixedAt(r.f, rva, optFPO, "FPO", fpoSize, 1, parseFPO)
}

// FrameDataAt returns the frame data of the code at an RVA: of the records
// that cover it the last one, which is the most special. ok is false where
// there is none. Records count addresses as they were before an image was
// rearranged. Errors are those of [FrameRecords.FPO].
func (r FrameRecords) FrameDataAt(rva uint32) (d FrameData, ok bool, err error) {
	return fixedAt(r.f, rva, optNewFPO, "frame data", frameDataSize, maxOverlap, r.f.parseFrameData)
}

// fixedAt parses the record that covers an RVA in a stream of nothing but records
// that begin with u32 RVA, u32 bytes, by ascending RVA. It looks at up to most of those
// that begin at or below the RVA.
func fixedAt[T any](f *File, rva uint32, entry int, what string, size, most uint32, parse func([]byte) (T, error)) (d T, ok bool, err error) {
	if err := f.enter(); err != nil {
		return d, false, err
	}
	defer f.leave()
	s, err := f.stream(f.dbi.opt[entry], what)
	if s == nil || err != nil {
		return d, false, err
	}
	w := msf.Walker{Stream: s, Chunk: size}
	n, err := search(s.Size/size, func(i uint32) (bool, error) {
		b, err := w.Span(i*size, size)
		return err == nil && u32(b, 0) > rva, err
	})
	for i := n; err == nil && i > 0 && n-i < most; i-- {
		var b []byte
		if b, err = w.Span((i-1)*size, size); err == nil && rva-u32(b, 0) < u32(b, 4) {
			d, err = parse(b)
			return d, err == nil, err
		}
	}
	return d, false, err
}

// parseFPO reads one record.
func parseFPO(b []byte) (FPO, error) {
	bits := u16(b, 14)
	return FPO{
		RVA: u32(b, 0), Size: u32(b, 4), Locals: u32(b, 8) * 4, Params: uint32(u16(b, 12)) * 4,
		Prolog: uint8(bits), Regs: uint8(bits >> 8 & 7), SEH: bits>>11&1 != 0, UsesEBP: bits>>12&1 != 0, Type: uint8(bits >> 14),
	}, nil
}

// parseFrameData reads one record. A program that cannot be read is left out.
func (f *File) parseFrameData(b []byte) (FrameData, error) {
	d := FrameData{
		RVA: u32(b, 0), Size: u32(b, 4), Locals: u32(b, 8), Params: u32(b, 12), MaxStack: u32(b, 16),
		Prolog: u16(b, 24), SavedRegs: u16(b, 26), Flags: u32(b, 28),
	}
	var err error
	d.Program, err = f.stringAt(u32(b, 20))
	return d, ignoreDamage(err)
}

// eachFixed enumerates the records of a stream that consists of nothing else.
func eachFixed[T any](f *File, entry int, what string, size uint32, parse func([]byte) (T, error)) iter.Seq2[T, error] {
	return within(f, func(yield func(T, error) bool) error {
		s, err := f.stream(f.dbi.opt[entry], what)
		if s == nil || err != nil {
			return err
		}
		w := msf.Walker{Stream: s}
		for off := uint32(0); s.Size-off >= size; off += size {
			if err := f.check(); err != nil {
				return err
			}
			b, err := w.Span(off, size)
			if err != nil {
				return err
			}
			d, err := parse(b)
			if err != nil {
				return err
			}
			if !yield(d, nil) {
				return nil
			}
		}
		return nil
	})
}

// FrameProc says how large the frame of a function is (cvinfo.h, FRAMEPROCSYM;
// the ends of prologue and body are those of PROCSYM32). It is what a PDB knows
// about frames of machines for which it has no [FrameData].
type FrameProc struct {
	RVA       uint32
	Size      uint32 // bytes of code
	BodyStart uint32 // offset of the code behind the prologue
	BodyEnd   uint32 // offset of the epilogue
	Frame     uint32 // bytes that the prologue allocates
	SavedRegs uint32 // bytes of registers that it saves
	Flags     uint32 // FrameProcAlloca and so on
	Type      uint32 // type index of the function
}

// Flags of [FrameProc].
const (
	FrameProcAlloca = 1      // the body allocates more
	FrameProcNaked  = 1 << 7 // the body makes its frame itself
)

// FrameBase is what variables of a function are counted from, see [PlaceFrame].
type FrameBase uint8

// The bases (cvinfo.h, FRAMEPROCSYM): on x86 the virtual frame, ebp and ebx, on
// x64 rsp, rbp and r13.
const (
	FrameBaseNone FrameBase = iota
	FrameBaseStack
	FrameBasePointer
	FrameBaseOther
)

// Base returns what the function counts its variables from, of parameters or of
// others.
func (p FrameProc) Base(param bool) FrameBase {
	if param {
		return FrameBase(p.Flags >> 16 & 3)
	}
	return FrameBase(p.Flags >> 14 & 3)
}

const kindFrameProc Kind = 0x1012

const (
	frameProcLen   = 30
	procHeadLength = 32
)

// FrameProcAt returns what the function whose code holds an RVA says about its
// frame; ok is false where nothing is said. Errors satisfy errors.Is(err,
// [ErrFormat]) or come from reading.
func (r FrameRecords) FrameProcAt(rva uint32) (p FrameProc, ok bool, err error) {
	if err := r.f.enter(); err != nil {
		return p, false, err
	}
	defer r.f.leave()
	fn, ok, err := r.f.functionAt(rva)
	if err != nil || !ok {
		return p, false, err
	}
	w, err := fn.ms.body(fn.function)
	if err != nil {
		return p, false, err
	}
	return p.read(w, rva-fn.off)
}

// read takes the records of a function at an RVA up to the one about its frame,
// which may stand behind its blocks.
func (p FrameProc) read(w recordWalk, rva uint32) (FrameProc, bool, error) {
	for depth := 0; w.Step(); {
		switch kind := w.kind(); {
		case depth == 0 && kind.IsProc() && len(w.Rec) >= procHeadLength:
			p.RVA, p.Size, p.BodyStart, p.BodyEnd, p.Type = rva, u32(w.Rec, 16), u32(w.Rec, 20), u32(w.Rec, 24), u32(w.Rec, 28)
			depth = 1
		case kind == kindFrameProc && depth == 1 && len(w.Rec) >= frameProcLen:
			p.Frame, p.SavedRegs, p.Flags = u32(w.Rec, 4), u32(w.Rec, 16), u32(w.Rec, 26)
			return p, true, nil
		case kind.opens():
			depth++
		case kind.closes():
			depth--
		}
		if depth <= 0 {
			break
		}
	}
	return p, false, w.Err
}
