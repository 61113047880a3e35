//go:build ignore

// Command bench measures package pdb and the symres command against the tools
// of LLVM 19, and writes BENCHMARKS.md. Run it in the folder of the package, on
// a quiet machine; it takes about ten minutes:
//
//	go run bench.go -gen DIR -real FILE.pdb
//
// DIR holds gen_s.pdb, gen_m.pdb and gen_l.pdb as gen_pdb.py of the shared
// tools makes them (-scale s, m, l); FILE.pdb is one that Microsoft's linker
// wrote. Images lie beside their PDBs. Files that are missing have no column.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/symres/symres/pdb"
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

// do is one job in a process of its own, with its answer on stdout.
func do(job string, args []string) error {
	switch job {
	case "nothing":
		return nil
	case "peak":
		return sayPeak(args)
	}
	open := pdb.OpenMapped
	if job == "name" {
		open = pdb.Open
	}
	f, err := open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(os.Stdout, 1<<18)
	defer w.Flush()
	switch job {
	case "frames":
		return printFrames(f, w)
	case "name", "mapped name":
		syms, err := f.ByName(args[1])
		if err == nil && len(syms) == 0 {
			err = errors.New(args[1] + " is not there")
		}
		return err
	}
	return errors.New("no such job")
}

// sayPeak runs a program and prints on stderr how much memory it took at most.
// The system counts that of the parent in, which is why this small process is
// one.
func sayPeak(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "peak", peakOf(cmd.ProcessState))
	return nil
}

func peakOf(p *os.ProcessState) int64 {
	usage, _ := p.SysUsage().(*syscall.Rusage)
	return usage.Maxrss << 10
}

// printFrames prints the stacks of the RVAs on stdin the way llvm-symbolizer
// does: function, place, and an empty line behind each stack.
func printFrames(f *pdb.File, w *bufio.Writer) error {
	var rvas []uint32
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		v, err := strconv.ParseUint(in.Text(), 0, 32)
		if err != nil {
			return err
		}
		rvas = append(rvas, uint32(v))
	}
	stacks, err := f.FramesOf(rvas, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	for _, stack := range stacks {
		for _, fr := range stack {
			b := append(w.AvailableBuffer(), fr.Function...)
			b = append(append(b, '\n'), fr.File...)
			b = strconv.AppendUint(append(b, ':'), uint64(fr.Line), 10)
			w.Write(append(b, '\n'))
		}
		if len(stack) == 0 {
			w.WriteString("??\n??:0\n")
		}
		w.WriteByte('\n')
	}
	return nil
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

// result is what a comparison came to.
type result struct {
	times  []time.Duration // median of each
	ratios []float64       // median of what the last took over what each did
	runs   int
}

// race runs things to be compared in turn.
func (b *bench) race(runs ...func() (time.Duration, error)) (r result, err error) {
	times := make([][]time.Duration, len(runs))
	ratios := make([][]float64, len(runs))
	for start := time.Now(); r.runs == 0 || r.runs < b.pairs && time.Since(start) < b.patience; r.runs++ {
		for i, run := range runs {
			took, err := run()
			if err != nil {
				return r, err
			}
			times[i] = append(times[i], took)
		}
		for i := range runs {
			ratios[i] = append(ratios[i], float64(times[len(runs)-1][r.runs])/float64(times[i][r.runs]))
		}
	}
	for i := range runs {
		r.times, r.ratios = append(r.times, median(times[i])), append(r.ratios, median(ratios[i]))
	}
	return r, nil
}

func median[T time.Duration | float64](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// String names the times of the first and of the last, and their ratio.
func (r result) String() string {
	s := fmt.Sprintf("%s / %s = **%.3gx**", ms(r.times[0]), ms(r.times[len(r.times)-1]), r.ratios[0])
	return s + r.fewer()
}

// fewer tells of runs that were left out.
func (r result) fewer() string {
	if r.runs == 5 {
		return ""
	}
	return fmt.Sprintf(" (runs: %d)", r.runs)
}

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
}

// timed runs a program whose output goes to the null device.
func timed(stdin string, args ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		cmd, done, err := command(stdin, args)
		if err != nil {
			return 0, err
		}
		defer done()
		start := time.Now()
		err = cmd.Run()
		return time.Since(start), told(cmd, err)
	}
}

