package undname_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

// TestMayGenerate_table: every word the renderers and tables of this package can
// write is on the list.
func TestMayGenerate_table(t *testing.T) {
	files, err := filepath.Glob("render*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	word := regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]{2,}`)
	seen := 0
	for _, name := range append(files, "table.go", "other.go") {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isFailure(call) {
				return false // the text of an error
			}
			lit, ok := n.(*ast.BasicLit)
			if _, imported := n.(*ast.ImportSpec); imported || !ok || lit.Kind != token.STRING {
				return !imported
			}
			text, _ := strconv.Unquote(lit.Value)
			for _, w := range word.FindAllString(text, -1) {
				if seen++; w == "std" || w == "_CTA" || w == "_R0" || w == "abtnvfr" { // parts of raw names; std is one of MSVC's
					continue
				}
				if !undname.MayGenerate(w) && !undname.MayGenerate(strings.TrimLeft(w, "_")) {
					t.Errorf("%s: %q of %q is not on the list", fset.Position(lit.Pos()), w, text)
				}
			}
			return true
		})
	}
	if seen < 150 {
		t.Errorf("%d words were found", seen)
	}
}

func isFailure(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "failLimit" || sel.Sel.Name == "fail" || sel.Sel.Name == "HasPrefix" || sel.Sel.Name == "CutPrefix")
}

// TestMayGenerate_golden: what stands in an undecorated name of the golden files
// and not in the raw one is on the list.
func TestMayGenerate_golden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	word := regexp.MustCompile(`[A-Za-z0-9_]{3,}`)
	names := 0
	plain := strings.NewReplacer("@", "") // what the rule for C names drops
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw := ""
		for line := range strings.Lines(string(b)) {
			text, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "\tname ")
			if !indented {
				if !strings.HasPrefix(line, "\t") {
					raw = plain.Replace(strings.ToLower(strings.TrimSpace(line)))
				}
				continue
			}
			names++
			for _, w := range word.FindAllString(text, -1) {
				if w != "std" && !strings.Contains(raw, strings.ToLower(w)) && !undname.MayGenerate(w) && !undname.MayGenerate(strings.TrimLeft(w, "_")) {
					t.Errorf("%s has %q, which is not on the list", text, w)
				}
			}
		}
	}
	if names < 300 {
		t.Errorf("%d names were looked at", names)
	}
}
