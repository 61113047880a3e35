package cab_test

import (
	"bytes"
	"fmt"
	"io"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/cabbuild"
)

// A compressed symbol file is expanded as it is read.
func ExampleExpand() {
	packed, err := cabbuild.Cabinet{Folders: []cabbuild.Folder{{
		Method: cabbuild.LZX{Window: 21},
		Files:  []cabbuild.File{{Name: `..\symbols\fs_rec.pdb`, Data: bytes.Repeat([]byte("PDB "), 20_000)}},
	}}}.Bytes()
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := cab.Expand(bytes.NewReader(packed), int64(len(packed)), cab.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	n, err := io.Copy(io.Discard, f)
	fmt.Println(f.Format, f.Name, f.Size, n, err)

	_, err = cab.Expand(bytes.NewReader(packed), int64(len(packed)), cab.Limits{MaxSize: 50_000})
	fmt.Println(err)
	// Output:
	// cabinet fs_rec.pdb 80000 80000 <nil>
	// expanded file too large: more than 50000 bytes (MaxSize)
}
