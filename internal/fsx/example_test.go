package fsx_test

import (
	"fmt"
	"testing/fstest"

	"github.com/symres/symres/internal/fsx"
)

func ExampleLookup() {
	fsys := fstest.MapFS{"Fs_Rec.PDB/ABC1/fs_rec.pdb": {}}
	fmt.Println(fsx.Lookup(fsys, "fs_rec.pdb", "abc1", "FS_REC.pdb"))
	fmt.Println(fsx.Lookup(fsys, "fs_rec.pdb", "abc2", "fs_rec.pdb"))
	// Output:
	// Fs_Rec.PDB/ABC1/fs_rec.pdb <nil>
	//  lookup Fs_Rec.PDB/abc2: file does not exist
}
