package cli_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symres/symres/internal/cabbuild"
)

// cmdGzip compresses a file.
func cmdGzip(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "gzip TO FROM")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// cmdPack packs files into a cabinet or a zip archive, by its extension.
func cmdPack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pack ARCHIVE FILE...")
	}
	var b bytes.Buffer
	z, folder := zip.NewWriter(&b), cabbuild.Folder{Method: cabbuild.MSZIP{}}
	for _, name := range args[1:] {
		data := []byte(ts.ReadFile(name))
		w, err := z.Create(filepath.ToSlash(name))
		ts.Check(err)
		_, err = w.Write(data)
		ts.Check(err)
		folder.Files = append(folder.Files, cabbuild.File{Name: filepath.Base(name), Data: data})
	}
	ts.Check(z.Close())
	out := b.Bytes()
	if strings.HasSuffix(args[0], ".cab") {
		var err error
		out, err = cabbuild.Cabinet{Folders: []cabbuild.Folder{folder}}.Bytes()
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o600))
}
