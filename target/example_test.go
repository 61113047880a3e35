package target_test

import (
	"context"
	"fmt"
	"os"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

// The symbols of a driver whose image header is paged out.
func ExampleOpen() {
	ctx := context.Background()
	t, err := target.Open(ctx, "../testdata/demo/MEMORY.DMP", target.Options{SymbolPath: "../testdata/demo/symbols"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	for sym, err := range t.Session().Lookup(ctx, "fs_rec!*Desc*") {
		fmt.Printf("%x %s!%s (%v) %v\n", sym.Address, sym.Module, sym.Name, sym.Proof, err)
	}
	// Output:
	// fe0c955c Fs_Rec!_IMPORT_DESCRIPTOR_ntoskrnl (weak) <nil>
	// fe0c9570 Fs_Rec!_NULL_IMPORT_DESCRIPTOR (weak) <nil>
}

// The modules of a process whose PEB is paged out are those of its VADs.
func ExampleOpen_process() {
	t, err := target.Open(context.Background(), "../testdata/demo/MEMORY.DMP", target.Options{
		SymbolPath: "../testdata/demo/symbols",
		Process:    "notepad.exe",
		Warn:       func(err error) { fmt.Println("warning:", err) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	at, err := t.Session().Resolve(context.Background(), 0x1001023)
	fmt.Printf("%s!%s+%#x %v\n", at.Module, at.Name, at.Displacement, err)
	for e, err := range t.VADs() {
		fmt.Printf("%x-%x %v %s %v\n", e.Pages.Start, e.Pages.End, e.Type, e.File, err)
	}
	// Output:
	// warning: PEB is paged out (Peb.Ldr = 7ffdf00c): 7ffdf00c: paged out: pagefile 0 offset 0x1237000; 2 modules of notepad.exe taken from the VADs
	// notepad!NotepadSum+0x3 <nil>
	// 70-7f private  <nil>
	// 1000-1031 image \Windows\System32\notepad.exe <nil>
	// 75f80-75f9d image \Windows\System32\ExplorerFrame.dll <nil>
	// 7ffde-7ffdf private  <nil>
}

// Microsoft's page about paged-out PEBs is of an Itanium, with pages of 8 KB. It takes
// the address of ExplorerFrame.dll from its VAD, but by a slip multiplies the last page
// instead of the first. Microsoft's kd loads symbols there as it is told: alone they
// are 1c000 too high, and after the right command the module at the right address is
// left without symbols, as lm says (testdata/kd/ia64.txt has its answers). The pages in
// memory tell the two apart.
func ExampleOpen_itanium() {
	ctx := context.Background()
	t, err := target.Open(ctx, "../testdata/demo/itanium/MEMORY.DMP.gz", target.Options{
		SymbolPath: "../testdata/demo/itanium/symbols",
		Process:    "explorer.exe",
		NoModules:  true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	vad, err := t.View().VADAt(0xe000012601be1080)
	fmt.Printf("%x-%x level %d %v\n", vad.Pages.Start, vad.Pages.End, vad.Level, err)
	right, err := vad.Reload(vadmath.Page8K)
	fmt.Println(right, err)
	wrong := right
	wrong.Base, _ = vadmath.Page8K.Addr(vad.Pages.End)
	fmt.Println(wrong, wrong.Warnings())
	for _, command := range []vadmath.Reload{right, wrong} {
		s, err := symres.NewSession(t.Session().Config())
		if err != nil {
			fmt.Println(err)
			return
		}
		err = s.Add(symres.Module{Image: command.Image, Base: command.Base, Size: command.Size})
		report, verifyErr := s.Verify(ctx, "ExplorerFrame")
		fmt.Println(report.Pages.Verdict, err, verifyErr)
		s.Close()
	}
	// Output:
	// 37d9bd30-37d9bd3e level 7 <nil>
	// .reload /f ExplorerFrame.dll=000006fb`37a60000,1e000 <nil>
	// .reload /f ExplorerFrame.dll=000006fb`37a7c000,1e000 [base 000006fb`37a7c000 is 0xc000 past a multiple of 64 KB, where no user-mode image lies]
	// likely <nil> <nil>
	// unverified <nil> <nil>
}

// Why a process crashed, and where.
func ExampleTarget_Exception() {
	ctx := context.Background()
	t, err := target.Open(ctx, "../testdata/demo/crash.dmp", target.Options{SymbolPath: "../testdata/demo/symbols"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	e, err := t.Exception()
	if err != nil {
		fmt.Println(err)
		return
	}
	at, err := t.Session().Resolve(ctx, e.Address)
	fmt.Printf("%08x %x at %s!%s+%#x %v\n", e.Code, e.Parameters, at.Module, at.Name, at.Displacement, err)
	// Output:
	// c0000005 [1 10] at notepad!NotepadOpen+0x3 <nil>
}

// The stacks of the threads of a process: the kernel's part, and where they came
// from in user mode.
func ExampleTarget_Stack() {
	ctx := context.Background()
	t, err := target.Open(ctx, "../testdata/demo/MEMORY.DMP", target.Options{
		SymbolPath: "../testdata/demo/symbols", Process: "notepad.exe", Warn: func(error) {},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	for th, err := range t.Threads(ctx) {
		fmt.Printf("thread %x %v\n", th.ID, err)
		for f, err := range t.Stack(ctx, th) {
			if err != nil {
				fmt.Println(err)
				break
			}
			at, err := t.Session().Resolve(ctx, f.LookupPC())
			if err != nil {
				fmt.Printf("%s+%#x (%v, %v)\n", f.Module.Name, f.RVA(), f.Rule, f.Origin.Proof) // the kernel's PDB is not on the path
				continue
			}
			fmt.Printf("%s!%s (%v, %v)\n", at.Module, at.Name, f.Rule, f.Origin.Proof)
		}
	}
	// Output:
	// thread c28 <nil>
	// nt+0x1108 (context, exact)
	// nt+0x1067 (scan, weak)
	// nt+0x1077 (scan, weak)
	// nt+0x1097 (scan, weak)
	// nt+0x10a7 (scan, weak)
	// nt+0x10e7 (scan, weak)
	// notepad!NotepadSum (context, exact)
}

// A debugger brings its own memory and says what is loaded.
func ExampleNew() {
	file, err := os.ReadFile("../testdata/demo/x64/fs_rec.sys")
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := memtest.Image(file) // stands for the debugger's own reader
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := target.New(target.Options{
		Memory:     image.Source(),
		Machine:    0x8664,
		Modules:    []symres.Module{{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}},
		SymbolPath: "../testdata/demo/x64",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	at, err := t.Session().Resolve(context.Background(), image.Base()+0x1003)
	fmt.Printf("%s!%s+%#x (%v) %v\n", at.Module, at.Name, at.Displacement, at.Proof, err)
	// Output:
	// fs_rec!FsRecLoadFileSystem+0x3 (exact) <nil>
}

// An image on disk, at the base it was linked for.
func ExampleFiles() {
	t, err := target.Files("../testdata/demo/symbols/notepad.exe", "", target.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer t.Close()
	for sym, err := range t.Session().Lookup(context.Background(), "notepad!NotepadSum") {
		fmt.Printf("%x %s %v\n", sym.Address, sym.Name, err)
	}
	// Output:
	// 401020 NotepadSum <nil>
}
