package symres_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPublicPackagesHaveExamples asks every package that others can import for
// a package doc and for an Example whose output is checked.
func TestPublicPackagesHaveExamples(t *testing.T) {
	all := sources(t)
	for _, dir := range publicPackages(t, all) {
		if doc := packageDoc(all, dir); !strings.HasPrefix(doc, "Package ") {
			t.Errorf("%s has no package doc", dir)
		}
		if !hasExample(t, dir) {
			t.Errorf("%s has no Example with // Output:", dir)
		}
	}
}

// publicPackages are the folders with a package that is no program, not
// internal, and part of this module.
func publicPackages(t *testing.T, all []source) (dirs []string) {
	t.Helper()
	for _, s := range all {
		if s.file.Name.Name != "main" && !strings.HasPrefix(s.dir, "internal/") && !slices.Contains(dirs, s.dir) {
			dirs = append(dirs, s.dir)
		}
	}
	if len(dirs) < 10 {
		t.Fatalf("only %v", dirs)
	}
	return dirs
}

func packageDoc(all []source, dir string) (doc string) {
	for _, s := range all {
		if s.dir == dir && s.file.Doc != nil {
			doc = s.file.Doc.Text()
		}
	}
	return doc
}

// hasExample reports whether a test file of the folder has an Example whose
// output go test compares.
func hasExample(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("func Example")) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, b, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool { return strings.HasPrefix(c.Text(), "Output:") }) {
			return true
		}
	}
	return false
}
