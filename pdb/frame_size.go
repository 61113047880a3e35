package pdb

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
}

// Flags of [FrameProc].
const (
	FrameProcAlloca = 1      // the body allocates more
	FrameProcNaked  = 1 << 7 // the body makes its frame itself
)

const kindFrameProc Kind = 0x1012

const (
	frameProcLen   = 30
	procHeadLength = 28
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
			p.RVA, p.Size, p.BodyStart, p.BodyEnd = rva, u32(w.Rec, 16), u32(w.Rec, 20), u32(w.Rec, 24)
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
