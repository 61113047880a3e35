package sympath_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"testing/fstest"

	"github.com/symres/symres/sympath"
)

func ExampleParse() {
	path, err := sympath.Parse(`symsrv*symsrv.dll*c:\localcache*https://msdl.microsoft.com/download/symbols;\\myserver\myshare\symbols\x86fre`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range path.Elements() {
		fmt.Println(e.Kind, e.Pos)
		for _, store := range e.Stores {
			fmt.Println("  ", store.Kind, store.Text)
		}
	}
	_, err = sympath.Parse(`c:\sym;svr*c:\cache`)
	fmt.Println(err)
	// Output:
	// server 0
	//    directory c:\localcache
	//    http https://msdl.microsoft.com/download/symbols
	// unc 76
	// symbol path, column 8: only srv*, symsrv* and cache* take stores after a *: "svr"
}

// A refused candidate does not end a search: the loop goes on with the next.
func ExamplePath_Store() {
	trees := map[string]fs.FS{
		"old": fstest.MapFS{"fs_rec.sys": {Data: []byte("old")}},
		"new": fstest.MapFS{"SYS/FS_REC.SYS": {Data: []byte("newer")}},
	}
	path, _ := sympath.Parse("old;new;srv*https://example.com/symbols")
	store := path.Store(sympath.Options{
		Cache: "cache",
		Dir: func(dir string) (fs.FS, error) {
			if fsys, ok := trees[dir]; ok {
				return fsys, nil
			}
			return nil, fs.ErrNotExist
		},
	})
	ctx := context.Background()
	for c, err := range store.Find(ctx, sympath.Query{File: `\SystemRoot\System32\Drivers\Fs_Rec.SYS`}) {
		if err != nil {
			fmt.Printf("%+v\n", err)
			continue
		}
		file, err := c.Open(ctx)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(c.Location, file.Size(), "bytes: not the one")
		file.Close()
	}
	// Output:
	// old/fs_rec.sys 3 bytes: not the one
	// new/SYS/FS_REC.SYS 5 bytes: not the one
	// Fs_Rec.SYS: not found: 2 found, 4 not found, 1 path not found, 1 not supported yet
	// DBGHELP: old/fs_rec.sys - OK
	// DBGHELP: old/SYS/Fs_Rec.SYS - file not found
	// DBGHELP: old/symbols/SYS/Fs_Rec.SYS - file not found
	// DBGHELP: new/Fs_Rec.SYS - file not found
	// DBGHELP: new/SYS/FS_REC.SYS - OK
	// DBGHELP: new/symbols/SYS/Fs_Rec.SYS - file not found
	// SYMSRV:  UNC: cache/Fs_Rec.SYS - path not found
	// SYMSRV:  HTTPGET: https://example.com/symbols/Fs_Rec.SYS - not supported yet
}

func ExampleCleanName() {
	fmt.Println(sympath.CleanName(`..\..\obj\x.pdb`))
	fmt.Println(sympath.CleanName("C:\\obj\\nul.pdb"))
	// Output:
	// x.pdb <nil>
	//  unsafe file name "C:\\obj\\nul.pdb": device name
}

func ExampleID_Key() {
	fmt.Println(sympath.Image(0x08294233, 0x88000).Key())
	fmt.Println(sympath.PDB20(0x3b7d82d3, 1).Key())
	// Output:
	// 0829423388000
	// 3B7D82D31
}

// A place of one's own takes part in a search like those of the path.
func ExampleNewStore() {
	files := map[string]string{"fs_rec.pdb": "symbols"}
	shelf := sympath.NewStore("shelf", func(_ context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		return func(yield func(sympath.Candidate, error) bool) {
			if data, ok := files[q.File]; ok {
				open := func(context.Context) (sympath.File, error) { return sympath.BytesFile([]byte(data)), nil }
				yield(sympath.NewCandidate("shelf:"+q.File, sympath.OriginCustom, open), nil)
			}
		}
	})
	store := sympath.Chain(shelf, sympath.Dir("share", fstest.MapFS{}))
	for c, err := range store.Find(context.Background(), sympath.Query{File: `D:\obj\fs_rec.pdb`, ImageExt: "sys"}) {
		fmt.Printf("%s %+v\n", c.Location, err)
	}
	// Output:
	// shelf:fs_rec.pdb <nil>
	//  fs_rec.pdb: not found: 1 found, 3 not found
	// DBGHELP: shelf:fs_rec.pdb - OK
	// DBGHELP: share/fs_rec.pdb - file not found
	// DBGHELP: share/sys/fs_rec.pdb - file not found
	// DBGHELP: share/symbols/sys/fs_rec.pdb - file not found
}
