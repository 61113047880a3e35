package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/symres/symres/internal/fixture"
)

// analyzed is what analyze --json prints.
type analyzed struct {
	Kind, Code, Name        string
	Parameters              []struct{ Value, Meaning string }
	Address, Access, Target string
	TargetPlace             string `json:"target_place"`
	Process                 string
	PID, Thread             uint32
	ThreadName              string `json:"thread_name"`
	Module, Symbol          string
	Displacement            int64
	Culprit                 *struct {
		Module, Symbol string
		Displacement   int64
		Guess          bool
	}
	Bucket   string
	Stack    []stackLine
	Missing  []string
	Warnings []string
}

// analyzeDump runs analyze --json on a dump of the corpus; those of kd have their
// symbols beside them.
func analyzeDump(t *testing.T, path string, status int) (a analyzed) {
	t.Helper()
	args := []string{"analyze", "--json", "--dump", path}
	if dir := filepath.Dir(path); filepath.Base(dir) == "kd" {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		args = append(args, "--sympath", fmt.Sprintf("%s/sym-%s;%[1]s/sym-%[2]s-fs;%[1]s/symef-%[2]s", dir, name))
	}
	out, errs, got := run(t, "", args...)
	if got != status {
		t.Fatalf("%s: status %d: %s", path, got, errs)
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatalf("%s: %v: %s", path, err, out)
	}
	return a
}

// corpusDumps are the dumps of the corpus, by path.
func corpusDumps(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(fixture.Shared(t), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(strings.TrimSuffix(path, ".gz"), ".dmp") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d dumps, %v", len(paths), err)
	}
	return paths
}

// TestAnalyzeTable holds the table of the documentation against the command: every
// dump of the corpus has a line, which was checked by hand.
func TestAnalyzeTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/analyze.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ = strings.Cut(name, "`")
			lines[name] = strings.TrimSpace(line)
		}
	}
	for _, path := range corpusDumps(t) {
		found := ""
		for name := range lines {
			if strings.HasSuffix(filepath.ToSlash(path), "/"+name) {
				found = name
			}
		}
		if found == "" {
			t.Errorf("%s has no line", path)
			continue
		}
		if got := tableLine(found, analyzeDump(t, path, 0)); got != lines[found] {
			t.Errorf("the line is\n%s, not\n%s", got, lines[found])
		}
		delete(lines, found)
	}
	if len(lines) != 0 {
		t.Errorf("lines of no dump: %q", lines)
	}
}

// tableLine is the line of a dump.
func tableLine(name string, a analyzed) string {
	what, accessed, culprit := "none", "", ""
	if a.Kind != "none" {
		what = strings.TrimPrefix(a.Code, "0x") + " " + a.Name
	}
	if a.Access != "" {
		place := a.TargetPlace
		if place == "" {
			place = "not told"
		}
		accessed = fmt.Sprintf("%s of %s, %s", a.Access, a.Target, place)
	}
	if c := a.Culprit; c != nil {
		culprit = codePlace(c.Module, c.Symbol, c.Displacement)
		if c.Guess {
			culprit += " (a guess)"
		}
	}
	thread := strings.TrimSpace(fmt.Sprintf("%x %s", a.Thread, a.ThreadName))
	if a.Thread == 0 {
		thread = ""
	}
	process := a.Process[strings.LastIndexByte(a.Process, '\\')+1:]
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %s | %d | `%s` |", name, what, accessed,
		codePlace(a.Module, a.Symbol, a.Displacement), culprit, process, thread, len(a.Stack), a.Bucket)
}

func codePlace(module, symbol string, displacement int64) string {
	if module == "" {
		return ""
	}
	if symbol != "" {
		module += "!" + symbol
	}
	return fmt.Sprintf("%s+%#x", module, displacement)
}

