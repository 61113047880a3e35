package container_test

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/symres/symres/internal/container"
)

// A dump as it came by mail.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	packed, err := os.Create(filepath.Join(dir, "crash.zip"))
	if err != nil {
		fmt.Println(err)
		return
	}
	z := zip.NewWriter(packed)
	w, _ := z.Create("reports/crash.dmp")
	io.WriteString(w, "MDMP and more")
	z.Close()
	packed.Close()

	f, err := container.Open(context.Background(), packed.Name(), container.Dump)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	b := make([]byte, 4)
	_, err = f.ReadAt(b, 0)
	fmt.Println(f.Container, f.Member, f.Size(), string(b), err)
	// Output: zip crash.dmp 13 MDMP <nil>
}
