package unwind

// Rule says how a frame was found.
type Rule uint8

// The rules, the best first. Those from [RuleFramePointer] on are guesses.
const (
	RuleContext      Rule = iota // given, or saved whole in memory by an interrupt
	RuleUnwind                   // unwind data of the image
	RuleEpilogue                 // unwind data or code: the function was about to return
	RuleLeaf                     // a function without unwind data, which moves no register
	RuleFrameData                // frame data of the PDB; on x64, where the image is out, the size of the frame
	RuleFPO                      // FPO record of the PDB (x86)
	RuleFramePointer             // a chain of frame pointers
	RuleScan                     // a word of the stack that looks like a return address
	numRules
)

// String returns the word of the JSON contract.
func (r Rule) String() string {
	names := [numRules]string{"context", "unwind", "epilogue", "leaf", "frame-data", "fpo", "frame-pointer", "scan"}
	if r < numRules {
		return names[r]
	}
	return "unknown rule"
}

// Guess reports whether frames found by the rule may be wrong even if all bytes
// are right.
func (r Rule) Guess() bool { return r >= RuleFramePointer }

// Proof says how well it is proven that the bytes used for a frame are the
// target's.
type Proof uint8

// The proofs, from the weakest.
const (
	ProofNameOnly Proof = iota
	ProofWeak
	ProofImage
	ProofExact
	numProofs
)

// String returns the word of the JSON contract.
func (p Proof) String() string {
	names := [numProofs]string{"name-only", "weak", "image", "exact"}
	if p < numProofs {
		return names[p]
	}
	return "unknown proof"
}

// Bytes says where the bytes come from on which a result is based.
type Bytes uint8

// The origins of bytes.
const (
	BytesTarget Bytes = iota // from the target only
	BytesCopy                // at least partly from a copy
)

// String returns the word of the JSON contract.
func (b Bytes) String() string {
	if b == BytesCopy {
		return "copy"
	}
	return "target"
}

// Origin says where bytes come from and how well they are proven. Bytes from
// the target's memory are ProofExact.
type Origin struct {
	Bytes Bytes
	Proof Proof
}

// with adds what o rests on to p.
func (o Origin) with(p Origin) Origin {
	return Origin{max(o.Bytes, p.Bytes), min(o.Proof, p.Proof)}
}

// Frame is one function on the stack, with its registers. For a function that
// called another one, these are the registers after the call returns.
type Frame struct {
	// Context holds the registers. PC is where the frame goes on; for all
	// frames but those that were interrupted it stands behind a call, see
	// Context.LookupPC. Caller-saved registers are known in the first frame
	// and behind interrupts only.
	Context
	// Index counts the frames of a walk from 0.
	Index int
	// Return is the PC of the next frame, 0 if this is the last one.
	Return uint64
	// ReturnAt is, on x86, the address of the word Return was read from, 0 where
	// an interrupt saved it. On other machines it is 0.
	ReturnAt uint64
	// Virtual is, on x86, what variables of a function without a frame pointer
	// are counted from: the value of $T0 after the program of its FrameData. 0
	// where it has none.
	Virtual uint64
	// Module is the module that contains LookupPC, or nil.
	Module *Module
	// Unloaded is the unloaded module that contained the address, if Module is
	// nil.
	Unloaded *Unloaded
	// Function is the start of the function according to the unwind data or
	// record that found the caller, or 0. A separated part of a function counts
	// as a function of its own.
	Function uint64
	// Rule says how this frame was found. Origin says where the bytes come from
	// and how well they are proven: at most ProofWeak for guesses.
	Rule   Rule
	Origin Origin
	// Lacks says what could not be read that a better rule or a better proof
	// needs, or is nil. It wraps a [*memsource.Fault] if memory is out.
	Lacks error
}

// RVA returns the offset of LookupPC from the base of the frame's module, or 0
// if it has none.
func (f *Frame) RVA() uint32 {
	if f.Module == nil {
		return 0
	}
	return uint32(f.LookupPC() - f.Module.Base)
}