// TestAnalyzeFields reads the files by offsets of minidumpapiset.h and of the headers
// of kernel dumps, without the library, and wants the same exceptions, bug checks and
// processes.
func TestAnalyzeFields(t *testing.T) {
	minidumps, kernels := 0, 0
	for _, path := range corpusDumps(t) {
		b := unpacked(t, path)
		a := analyzeDump(t, path, 0)
		if string(b[:4]) == "MDMP" {
			minidumps++
			sameAsMinidump(t, path, b, a)
			continue
		}
		kernels++
		sameAsHeader(t, path, b, a)
	}
	if minidumps != 15 || kernels != 5 {
		t.Errorf("%d minidumps, %d kernel dumps", minidumps, kernels)
	}
}

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".gz") {
		r, bad := gzip.NewReader(bytes.NewReader(b))
		if bad != nil {
			t.Fatal(bad)
		}
		b, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameAsMinidump compares with the streams of a minidump.
func sameAsMinidump(t *testing.T, path string, b []byte, a analyzed) {
	t.Helper()
	le := binary.LittleEndian
	streams := map[uint32]uint32{}
	for i := range le.Uint32(b[8:]) {
		e := b[le.Uint32(b[12:])+12*i:]
		if kind := le.Uint32(e); kind != 0 && streams[kind] == 0 {
			streams[kind] = le.Uint32(e[8:])
		}
	}
	const modules, exception = 4, 6
	list := b[streams[modules]+4:]
	name := b[le.Uint32(list[20:]):]
	text := make([]uint16, le.Uint32(name)/2)
	for i := range text {
		text[i] = le.Uint16(name[4+2*i:])
	}
	if want := string(utf16.Decode(text)); a.Process != want {
		t.Errorf("%s: process %q, want %q", path, a.Process, want)
	}
	at, ok := streams[exception]
	if !ok {
		if a.Kind != "none" || a.Code != "" {
			t.Errorf("%s: %+v, and there is no exception", path, a)
		}
		return
	}
	e := b[at:]
	var parameters []string
	for i := range le.Uint32(e[32:]) {
		parameters = append(parameters, fmt.Sprintf("%#x", le.Uint64(e[40+8*i:])))
	}
	var got []string
	for _, p := range a.Parameters {
		got = append(got, p.Value)
	}
	if a.Kind != "exception" || a.Thread != le.Uint32(e) || a.Code != fmt.Sprintf("%#x", le.Uint32(e[8:])) ||
		a.Address != fmt.Sprintf("%#x", le.Uint64(e[24:])) || !slices.Equal(got, parameters) {
		t.Errorf("%s: %s %x %s %s %q, want thread %x, %#x at %#x %q", path, a.Kind, a.Thread, a.Code, a.Address, got,
			le.Uint32(e), le.Uint32(e[8:]), le.Uint64(e[24:]), parameters)
	}
	if len(a.Stack) == 0 || a.Stack[0].PC != a.Address {
		t.Errorf("%s: the stack does not begin at the exception", path)
	}
}

// sameAsHeader compares with the header of a kernel dump.
func sameAsHeader(t *testing.T, path string, b []byte, a analyzed) {
	t.Helper()
	le := binary.LittleEndian
	code, parameters := le.Uint32(b[0x28:]), make([]string, 4)
	for i := range parameters {
		parameters[i] = fmt.Sprintf("%#x", le.Uint32(b[0x2c+4*i:]))
	}
	if string(b[4:8]) == "DU64" {
		code = le.Uint32(b[0x38:])
		for i := range parameters {
			parameters[i] = fmt.Sprintf("%#x", le.Uint64(b[0x40+8*i:]))
		}
	}
	if code == 0 {
		if a.Kind != "none" {
			t.Errorf("%s: %s", path, a.Kind)
		}
		return
	}
	var got []string
	for _, p := range a.Parameters {
		got = append(got, p.Value)
	}
	if a.Kind != "bugcheck" || a.Code != fmt.Sprintf("%#x", code) || !slices.Equal(got, parameters) {
		t.Errorf("%s: %s %s %q, want %#x %q", path, a.Kind, a.Code, got, code, parameters)
	}
}
