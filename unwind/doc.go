// Package unwind walks the stack of a thread of a Windows target whose memory
// is only partly there.
//
// It takes registers, the target's memory, and a way to get at the bytes of a
// module, wherever they are: in the target or in a copy that was held against
// it. Nothing else is needed, so a debugger can use it alone:
//
//	cfg := unwind.Config{Memory: memory, Modules: modules}
//	for f, err := range unwind.Walk(ctx, cfg, context) {
//		if err != nil {
//			return err // why the walk could not go on
//		}
//		fmt.Printf("%x %x %v\n", f.SP(), f.PC, f.Rule)
//	}
//
// Every frame says by which rule it was found, whose bytes decided it and how
// well these are proven. A frame whose rule is a guess is never [ProofExact].
// A walk that reached the end of its stack just ends; one that could not go on
// ends with an [*Error], which wraps the [*memsource.Fault] of the page that is
// out where that is the reason.
//
// # Machines
//
// x64 (UNWIND_INFO versions 1, 2 and 3; where the image is out what the PDB says
// about frames), ARM64, ARM64EC and ARM (packed and .xdata records).
//
// Images for x86 have no unwind data. The frame programs and FPO records of a PDB
// lead on there, by [Module.Symbols]; the module's code says what they leave
// out: epilogues, prologues, what was pushed for calls, and which arguments a
// function pops. A return address must stand behind a call that may have called
// the function, and one that was searched for and could have been another is a
// [RuleScan]. Without symbols the chain of frame pointers is followed, and last
// the stack is searched.
//
// # Hostile input
//
// Unwind data, code, stacks and records are taken as an attacker's: a walk ends
// in bounded time, the stack pointer rises from frame to frame unless an
// interrupt or a stack switch lies between, and no size in the data makes it
// allocate.
//
// Sources: Microsoft's documentation of x64 and ARM64 exception handling, the
// sources of dotnet/runtime, Wine, LLVM and Breakpad, and measurements with an
// emulator.
package unwind