// command prepares a program. What it says on stderr is kept for told.
func command(stdin string, args []string) (cmd *exec.Cmd, done func(), err error) {
	cmd = exec.Command(args[0], args[1:]...)
	cmd.Stderr = new(bytes.Buffer)
	if stdin == "" {
		return cmd, func() {}, nil
	}
	in, err := os.Open(stdin)
	cmd.Stdin = in
	return cmd, func() { in.Close() }, err
}

func told(cmd *exec.Cmd, err error) error {
	if err != nil {
		err = fmt.Errorf("%v: %w: %s", cmd.Args, err, cmd.Stderr)
	}
	return err
}

// countLines counts the lines of a program's output by what counts says they
// are; -1 is not counted.
func countLines(kinds int, kind func(line []byte) int, stdin string, args ...string) ([]int, error) {
	cmd, done, err := command(stdin, args)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	counts := make([]int, kinds)
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if k := kind(s.Bytes()); k >= 0 {
			counts[k]++
		}
	}
	return counts, errors.Join(s.Err(), told(cmd, cmd.Wait()))
}

func anyOf(texts ...string) func(line []byte) int {
	return func(line []byte) int {
		if len(texts) == 0 || slices.ContainsFunc(texts, func(t string) bool { return bytes.Contains(line, []byte(t)) }) {
			return 0
		}
		return -1
	}
}

// cheap reports whether the other tools' answers are counted too: on the others
// that takes minutes.
func (f file) cheap() bool { return !strings.HasPrefix(f.name, "M") && !strings.HasPrefix(f.name, "L") }

