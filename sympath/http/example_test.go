package http_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// A symbol server is a folder in the layout of a symbol store, behind HTTP.
func ExampleClient_Store() {
	server := httptest.NewServer(http.FileServer(http.Dir("../../testdata/demo/store")))
	defer server.Close()
	client, err := symhttp.New(symhttp.Config{}) // Getenv: os.Getenv finds the proxy and credentials
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdle()
	cache, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(cache)
	path, err := sympath.Parse("srv*" + cache + "*" + server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := path.Store(sympath.Options{HTTP: client.Store})
	id, err := guid.Parse("14E92E58-9B43-9713-4C4C-44205044422E")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, age := range []uint32{1, 2} {
		query := sympath.Query{File: "fs_rec.pdb", ID: sympath.PDB70(id, age)}
		for c, err := range store.Find(context.Background(), query) {
			if err != nil {
				fmt.Println(strings.NewReplacer(server.URL, "", cache, "cache").Replace(fmt.Sprintf("%+v", err)))
				continue
			}
			file, err := c.Open(context.Background())
			if err != nil {
				fmt.Println(err)
				continue
			}
			fmt.Println(strings.TrimPrefix(c.Location, server.URL), file.Size(), "bytes")
			file.Close()
			break // it is the one
		}
	}
	// Output:
	// /fs_rec.pdb/14E92E589B4397134C4C44205044422E1/fs_rec.pdb 61440 bytes
	// fs_rec.pdb (14E92E589B4397134C4C44205044422E2): not found: 1 path not found, 3 not found
	// SYMSRV:  UNC: cache/fs_rec.pdb/14E92E589B4397134C4C44205044422E2/fs_rec.pdb - path not found
	// SYMSRV:  HTTPGET: /fs_rec.pdb/14E92E589B4397134C4C44205044422E2/fs_rec.pdb - file not found
	// SYMSRV:  HTTPGET: /fs_rec.pdb/14E92E589B4397134C4C44205044422E2/fs_rec.pd_ - file not found
	// SYMSRV:  HTTPGET: /fs_rec.pdb/14E92E589B4397134C4C44205044422E2/file.ptr - file not found
}
