//go:build linux

// Command bench measures package pdb and the symres command against the tools
// of LLVM 19, and writes BENCHMARKS.md. Run it in the folder of package pdb, on
// a quiet machine with Linux; it takes about ten minutes:
//
//	go run ./bench -gen DIR -real FILE.pdb
//
// DIR holds gen_s.pdb, gen_m.pdb and gen_l.pdb as gen_pdb.py of the shared
// tools makes them (-scale s, m, l); FILE.pdb is one that Microsoft's linker
// wrote. Images lie beside their PDBs. Files that are missing have no column.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	gen := flag.String("gen", "", "folder with gen_s.pdb, gen_m.pdb, gen_l.pdb")
	real := flag.String("real", "", "a PDB Microsoft's linker wrote")
	pairs := flag.Int("pairs", 5, "times each program of a comparison runs, if it does not take long")
	patience := flag.Duration("patience", time.Minute, "a comparison that has taken so long is not run once more")
	out := flag.String("out", "BENCHMARKS.md", "file to write")
	only := flag.String("only", "", "measure only what has this text in its row")
	job := flag.String("job", "", "do one job on the file given and exit (the program runs itself so)")
	flag.Parse()
	var err error
	if *job != "" {
		err = do(*job, flag.Args())
	} else {
		err = measure(*gen, *real, *out, *only, *pairs, *patience)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// file is a file to measure on.
type file struct {
	name, path string
	image      string // beside it
	base       uint64
	generated  bool
}

// bench is a whole run.
type bench struct {
	pairs     int
	patience  time.Duration
	self, cmd string // this program and symres
	dir       string // for files of its own
}

// row is a line of the table: what is measured, the figure to reach, and what
// was measured on each file.
type row struct {
	what, goal string
	cell       func(b *bench, f file) (string, error)
	cells      []string
}

func rows() []*row {
	return []*row{
		{what: "10,000 random addresses with lines and inlined functions: `symres nearest` / `llvm-symbolizer-19 --inlines`; the library alone", goal: ">= 200x at S, 75x at M, 30x at L",
			cell: func(b *bench, f file) (string, error) { return b.addresses(f, 10_000) }},
		{what: "100,000, the same", goal: ">= 150x at M", cell: manyAddresses},
		{what: "1,000,000, `symres nearest` alone, each answer on the line of its question: processor time, the least of the runs; with `--json`", goal: "< 3 s at M", cell: million},
		{what: "one address, the same; peak memory", goal: ">= 3x at M and L, < 64 MB at L", cell: (*bench).oneAddress},
		{what: "all publics: `symres dump --publics` / `llvm-pdbutil-19 dump -publics`", goal: ">= 50x", cell: (*bench).publics},
		{what: "all functions: `symres dump --procs` / `llvm-pdbutil-19 dump -symbols`", goal: ">= 300x", cell: (*bench).functions},
		{what: "index: time to build, bytes a symbol", goal: "<= 16 bytes", cell: (*bench).indexSize},
		{what: "index: random lookup / binary search over the same keys; allocations", goal: "<= 0.5x; 0", cell: (*bench).indexLookup},
		{what: "exact name, 100 of them, each in a file just opened: pages touched at most, pages less the records in the buckets probed", goal: "<= 40 more than records", cell: (*bench).namePages},
		{what: "exact name, whole process, file read; mapped: time, memory over that of an empty one", goal: "< 16 MB", cell: (*bench).exactName},
		{what: "wildcard over all names / matching each name", goal: "<= 0.3x", cell: (*bench).wildcard},
		{what: "one struct by name, file opened for it / scan of all types", goal: ">= 20x at L", cell: (*bench).structByName},
	}
}

func measure(gen, real, out, only string, pairs int, patience time.Duration) error {
	b := &bench{pairs: pairs, patience: patience}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.cmd = filepath.Join(b.dir, "symres")
	build := exec.Command("go", "build", "-trimpath", "-o", b.cmd, "github.com/symres/symres/cmd/symres")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as a release is built
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	files, err := inputs(gen, real)
	if err != nil {
		return err
	}
	table := slices.DeleteFunc(rows(), func(r *row) bool { return !strings.Contains(r.what, only) })
	start := time.Now()
	for _, f := range files {
		if err := warm(f.path, f.image); err != nil {
			return err
		}
		for _, r := range table {
			text, err := r.cell(b, f)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", f.path, r.what, err)
			}
			fmt.Fprintf(os.Stderr, "%4.0f s  %s: %s: %s\n", time.Since(start).Seconds(), f.name, r.what, text)
			r.cells = append(r.cells, text)
		}
	}
	return os.WriteFile(out, b.table(files, table), 0o644)
}

func inputs(gen, real string) ([]file, error) {
	var files []file
	for _, f := range []file{
		{name: "S", path: filepath.Join(gen, "gen_s.pdb"), generated: true}, {name: "M", path: filepath.Join(gen, "gen_m.pdb"), generated: true},
		{name: "L", path: filepath.Join(gen, "gen_l.pdb"), generated: true}, {name: "R", path: real},
	} {
		st, err := os.Stat(f.path)
		if err != nil {
			continue
		}
		if f.image, f.base, err = image(f.path); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		f.name = fmt.Sprintf("%s (%.0f MB)", f.name, float64(st.Size())/1e6)
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, errors.New("no files to measure on; see -h")
	}
	return files, nil
}

// warm reads files, so that they are in memory.
func warm(paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// image returns the image of a PDB, which lies beside it, and its base.
func image(path string) (string, uint64, error) {
	for _, ext := range []string{".exe", ".sys", ".dll", ".node"} {
		name := strings.TrimSuffix(path, ".pdb") + ext
		b, err := os.ReadFile(name)
		if err != nil || len(b) < 0x40 {
			continue
		}
		pe := int(binary.LittleEndian.Uint32(b[0x3C:]))
		if pe < 0 || pe > len(b)-56 {
			continue
		}
		if binary.LittleEndian.Uint16(b[pe+24:]) == 0x20B { // PE32+
			return name, binary.LittleEndian.Uint64(b[pe+48:]), nil
		}
		return name, uint64(binary.LittleEndian.Uint32(b[pe+52:])), nil
	}
	return "", 0, errors.New("no image beside it")
}