// randomCode returns addresses in the first section, which has the code.
func randomCode(f file, n int) ([]uint32, error) {
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	secs, err := p.Sections()
	if err != nil || len(secs) == 0 {
		return nil, errors.Join(err, errors.New("no sections"))
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	rvas := make([]uint32, n)
	for i := range rvas {
		rvas[i] = secs[0].VirtualAddress + rnd.Uint32N(secs[0].VirtualSize)
	}
	return rvas, nil
}

// asking is the same question put to symres, to the library and to
// llvm-symbolizer.
type asking struct {
	ours, library, theirs []string
	addrs, rvas           string // files
}

func (b *bench) ask(f file, n int) (q asking, err error) {
	rvas, err := randomCode(f, n)
	if err != nil {
		return q, err
	}
	var addrs, plain []byte
	for _, rva := range rvas {
		addrs = fmt.Appendf(addrs, "%#x\n", f.base+uint64(rva))
		plain = fmt.Appendf(plain, "%#x\n", rva)
	}
	q = asking{
		ours:    []string{b.cmd, "nearest", "--image", f.image, "--pdb", f.path},
		library: []string{b.self, "-job", "frames", f.path},
		theirs:  []string{"llvm-symbolizer-19", "--inlines", "--obj=" + f.image},
		addrs:   filepath.Join(b.dir, "addrs"), rvas: filepath.Join(b.dir, "rvas"),
	}
	return q, errors.Join(os.WriteFile(q.addrs, addrs, 0o600), os.WriteFile(q.rvas, plain, 0o600))
}

// check wants an answer to every address, the inlined functions of the library
// in the answers of symres, and of a generated PDB as many frames as
// llvm-symbolizer has, but for 1 in 50: of those of Microsoft's compiler it
// drops many.
func (q asking) check(f file, n int) error {
	stacks := func(line []byte) int { return min(len(line), 1) }
	lib, err := countLines(2, stacks, q.rvas, q.library...)
	if err != nil {
		return err
	}
	ours, err := countLines(2, func(line []byte) int {
		switch {
		case bytes.HasPrefix(line, []byte("(")):
			return 0
		case bytes.HasPrefix(line, []byte("    (Inline Function)")):
			return 1
		}
		return -1
	}, q.addrs, q.ours...)
	if err != nil {
		return err
	}
	if ours[0] != n || lib[0] != n || lib[1]/2 != n+ours[1] {
		return fmt.Errorf("%d answers with %d inlined functions, the library %d with %d frames", ours[0], ours[1], lib[0], lib[1]/2)
	}
	if !f.cheap() {
		return nil
	}
	other, err := countLines(2, stacks, q.addrs, q.theirs...)
	if d := lib[1] - other[1]; err == nil && (other[0] < n || f.generated && max(d, -d) > other[1]/50) {
		err = fmt.Errorf("%d lines of stacks, the other %d of %d", lib[1], other[1], other[0])
	}
	return err
}

func (b *bench) addresses(f file, n int) (string, error) {
	q, err := b.ask(f, n)
	if err == nil {
		err = q.check(f, n)
	}
	if err != nil {
		return "", err
	}
	r, err := b.race(timed(q.addrs, q.ours...), timed(q.rvas, q.library...), timed(q.addrs, q.theirs...))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %s, %.3gx", r, ms(r.times[1]), r.ratios[1]), nil
}

func manyAddresses(b *bench, f file) (string, error) {
	if !strings.HasPrefix(f.name, "M") {
		return "", nil // the other takes an hour for all files
	}
	return b.addresses(f, 100_000)
}

func (b *bench) oneAddress(f file) (string, error) {
	q, err := b.ask(f, 1)
	if err == nil {
		err = q.check(f, 1)
	}
	if err != nil {
		return "", err
	}
	r, err := b.race(timed(q.addrs, q.ours...), timed(q.addrs, q.theirs...))
	if err != nil {
		return "", err
	}
	memory, err := b.peak(q.addrs, q.ours...)
	return fmt.Sprintf("%s, %.1f MB", r, float64(memory)/1e6), err
}

// peak returns how much memory a program takes at most.
func (b *bench) peak(stdin string, args ...string) (n int64, err error) {
	cmd, done, err := command(stdin, append([]string{b.self, "-job", "peak"}, args...))
	if err != nil {
		return 0, err
	}
	defer done()
	if err := cmd.Run(); err != nil {
		return 0, told(cmd, err)
	}
	_, err = fmt.Sscanf(fmt.Sprint(cmd.Stderr), "peak %d", &n)
	return n, err
}

// listing measures a list of symres against one of llvm-pdbutil's. Ours must
// have as many lines as the library has symbols, and the other as many of these
// kinds.
func (b *bench) listing(f file, ours, theirs string, n int, kinds ...string) (string, error) {
	us, them := []string{b.cmd, "dump", ours, f.path}, []string{"llvm-pdbutil-19", "dump", theirs, f.path}
	got, err := countLines(1, anyOf(), "", us...)
	if err == nil && got[0] != n {
		err = fmt.Errorf("%d lines for %d symbols", got[0], n)
	}
	if err == nil && f.cheap() {
		if got, err = countLines(1, anyOf(kinds...), "", them...); err == nil && got[0] != n {
			err = fmt.Errorf("%d symbols, llvm-pdbutil has %d", n, got[0])
		}
	}
	if err != nil {
		return "", err
	}
	r, err := b.race(timed("", us...), timed("", them...))
	return r.String(), err
}

func (b *bench) publics(f file) (string, error) {
	n, err := count(f, (*pdb.File).Publics)
	if err != nil {
		return "", err
	}
	return b.listing(f, "--publics", "-publics", n, "| S_PUB32 ")
}

func (b *bench) functions(f file) (string, error) {
	n, err := count(f, (*pdb.File).Procs)
	if err != nil {
		return "", err
	}
	return b.listing(f, "--procs", "-symbols", n, "| S_GPROC32", "| S_LPROC32", "| S_THUNK32 ", "| S_TRAMPOLINE ", "| S_SEPCODE ")
}

func count(f file, list func(*pdb.File) iter.Seq2[pdb.Symbol, error]) (n int, err error) {
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	for _, err := range list(p) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (b *bench) indexSize(f file) (string, error) {
	var per float64
	r, err := b.race(func() (time.Duration, error) {
		p, err := pdb.OpenMapped(f.path)
		if err != nil {
			return 0, err
		}
		defer p.Close()
		start := time.Now()
		x, err := p.Index()
		if err != nil {
			return 0, err
		}
		took := time.Since(start)
		per = float64(x.Bytes()) / float64(x.Len())
		return took, nil
	})
	if err != nil {
		return "", err
	}
	if per > 16 {
		return "", fmt.Errorf("%.1f bytes a symbol", per)
	}
	return fmt.Sprintf("%s, %.1f", ms(r.times[0]), per), nil
}

func (b *bench) indexLookup(f file) (string, error) {
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return "", err
	}
	defer p.Close()
	x, err := p.Index()
	if err != nil {
		return "", err
	}
	var keys []uint32
	for s, err := range x.All() {
		if err == nil && s.HasRVA {
			keys = append(keys, s.RVA)
		}
	}
	slices.Sort(keys)
	rvas, err := randomCode(f, 1<<20)
	if err != nil {
		return "", err
	}
	for i, rva := range rvas {
		rvas[i] = max(rva, keys[0])
	}
	var sums [2]uint64
	search := func(i int, find func(rva uint32) uint32) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			sums[i] = 0
			start := time.Now()
			for _, rva := range rvas {
				sums[i] += uint64(find(rva))
			}
			return time.Since(start), nil
		}
	}
	ours := search(0, func(rva uint32) uint32 { run, _ := x.Find(rva); return rva - run.Displacement })
	plain := search(1, func(rva uint32) uint32 {
		n, ok := slices.BinarySearch(keys, rva)
		if !ok {
			n--
		}
		return keys[n]
	})
	r, err := b.race(ours, plain)
	if err != nil || sums[0] != sums[1] {
		return "", errors.Join(err, fmt.Errorf("answers add up to %d and %d", sums[0], sums[1]))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = ours()
	runtime.ReadMemStats(&after)
	return fmt.Sprintf("%d / %d ns = **%.2fx**; %d", r.times[0].Nanoseconds()>>20, r.times[1].Nanoseconds()>>20, 1/r.ratios[0],
		(after.Mallocs-before.Mallocs)>>20), err
}

