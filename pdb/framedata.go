package pdb

import (
	"iter"
	"sort"

	"github.com/symres/symres/internal/msf"
)

// Entries of the optional debug header that hold frame data.
const (
	optFPO    = 0
	optNewFPO = 9
)

// FPO says how the frame of a piece of x86 code is laid out (winnt.h, FPO_DATA).
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

// FPO enumerates the frame pointer omission records, in the order they lie in.
// Errors satisfy errors.Is(err, [ErrFormat]) or come from reading, and end it.
func (f *File) FPO() iter.Seq2[FPO, error] {
	return within(f, func(yield func(FPO, error) bool) error {
		return f.eachFixed(optFPO, "FPO", fpoSize, func(b []byte) (bool, error) {
			return yield(parseFPO(b), nil), nil
		})
	})
}

// FrameData enumerates the frame data records, in the order they lie in.
// Errors are those of [File.FPO].
func (f *File) FrameData() iter.Seq2[FrameData, error] {
	return within(f, func(yield func(FrameData, error) bool) error {
		return f.eachFixed(optNewFPO, "frame data", frameDataSize, func(b []byte) (bool, error) {
			d, err := f.parseFrameData(b)
			return err == nil && yield(d, nil), err
		})
	})
}

// FrameDataAt returns the frame data of the code at an RVA: of the records
// that cover it the last one, which is the most special. ok is false where
// there is none. Records count addresses as they were before an image was
// rearranged. Errors are those of [File.FPO].
func (f *File) FrameDataAt(rva uint32) (d FrameData, ok bool, err error) {
	if err := f.enter(); err != nil {
		return FrameData{}, false, err
	}
	defer f.leave()
	s, err := f.optionalStream(optNewFPO, "frame data")
	if s == nil || err != nil {
		return FrameData{}, false, err
	}
	w := msf.Walker{Stream: s, Chunk: frameDataSize}
	at := func(i int) (b []byte) {
		if err == nil {
			b, err = w.Span(uint32(i)*frameDataSize, frameDataSize)
		}
		return b
	}
	i := sort.Search(int(s.Size/frameDataSize), func(i int) bool {
		b := at(i)
		return b == nil || u32(b, 0) > rva
	})
	for n := i; err == nil && i > 0 && i > n-maxOverlap; i-- {
		if b := at(i - 1); b != nil && rva-u32(b, 0) < u32(b, 4) {
			d, err = f.parseFrameData(b)
			return d, err == nil, err
		}
	}
	return FrameData{}, false, err
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

// optionalStream opens a stream of the optional debug header, nil where the PDB
// does not have it.
func (f *File) optionalStream(entry int, what string) (*msf.Stream, error) {
	if f.dbi == nil || f.dbi.opt[entry] == noStream {
		return nil, nil
	}
	return f.msf.Stream(f.dbi.opt[entry], what)
}

// eachFixed visits the records of a stream that consists of nothing else,
// until visit wants no more.
func (f *File) eachFixed(entry int, what string, size uint32, visit func(b []byte) (bool, error)) error {
	s, err := f.optionalStream(entry, what)
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
		if on, err := visit(b); !on || err != nil {
			return err
		}
	}
	return nil
}
