package symbolicate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/serve/symbolicate"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// program is a PDB of the store, and addresses in it.
type program struct {
	path, name, id string
	rvas           []uint32
}

// newStore is a symbol store of all PDBs under the folders that have symbols.
func newStore(t *testing.T, folders ...string) (string, []program) {
	t.Helper()
	root := t.TempDir()
	var programs []program
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.EqualFold(filepath.Ext(path), ".pdb") {
				programs = file(t, programs, root, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return root, programs
}

// file puts a PDB into the store, if it has addresses and is not there yet.
func file(t *testing.T, programs []program, root, path string) []program {
	f, err := pdb.Open(path)
	if err != nil {
		return programs // .NET's, or of an older form
	}
	defer f.Close()
	g, age := f.ID()
	p := program{path: path, name: filepath.Base(path), id: fmt.Sprintf("%s%X", g.Key(), age)}
	for sym, err := range f.Symbols() {
		if err == nil && sym.HasRVA && sym.RVA != 0 {
			p.rvas = append(p.rvas, sym.RVA)
		}
	}
	dir := filepath.Join(root, p.name, p.id)
	if len(p.rvas) == 0 || os.MkdirAll(dir, 0o755) != nil || os.Symlink(path, filepath.Join(dir, p.name)) != nil {
		return programs
	}
	return append(programs, p)
}

// newServer answers from a folder laid out as a symbol store.
func newServer(t *testing.T, root string, change ...func(*symbolicate.Config)) *httptest.Server {
	t.Helper()
	files := symres.NewFiles(symres.FilesConfig{})
	cfg := symbolicate.Config{Symbols: sympath.Symsrv(root, os.DirFS(root)), Files: files}
	for _, f := range change {
		f(&cfg)
	}
	server := httptest.NewServer(symbolicate.Handler(cfg))
	t.Cleanup(func() { server.Close(); files.Close() })
	return server
}

func post(t testing.TB, url, body string) (int, []byte) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

// testdata is the folder of the committed PDBs.
func testdata(t *testing.T) string {
	dir, err := fixture.Dir()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

type result struct {
	Stacks [][]struct {
		Frame    int
		Module   string
		Offset   string `json:"module_offset"`
		Function string
		At       string `json:"function_offset"`
		File     string
		Line     uint32
		Inlines  []struct {
			Function, File string
			Line           uint32
		}
	}
	Found  map[string]*bool `json:"found_modules"`
	Errors map[string][]struct{ Name, Message string }
}

func version5(t *testing.T, server *httptest.Server, body any) []result {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := post(t, server.URL+"/symbolicate/v5", string(text))
	var a struct{ Results []result }
	if err := json.Unmarshal(answer, &a); status != http.StatusOK || err != nil {
		t.Fatalf("status %d, %v: %.500s", status, err, answer)
	}
	return a.Results
}

// TestVersion5 holds the answers against those of a session for each PDB, at 10,000
// addresses of all PDBs at hand.
func TestVersion5(t *testing.T) {
	folders := []string{testdata(t)}
	if shared, err := filepath.Abs("../../../shared/corpus"); err == nil {
		if _, err := os.Stat(shared); err != nil {
			t.Log("without ../shared/corpus: only the PDBs of testdata are asked")
		} else {
			folders = append(folders, shared)
		}
	}
	root, programs := newStore(t, folders...)
	if len(programs) < 5 || len(folders) > 1 && len(programs) < 20 {
		t.Fatalf("only %d PDBs", len(programs))
	}
	server := newServer(t, root)
	asked, files := 0, 0
	for len(programs) > 0 {
		n := min(20, len(programs))
		asked += compare(t, server, programs[:n], 10_000/20)
		files, programs = files+n, programs[n:]
	}
	t.Logf("%d addresses of %d PDBs", asked, files)
	if asked < 10_000 && len(folders) > 1 {
		t.Errorf("only %d addresses", asked)
	}
}

// compare asks for so many addresses of each program, as one job each.
func compare(t *testing.T, server *httptest.Server, programs []program, each int) (n int) {
	rng := rand.New(rand.NewPCG(1, uint64(len(programs))))
	for jobs := range 2 { // 10 jobs a request at most
		half := programs[jobs*len(programs)/2 : (jobs+1)*len(programs)/2]
		var request []map[string]any
		for _, p := range half {
			stack := make([][2]uint32, each)
			for i := range stack {
				stack[i] = [2]uint32{0, p.rvas[rng.IntN(len(p.rvas))] + rng.Uint32N(40)}
			}
			request = append(request, map[string]any{"memoryMap": [][2]string{{p.name, p.id}}, "stacks": [][][2]uint32{stack}})
		}
		for i, r := range version5(t, server, map[string]any{"jobs": request, "version": 5}) {
			n += same(t, half[i], request[i]["stacks"].([][][2]uint32)[0], r)
		}
	}
	return n
}

// same holds a result against what a session says of the PDB.
func same(t *testing.T, p program, stack [][2]uint32, r result) int {
	tg, err := target.Files("", p.path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if len(r.Stacks) != 1 || len(r.Stacks[0]) != len(stack) {
		t.Fatalf("%s: another number of answers", p.path)
	}
	for i, f := range r.Stacks[0] {
		loc, err := tg.Session().Resolve(t.Context(), uint64(stack[i][1]))
		got := fmt.Sprintf(frameForm, f.Frame, f.Module, f.Offset, f.Function, f.At, f.File, f.Line, f.Inlines)
		want := fmt.Sprintf(frameForm, i, p.name, fmt.Sprintf("%#x", stack[i][1]), "", "", "", 0, []string{})
		if err == nil {
			want = told(i, p.name, loc)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", p.path, got, want)
		}
	}
	return len(stack)
}

// frameForm is how frames are compared.
const frameForm = "%d %s %s %q %s %q:%d inlines %v"

// told is a location as the fields of an answer.
func told(i int, module string, loc symres.Location) string {
	file, line, inlines := "", uint32(0), []string{}
	for k, f := range loc.Frames {
		if k == len(loc.Frames)-1 {
			file, line = f.File, f.Line
		} else {
			inlines = append(inlines, fmt.Sprintf("{%s %s %d}", f.Function, f.File, f.Line))
		}
	}
	return fmt.Sprintf(frameForm, i, module, fmt.Sprintf("%#x", loc.Query), loc.Name, fmt.Sprintf("%#x", int64(loc.Displacement)), file, line, inlines)
}

// TestNearest holds the answers of /v1/nearest against the JSON of a session.
func TestNearest(t *testing.T) {
	root, programs := newStore(t, testdata(t))
	server, p := newServer(t, root), programs[0]
	body := fmt.Sprintf(`{"modules":[{"pdb":%q,"id":%q,"base":"0","size":"0x1000000"}],"addresses":["%#x","%#x","0x7fff00000000"]}`,
		p.name, p.id, p.rvas[0], p.rvas[0]+1)
	status, answer := post(t, server.URL+"/v1/nearest", body)
	var a struct{ Answers []json.RawMessage }
	if err := json.Unmarshal(answer, &a); status != http.StatusOK || err != nil || len(a.Answers) != 3 {
		t.Fatalf("status %d, %v: %s", status, err, answer)
	}
	tg, err := target.Files("", p.path, target.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	for i := range 2 {
		loc, err := tg.Session().Resolve(t.Context(), uint64(p.rvas[0])+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		b, _ := json.Marshal(loc)
		if json.Unmarshal(b, &want) != nil || json.Unmarshal(a.Answers[i], &got) != nil {
			t.Fatalf("no JSON: %s", a.Answers[i])
		}
		// The file was named there, and found by its identity here.
		delete(got, "identity")
		delete(want, "identity")
		delete(got, "proof")
		delete(want, "proof")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if got := string(a.Answers[2]); got != `{"query":"0x7fff00000000","error":"no symbol there"}` {
		t.Errorf("beyond all modules: %s", got)
	}
}

// TestModules: which modules have symbols, and why others have none.
func TestModules(t *testing.T) {
	root, programs := newStore(t, testdata(t))
	p := programs[0]
	broken := filepath.Join(root, "broken.pdb", strings.Repeat("A", 32)+"1")
	if err := os.MkdirAll(broken, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "broken.pdb"), bytes.Repeat([]byte("no PDB\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	mods := [][2]string{{p.name, p.id}, {p.name, p.id[:32] + "77"}, {"unasked.pdb", p.id}, {"../../etc/passwd", p.id}, {"broken.pdb", strings.Repeat("A", 32) + "1"}, {"x.pdb", "ABC"}}
	rva := p.rvas[0]
	stack := [][2]int64{{0, int64(rva)}, {1, int64(rva)}, {-1, 65802}, {3, 1}, {4, 1}, {5, 1}, {0, -1}, {0, 1 << 40}}
	r := version5(t, newServer(t, root), map[string]any{"memoryMap": mods, "stacks": [][][2]int64{stack}})[0]
	if r.Stacks[0][0].Function == "" || r.Stacks[0][1].Function != "" || r.Stacks[0][2].Module != "<unknown>" {
		t.Errorf("frames: %+v", r.Stacks[0])
	}
	yes, no := true, false
	want := map[string]*bool{p.name + "/" + p.id: &yes, p.name + "/" + p.id[:32] + "77": &no, "unasked.pdb/" + p.id: nil,
		"../../etc/passwd/" + p.id: &no, "broken.pdb/" + mods[4][1]: &no, "x.pdb/ABC": &no}
	if diff := cmp.Diff(want, r.Found); diff != "" {
		t.Error(diff)
	}
}

// TestModuleErrors: the reasons name neither stores nor files.
func TestModuleErrors(t *testing.T) {
	root, programs := newStore(t, testdata(t))
	body := fmt.Sprintf(`{"memoryMap":[[%q,%q],["..","0"]],"stacks":[[[0,1],[1,1]]]}`, programs[0].name, programs[0].id[:32]+"77")
	_, answer := post(t, newServer(t, root).URL+"/symbolicate/v5", body)
	for _, want := range []string{`"name":"NotFound","message":"no symbol store has a PDB of this name and identifier"`, `"name":"BadModule"`} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("no %s in %s", want, answer)
		}
	}
	if strings.Contains(string(answer), root) {
		t.Errorf("a folder of the server is told: %s", answer)
	}
}

// TestLimits: what exceeds a limit is refused, in words that repeat nothing of it.
func TestLimits(t *testing.T) {
	root, _ := newStore(t, testdata(t))
	server := newServer(t, root)
	frames := strings.TrimSuffix(strings.Repeat("[0,1],", 5001), ",")
	module := `["a.pdb","44E4EC8C2F41492B9369D6B9A059577C2"]`
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"no JSON":           {"/symbolicate/v5", `<script>`, 400},
		"frames":            {"/symbolicate/v5", `{"memoryMap":[` + module + `],"stacks":[[` + frames + `]]}`, 400},
		"stacks":            {"/symbolicate/v5", `{"stacks":[` + strings.TrimSuffix(strings.Repeat("[],", 20000), ",") + `]}`, 400},
		"jobs":              {"/symbolicate/v5", `{"jobs":[` + strings.TrimSuffix(strings.Repeat(`{},`, 11), ",") + `]}`, 400},
		"modules":           {"/symbolicate/v5", `{"memoryMap":[` + strings.TrimSuffix(strings.Repeat(module+",", 65), ",") + `]}`, 400},
		"index":             {"/symbolicate/v5", `{"memoryMap":[` + module + `],"stacks":[[[1,1]]]}`, 400},
		"negative index":    {"/symbolicate/v5", `{"memoryMap":[` + module + `],"stacks":[[[-2,1]]]}`, 400},
		"offset":            {"/symbolicate/v5", `{"memoryMap":[` + module + `],"stacks":[[[0,-2]]]}`, 400},
		"pair":              {"/symbolicate/v5", `{"memoryMap":[["<script>"]]}`, 400},
		"version":           {"/symbolicate/v5", `{"version":4}`, 400},
		"body":              {"/symbolicate/v5", `{"x":"` + strings.Repeat("x", 8<<20) + `"}`, 413},
		"address":           {"/v1/nearest", `{"addresses":["<script>"]}`, 400},
		"overlap":           {"/v1/nearest", `{"modules":[{"pdb":"a.pdb","id":"44E4EC8C2F41492B9369D6B9A059577C2","base":"0","size":"20"},{"pdb":"b.pdb","id":"44E4EC8C2F41492B9369D6B9A059577C2","base":"10","size":"20"}]}`, 400},
		"another path":      {"/symbolicate/v4", `{}`, 404},
		"nothing is asked":  {"/symbolicate/v5", `{}`, 200},
		"nothing is asked'": {"/v1/nearest", `{}`, 200},
	} {
		status, answer := post(t, server.URL+c.path, c.body)
		if status != c.status || strings.Contains(string(answer), "script") {
			t.Errorf("%s: status %d, want %d: %.200s", name, status, c.status, answer)
		}
	}
	if res, err := http.Get(server.URL + "/symbolicate/v5"); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v %v", res.Status, err)
	}
}