// names returns n names of publics, spread over the file.
func names(f file, n int) ([]string, error) {
	total, err := count(f, (*pdb.File).Publics)
	if err != nil {
		return nil, err
	}
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	var list []string
	i := 0
	for s := range p.Publics() {
		if i%max(1, total/n) == 0 && len(list) < n {
			list = append(list, s.Name())
		}
		i++
	}
	return list, nil
}

// namePages counts pages by the test that holds them to their limit.
func (b *bench) namePages(f file) (string, error) {
	cmd := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestPointQueryPages_generated$", ".")
	cmd.Env = append(os.Environ(), "SYMRES_GEN_PDB="+f.path)
	out, err := cmd.CombinedOutput()
	_, text, ok := strings.Cut(string(out), "at most ")
	if err != nil || !ok {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	pages, text, _ := strings.Cut(text, " pages")
	_, text, _ = strings.Cut(text, "(")
	beyond, _, _ := strings.Cut(text, " ")
	return pages + ", " + beyond, nil
}

func (b *bench) exactName(f file) (string, error) {
	list, err := names(f, 2)
	if err != nil {
		return "", err
	}
	without, err := b.peak("", b.self, "-job", "nothing")
	if err != nil {
		return "", err
	}
	var cells []string
	for _, job := range []string{"name", "mapped name"} {
		args := []string{b.self, "-job", job, f.path, list[len(list)-1]}
		r, err := b.race(timed("", args...))
		if err != nil {
			return "", err
		}
		with, err := b.peak("", args...)
		if err != nil {
			return "", err
		}
		cells = append(cells, fmt.Sprintf("%s, %.1f MB", ms(r.times[0]), float64(max(0, with-without))/1e6))
	}
	return strings.Join(cells, "; "), nil
}

func (b *bench) wildcard(f file) (string, error) {
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return "", err
	}
	defer p.Close()
	literals := []string{"exception", "std"}
	if f.generated {
		literals = []string{"number3", "q002"}
	}
	match := func(name []byte) bool {
		name = bytes.ToLower(name)
		return bytes.Contains(name, []byte(literals[0])) && bytes.Contains(name, []byte(literals[1]))
	}
	var found [2]int
	search := func(i int, literals []string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			found[i] = 0
			start := time.Now()
			for _, err := range p.Matching(literals, match) {
				if err != nil {
					return 0, err
				}
				found[i]++
			}
			return time.Since(start), nil
		}
	}
	r, err := b.race(search(0, literals), search(1, nil))
	if err == nil && (found[0] != found[1] || found[0] == 0) {
		err = fmt.Errorf("%d and %d names", found[0], found[1])
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s / %s = **%.2fx** (%d names)", ms(r.times[0]), ms(r.times[1]), 1/r.ratios[0], found[0]), nil
}

