// Package target opens what has modules and memory: kernel crash dumps, user
// minidumps, images of physical memory, machines behind GDB stubs, processes of
// this machine, files on disk, and the memory of a debugger. What it opens is a
// [symres.Session] with all modules known, and the symbol path of the environment
// or of the [Options] behind it.
//
//	t, err := target.Open(ctx, "MEMORY.DMP", target.Options{SymbolPath: "srv*"})
//	defer t.Close()
//	for sym, err := range t.Session().Lookup(ctx, "fs_rec!*") { ... }
//
// # Kernels and processes
//
// A target with a Windows kernel lists its drivers, and [Target.Processes] the
// processes. With Options.Process the target is that one process: its memory, and
// its modules besides the kernel's, taken from the loader's lists or, where the
// PEB is paged out, from the VADs, of which Options.Warn is told. What the
// kernel's structures have where is read from the types of its own PDB when they
// are wanted; Options.PageFiles reads what is paged out.
//
// # What a dump tells
//
// [Target.BugCheck], [Target.Exception] and [Target.Threads] say why it was made
// and where the threads were, [Target.Info] of which system, process and time it
// is. Who wants more of a dump opens it with its reader (memsource/crashdump,
// memsource/minidump, memsource/physmem), and makes the session from the parts:
// [FromLoader], [FromMinidump], [AddProcess] and [KernelTypes] are what this
// package does it with.
//
// # Threads and stacks
//
// [Target.Threads] lists the threads with their registers, and [Target.Stack]
// walks the stack of one: images and PDBs it needs come from where symbols do. A
// Thread of nothing but a Context, see [unwind.ParseContext], is walked as well.
//
// # What is trusted
//
// Nothing of a target is. No path or host that it names is opened: only the files
// of the arguments and what the paths lead to.
package target
