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

// Guess reports whether frames found by the rule may be wrong although every
// byte they rest on is right.
func (r Rule) Guess() bool { return r >= RuleFramePointer }

// Proof says how well it is proven that the bytes a frame rests on are those of
// the target.
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

// Bytes says whose bytes something rests on.
type Bytes uint8

// The owners of bytes.
const (
	BytesTarget Bytes = iota // the target's alone
	BytesCopy                // at least in part those of a copy
)

// String returns the word of the JSON contract.
func (b Bytes) String() string {
	if b == BytesCopy {
		return "copy"
	}
	return "target"
}

// Origin says whose bytes were read and how well they are proven. Those in the
// target's memory are [ProofExact].
type Origin struct {
	Bytes Bytes
	Proof Proof
}

// with adds what o rests on to p.
func (o Origin) with(p Origin) Origin {
	return Origin{max(o.Bytes, p.Bytes), min(o.Proof, p.Proof)}
}

// Frame is one function on the stack with the registers it has, or will have
// when the functions it called have returned.
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
	// Module is the module of LookupPC, nil where it is in none.
	Module *Module
	// Unloaded is the module that was once there, if Module is nil.
	Unloaded *Unloaded
	// Function is the address where the unwind data or record that found the
	// caller says the function begins, 0 where none says so. A part of a
	// function that was moved away counts by itself.
	Function uint64
	// Rule says how this frame was found, and Origin whose bytes decided it
	// and how well they are proven: never better than ProofWeak for guesses.
	Rule   Rule
	Origin Origin
	// Lacks says what could not be read that a better rule, or a better proof,
	// would have taken; nil where nothing is lacking. It wraps a
	// [*memsource.Fault] where memory is out.
	Lacks error
}

// RVA returns the offset of LookupPC from the base of the frame's module, 0
// where it has none.
func (f *Frame) RVA() uint32 {
	if f.Module == nil {
		return 0
	}
	return uint32(f.LookupPC() - f.Module.Base)
}
