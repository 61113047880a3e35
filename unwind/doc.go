// Package unwind walks the stack of a thread in a Windows target when only a
// part of its memory is present.
//
// It needs registers, the target's memory, and a function that reads the bytes
// of a module, from the target or from a verified copy. A debugger can
// therefore use the package alone:
//
//	cfg := unwind.Config{Memory: memory, Modules: modules}
//	for f, err := range unwind.Walk(ctx, cfg, context) {
//		if err != nil {
//			return err // why the walk could not go on
//		}
//		fmt.Printf("%x %x %v\n", f.SP(), f.PC, f.Rule)
//	}
//
// Every frame says by which rule it was found, whether its bytes come from the
// target or from a copy, and how well they are proven. A frame found by
// guessing is never [ProofExact]. A walk that reaches the end of the stack ends
// without an error. If a walk cannot continue, it ends with an *[Error]; if a
// page is out, the error wraps its *[memsource.Fault].
//
// # Machines
//
// x64 (UNWIND_INFO versions 1, 2 and 3; where the image is out what the PDB says
// about frames), ARM64, ARM64EC and ARM (packed and .xdata records). Stacks of IA-64
// (Itanium) are not unwound: reading its registers fails with [ErrMachine].
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
// Unwind data, code, stacks and records may be forged. A walk ends in bounded
// time. The stack pointer rises from frame to frame except across an interrupt
// or a stack switch. No size in the data determines an allocation.
//
// Sources: Microsoft's documentation of x64 and ARM64 exception handling, the
// sources of dotnet/runtime, Wine, LLVM and Breakpad, and measurements with an
// emulator.
package unwind
