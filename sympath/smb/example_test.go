package smb_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/smb"
)

func Example() {
	client, err := smb.New(smb.Config{}) // Getenv: os.Getenv finds credentials
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	path, err := sympath.Parse(`srv*\\builds\symbols`)
	if err != nil {
		fmt.Println(err)
		return
	}
	id := sympath.Image(0x3B7D8475, 0x2000)
	store := path.Store(sympath.Options{UNC: client.Store})
	for _, err := range store.Find(context.Background(), sympath.Query{File: "fs_rec.sys", ID: id}) {
		var miss *sympath.NotFoundError
		if errors.As(err, &miss) {
			fmt.Printf("%+v\n", miss)
		}
	}
	// Output:
	// fs_rec.sys (3B7D84752000): not found: 1 error
	// SYMSRV:  UNC: \\builds\symbols\fs_rec.sys\3B7D84752000\fs_rec.sys - error: no credential for the server: set SYMRES_AUTH=smb://SERVER=USER:PASSWORD, or smb://SERVER=guest: for a guest login
}
