package symres_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/symres/symres"

// layers lists the packages from the top down. A package may import those on
// the lines below its own, never those beside or above it.
var layers = [][]string{
	{"cmd/symres", "pdb/bench", "sympath/bench", "examples/delve", "examples/pagedout", "examples/pebpagedout", "examples/customstore"},
	{"internal/cli"},
	{"internal/cli/analysis"},
	{"internal/kd"},
	{"internal/cli/dumpinfo", "internal/cli/frames", "internal/cli/values"},
	{"analyze"},
	{"target", "internal/cli/manual", "internal/cli/readline"},
	{"sympath/stores", "stack", "serve/symbolicate", "serve/push"},
	{"serve"},
	{"."},
	{"internal/load"},
	{"identify", "nt", "internal/filepool", "internal/typefind"},
	{"pe", "internal/fingerprint", "symbols/export", "symbols/coff", "symbols/dwarf", "symbols/gosym", "symbols/pdata", "symbols/pdblocals"},
	{"symbols", "internal/register"},
	{"internal/pedisk", "internal/filekind", "unwind", "eval"},
	{"pdb", "internal/peimage", "internal/container", "sympath/http", "sympath/smb"},
	{"sympath", "memsource/crashdump", "memsource/physmem", "memsource/minidump", "memsource/gdbremote", "memsource/process"},
	{"memsource/paging"},
	{"memsource/memtest", "pattern"},
	{"memsource", "vadmath", "pdb/undname", "sympath/creds", "internal/cab", "internal/unpack"},
	{"internal/codeview"},
	{"internal/msf"},
	{"internal/wire", "internal/source", "internal/budget", "internal/kept", "internal/fold", "internal/offsets", "internal/ranged", "guid", "internal/ntstatus", "internal/smb2", "internal/fsx", "internal/flock", "internal/hexaddr", "internal/wtext", "internal/demo", "internal/crashlog", "internal/cli/text", "internal/gctune"},
}

// testOnly packages may import anything below the root and are imported by
// tests and generators alone.
var testOnly = []string{"internal/cabbuild", "internal/dumpbuild", "internal/fixture", "internal/gdbserve", "internal/kdtext", "internal/nginx", "internal/qemutest", "internal/smbd", "memsource/memtest", "internal/symtest", "sympath/storetest"}

// reserved imports, and the folders or files that may have them.
var reserved = map[string][]string{
	"log":                           {"serve/server.go"}, // for the ErrorLog of net/http
	"unsafe":                        {"internal/fsx/map_windows.go"},
	"os/exec":                       {"internal/kdtext", "internal/nginx", "internal/qemutest", "internal/smbd", "pdb/bench", "sympath/bench"},
	"net/http":                      {"sympath/http", "serve", "serve/push", "serve/symbolicate"},
	"github.com/saferwall/pe":       {"internal/pedisk"},
	"golang.org/x/exp/mmap":         {"internal/fsx", "memsource"},
	"golang.org/x/sys":              {"internal/flock", "internal/fsx", "memsource/process"},
	"github.com/spf13/cobra":        {"internal/cli", "internal/cli/manual"},
	"golang.org/x/term":             {"internal/cli", "internal/cli/readline"},
	"github.com/go-delve/delve":     {"examples/delve"},
	"golang.org/x/crypto":           {"internal/smb2"},
	"golang.org/x/arch":             {"internal/kd"},
	"github.com/klauspost/compress": {"internal/unpack", "memsource/physmem"},
	"github.com/ulikunitz/xz":       {"internal/unpack"},
}

// source is one parsed non-test file.
type source struct {
	dir, path string
	file      *ast.File
	fset      *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return skipOr(err)
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err == nil && !ignored(f) {
			all = append(all, source{filepath.ToSlash(filepath.Dir(path)), filepath.ToSlash(path), f, fset})
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("walking the tree: %v, %d files", err, len(all))
	}
	return all
}

func skipOr(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// ignored reports whether a file is a program for go run, outside its package.
func ignored(f *ast.File) bool {
	for _, c := range f.Comments {
		if c.Pos() < f.Package && strings.HasPrefix(c.List[0].Text, "//go:build ignore") {
			return true
		}
	}
	return false
}

func imports(f *ast.File) []string {
	var paths []string
	for _, i := range f.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func layerOf(dir string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, dir) })
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains(testOnly, s.dir) {
			continue
		}
		from := layerOf(s.dir)
		if from < 0 {
			t.Errorf("%s: %s is in no layer of all_test.go", s.path, s.dir)
			continue
		}
		for _, path := range imports(s.file) {
			rel, ours := strings.CutPrefix(path, modulePath)
			if !ours {
				continue
			}
			dir := strings.TrimPrefix(rel, "/")
			if dir == "" {
				dir = "."
			}
			if slices.Contains(testOnly, dir) {
				t.Errorf("%s imports %s, which is for tests", s.path, dir)
			} else if to := layerOf(dir); to <= from {
				t.Errorf("%s imports %s, which is not below it", s.path, dir)
			}
		}
	}
}

func TestReservedImports(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range imports(s.file) {
			for prefix, dirs := range reserved {
				below := strings.Contains(prefix, ".") && strings.HasPrefix(path, prefix+"/")
				if (path == prefix || below) && !slices.Contains(dirs, s.dir) && !slices.Contains(dirs, s.path) {
					t.Errorf("%s imports %s; only %v may", s.path, path, dirs)
				}
			}
		}
	}
}

// TestNoMutableGlobals allows package variables that are never written:
// sentinels made by errors.New and interface checks.
func TestNoMutableGlobals(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.Errorf("%s: init function", s.fset.Position(d.Pos()))
				}
			case *ast.GenDecl:
				checkVars(t, s, d)
			}
		}
	}
}