func (b *bench) structByName(f file) (string, error) {
	p, err := pdb.OpenMapped(f.path)
	if err != nil {
		return "", err
	}
	defer p.Close()
	var name string
	last := func() (found pdb.Type, err error) {
		for t, err := range p.Types() {
			if err != nil {
				return found, err
			}
			if t.IsTag() && !t.IsForward() && !t.IsAnonymous() && (name == "" || string(t.NameBytes()) == name) {
				found = t
			}
		}
		return found, nil
	}
	want, err := last()
	if err != nil {
		return "", err
	}
	name = want.Name()
	r, err := b.race(func() (time.Duration, error) {
		start := time.Now()
		p, err := pdb.OpenMapped(f.path)
		if err != nil {
			return 0, err
		}
		t, err := p.TypeByName(name)
		took := time.Since(start)
		if err == nil && t.Index() != want.Index() {
			err = fmt.Errorf("%s: types %#x and %#x", name, t.Index(), want.Index())
		}
		return took, errors.Join(err, p.Close())
	}, func() (time.Duration, error) {
		start := time.Now()
		_, err := last()
		return time.Since(start), err
	})
	return r.String(), err
}

func (b *bench) table(files []file, rows []*row) []byte {
	var t bytes.Buffer
	tool, _ := exec.Command("llvm-pdbutil-19", "--version").Output()
	version := "LLVM 19"
	for line := range strings.Lines(string(tool)) {
		if strings.Contains(line, "LLVM version") {
			version = strings.TrimSpace(line)
		}
	}
	fmt.Fprintf(&t, `# Benchmarks of package pdb

Machine: %s, %d CPUs, %s/%s, %s, %s. Written by `+"`go run bench.go`"+`.

Method: the programs of a comparison run in turn, each as a process from its start to its end, whose output goes to the null device;
files are in the page cache. Times are medians of %d runs and so is the ratio, that of a run of the other to the run of ours before it;
what takes minutes runs less often, and says so. Memory is the peak the system reports for the process, mapped pages of the file
included. Every job checks its answers: as many symbols as the library has (and, on S and R, the other tool), as many inlined functions,
the same sums, the same names. The library alone prints what llvm-symbolizer prints. S, M and L are made by gen_pdb.py of the shared tools, R
was written by Microsoft's linker. A whole process of ours takes 2 ms before it does anything, which is most of what small files take.

`, processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), version, b.pairs)
	t.WriteString("| job | to reach |")
	for _, f := range files {
		t.WriteString(" " + f.name + " |")
	}
	t.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(files)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", r.what, r.goal, strings.Join(r.cells, " | "))
	}
	return t.Bytes()
}

// processor returns what the system calls the processor.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	_, text, _ := strings.Cut(string(b), "model name")
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimLeft(line, "\t :")
}
