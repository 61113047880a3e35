package symres_test

import (
	"context"
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
)

// open returns a session over the memory of a kernel dump, in which the page
// with the image header of Fs_Rec.SYS is out. Package target does all this in
// one call; a debugger that has its own memory and module list needs no more.
func open() (*symres.Session, error) {
	dump, err := crashdump.Open("testdata/demo/MEMORY.DMP")
	if err != nil {
		return nil, err
	}
	kernel, err := nt.FromDump(dump)
	if err != nil {
		return nil, err
	}
	path, err := sympath.Parse("testdata/demo/symbols")
	if err != nil {
		return nil, err
	}
	s, err := symres.NewSession(symres.Config{
		Memory: kernel.Memory(), Machine: kernel.Machine(), Symbols: path.Store(sympath.Options{}),
	})
	if err != nil {
		return nil, err
	}
	return s, s.Add(symres.Module{Image: "Fs_Rec.SYS", Base: 0xfe0c8000, Size: 0x2000, CheckSum: 0xcbaf})
}

// The image header of the driver is paged out: a copy along the symbol path
// names the PDB, once it is proven to be the image in memory.
func Example() {
	s, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for sym, err := range s.Lookup(context.Background(), "fs_rec!_imp__Io*") {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%x %s!%s (%v)\n", sym.Address, sym.Module, sym.Name, sym.Proof)
	}
	// Output:
	// fe0c8300 Fs_Rec!_imp__IoDeleteDevice (weak)
	// fe0c8310 Fs_Rec!_imp__IoCreateDevice (weak)
	// fe0c8320 Fs_Rec!_imp__IoRegisterFileSystem (weak)
	// fe0c8324 Fs_Rec!_imp__IoUnregisterFileSystem (weak)
	// fe0c8338 Fs_Rec!_imp__IoBuildDeviceIoControlRequest (weak)
	// fe0c833c Fs_Rec!_imp__IoBuildSynchronousFsdRequest (weak)
	// fe0c834c Fs_Rec!_imp__IoGetDeviceObjectPointer (weak)
	// fe0c8350 Fs_Rec!_imp__IoFileObjectType (weak)
}

func ExampleSession_Resolve() {
	s, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	loc, err := s.Resolve(context.Background(), 0xfe0c8312)
	fmt.Printf("%s!%s+%#x %v\n", loc.Module, loc.Name, loc.Displacement, err)
	// Output:
	// Fs_Rec!_imp__IoCreateDevice+0x2 <nil>
}

// The report of a load says what was tried, and what the copy was compared by.
func ExampleSession_Load() {
	s, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	report, err := s.Load(context.Background(), "fs_rec")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.HeaderErr)
	fmt.Println(report.Status, report.Identity, report.Proof, report.Pages)
	// Output:
	// image at fe0c8000: DOS header: fe0c8000: paged out: pagefile 0 offset 0x1234000
	// pdb symbols checksum-size weak 1 of 2 code pages resident, 1 match
}

// An image in a file: what identifies it, and the PDB it names.
func ExampleOpenImage() {
	image, err := symres.OpenImage("testdata/demo/symbols/fs_rec.sys")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.ID().Key(), image.CodeView.Path, image.CodeView.ID().Key())
	// Output:
	// 39FF5D001900 fs_rec.pdb 14E92E589B4397134C4C44205044422E1
}

// Two sessions, over two targets that run the same driver, share its PDB: it is
// open once, and its indices are made once.
func ExampleFiles() {
	files := symres.NewFiles(symres.FilesConfig{Bytes: 64 << 20, Descriptors: 16})
	defer files.Close()
	path, err := sympath.Parse("testdata/demo/symbols")
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := symres.OpenImage("testdata/demo/symbols/fs_rec.sys")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, base := range []uint64{0xfe0c8000, 0xf7a10000} {
		s, err := symres.NewSession(symres.Config{Files: files, Symbols: path.Store(sympath.Options{})})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer s.Close()
		m := symres.Module{Image: "fs_rec.sys", Base: base, Size: 0x2000, CodeView: image.CodeView}
		if err := s.Add(m); err != nil {
			fmt.Println(err)
			return
		}
		loc, err := s.Resolve(context.Background(), base+0x310)
		fmt.Println(loc.Name, err)
	}
	stats := files.Stats()
	fmt.Println(stats.Files, "file,", stats.Descriptors, "descriptor, shared", stats.Shared, "time")
	// Output:
	// _imp__IoCreateDevice <nil>
	// _imp__IoCreateDevice <nil>
	// 1 file, 1 descriptor, shared 1 time
}

// A module the target has unloaded makes room for another one.
func ExampleSession_Remove() {
	s, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	fmt.Println(s.Remove("fs_rec"))
	_, err = s.Resolve(context.Background(), 0xfe0c8310)
	fmt.Println(err)
	// Output:
	// <nil>
	// fe0c8310: no such module
}