func checkVars(t *testing.T, s source, d *ast.GenDecl) {
	if d.Tok != token.VAR {
		return
	}
	embedded := d.Doc != nil && strings.Contains(commentLines(d.Doc), "//go:embed")
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			if name.Name != "_" && !embedded && !(i < len(v.Values) && isSentinel(name.Name, v.Values[i])) {
				t.Errorf("%s: package variable %s", s.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

func commentLines(g *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

func isSentinel(name string, value ast.Expr) bool {
	if !strings.HasPrefix(strings.ToLower(name), "err") {
		return false
	}
	if sel, ok := value.(*ast.SelectorExpr); ok {
		return strings.HasPrefix(sel.Sel.Name, "Err")
	}
	if ref, ok := value.(*ast.UnaryExpr); ok {
		return ref.Op == token.AND
	}
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "New" || sel.Sel.Name == "Errorf")
}

// TestLibraryKeepsQuiet finds calls a library must not make: it never prints,
// exits or panics, hides no panic, and reads no record by reflection.
func TestLibraryKeepsQuiet(t *testing.T) {
	banned := []string{"panic", "recover", "print", "println", "fmt.Print", "fmt.Println", "fmt.Printf", "os.Exit", "binary.Read"}
	for _, s := range sources(t) {
		if slices.Contains(layers[0], s.dir) { // a program
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && slices.Contains(banned, calleeName(call)) && !abortsAnswer(call) {
				t.Errorf("%s: call of %s", s.fset.Position(call.Pos()), calleeName(call))
			}
			return true
		})
	}
}

// abortsAnswer reports whether a call is panic(http.ErrAbortHandler), by which a
// handler of net/http ends an answer so that it does not look whole. The server
// of net/http expects it.
func abortsAnswer(call *ast.CallExpr) bool {
	if len(call.Args) != 1 || calleeName(call) != "panic" {
		return false
	}
	sel, ok := call.Args[0].(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "ErrAbortHandler" {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == "http"
}

func calleeName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.IsExported() && exportedReceiver(f) && f.Doc == nil {
				t.Errorf("%s: %s has no comment", s.fset.Position(f.Pos()), f.Name.Name)
			}
			if g, ok := d.(*ast.GenDecl); ok {
				checkTypeDocs(t, s, g)
			}
		}
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	x := f.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

func checkTypeDocs(t *testing.T, s source, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() && g.Doc == nil && ts.Doc == nil {
			t.Errorf("%s: type %s has no comment", s.fset.Position(ts.Pos()), ts.Name.Name)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	const most = 500
	for _, s := range sources(t) {
		if n := s.fset.Position(s.file.End()).Line; n > most && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines, at most %d", s.path, n, most)
		}
	}
}

// TestRootStaysSmall: the root has sessions and their queries. What else there
// is to do has a package of its own.
func TestRootStaysSmall(t *testing.T) {
	const most = 2050
	lines := 0
	for _, s := range sources(t) {
		if s.dir == "." {
			lines += s.fset.Position(s.file.End()).Line
		}
	}
	if lines > most {
		t.Errorf("the root has %d lines, at most %d", lines, most)
	}
}

// TestTypesStaySmall counts the methods of the types of the root and of the
// identification. A Session has one for each question.
func TestTypesStaySmall(t *testing.T) {
	const most = 15
	methods := map[string]int{}
	for _, s := range sources(t) {
		if s.dir != "." && s.dir != "identify" && s.dir != "pe" {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				methods[s.dir+": "+receiver(f)]++
			}
		}
	}
	if len(methods) < 10 {
		t.Fatalf("methods of %d types", len(methods))
	}
	for name, n := range methods {
		if n > most && name != ".: Session" {
			t.Errorf("%s has %d methods, at most %d", name, n, most)
		}
	}
}

// receiver is the name of the type of a method.
func receiver(f *ast.FuncDecl) string {
	x := f.Recv.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if generic, ok := x.(*ast.IndexExpr); ok {
		x = generic.X
	}
	id, _ := x.(*ast.Ident)
	return id.Name
}

// TestNoInternalTypesInDisguise: an exported name of a public package is no
// alias of an internal type, and no constant of one.
func TestNoInternalTypesInDisguise(t *testing.T) {
	checked := 0
	for _, s := range sources(t) {
		if strings.HasPrefix(s.dir, "internal/") || slices.Contains(layers[0], s.dir) {
			continue
		}
		internal := internalImports(s.file)
		for _, d := range s.file.Decls {
			g, ok := d.(*ast.GenDecl)
			for i := 0; ok && i < len(g.Specs); i++ {
				checked++
				if name := disguised(g.Tok, g.Specs[i], internal); name != "" {
					t.Errorf("%s: %s is of an internal type", s.fset.Position(g.Specs[i].Pos()), name)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no declaration was looked at")
	}
}

// internalImports has the names by which a file knows internal packages.
func internalImports(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if !strings.HasPrefix(path, modulePath+"/internal/") {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = true
	}
	return names
}

// disguised returns the exported name a declaration gives to an internal type,
// if it does.
func disguised(tok token.Token, spec ast.Spec, internal map[string]bool) string {
	from := func(x ast.Expr) bool {
		if star, ok := x.(*ast.StarExpr); ok {
			x = star.X
		}
		sel, ok := x.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		pkg, ok := sel.X.(*ast.Ident)
		return ok && internal[pkg.Name]
	}
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Assign.IsValid() && s.Name.IsExported() && from(s.Type) {
			return s.Name.Name
		}
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if tok == token.CONST && name.IsExported() && s.Type == nil && i < len(s.Values) && from(s.Values[i]) {
				return name.Name
			}
		}
	}
	return ""
}
