package pdb_test

import (
	"fmt"
	"log"

	"github.com/symres/symres/pdb"
)

// A PDB answers name -> address and address -> name, and says which image it
// belongs to.
func Example() {
	f, err := pdb.Open("../testdata/demo/symbols/fs_rec.pdb")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	_, age := f.ID() // the GUID and this age make up the symbol store key
	fmt.Printf("machine %#x, age %d\n", f.Info().DBI.Machine, age)

	syms, err := f.ByName("__imp__KeSetEvent@12")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range syms {
		fmt.Printf("%s is at RVA %#x\n", s.Name(), s.RVA)
	}

	syms, err = f.Nearest(0x35a)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range syms {
		fmt.Printf("RVA 0x35a is %s+%#x, whose size is at most %d\n", s.Name(), 0x35a-s.RVA, s.Size)
	}
	// Output:
	// machine 0x14c, age 1
	// __imp__KeSetEvent@12 is at RVA 0x32c
	// RVA 0x35a is __imp___allmul+0x2, whose size is at most 4
}

// With private symbols functions have sizes, and a public yields to the private
// symbol at its address.
func ExampleFile_Nearest() {
	f, err := pdb.Open("../testdata/demo/x64/fs_rec.pdb")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	procs := 0
	for s, err := range f.Procs() {
		if err != nil {
			log.Fatal(err)
		}
		if procs++; procs > 1 {
			continue
		}
		near, err := f.Nearest(s.RVA + 1)
		if err != nil {
			log.Fatal(err)
		}
		for _, n := range near {
			fmt.Printf("%s+%#x, %d bytes, %v\n", n.Name(), n.Displacement, n.Size, n.Kind)
		}
	}
	fmt.Println(procs, "functions")
	// Output:
	// FsRecLoadFileSystem+0x1, 101 bytes, S_GPROC32
	// 14 functions
}
