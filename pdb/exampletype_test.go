package pdb_test

import (
	"fmt"
	"log"

	"github.com/symres/symres/pdb"
)

// The types of a PDB say where the fields of a structure lie, down to bits.
func ExampleFile_TypeByName() {
	f, err := pdb.Open("../testdata/demo/x64/ntkrnlmp.pdb")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	eprocess, err := f.TypeByName("_EPROCESS")
	if err != nil {
		log.Fatal(err)
	}
	size, err := eprocess.Size()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v %v, %d bytes\n", eprocess.Kind(), eprocess, size)
	for _, path := range []string{"Pcb.DirectoryTableBase", "ActiveProcessLinks.Flink", "ImageFileName"} {
		field, err := eprocess.Field(path)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("+%#x %s\n", field.Offset, field.Type.Declare(field.Name))
	}

	flags, err := f.TypeByName("_MMVAD_FLAGS1")
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range flags.Fields() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("bits %2d to %2d: %s\n", m.Bit, m.Bit+m.Bits-1, m.Name())
	}
	// Output:
	// struct _EPROCESS, 2624 bytes
	// +0x28 unsigned __int64 DirectoryTableBase
	// +0x448 _LIST_ENTRY* Flink
	// +0x5a8 unsigned char ImageFileName[15]
	// bits  0 to 30: CommitCharge
	// bits 31 to 31: MemCommit
}
