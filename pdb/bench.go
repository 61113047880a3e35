//go:build ignore

// Command bench measures package pdb against the tools of LLVM 19 and writes
// BENCHMARKS.md. Run it in the folder of the package, on a quiet machine:
//
//	go run bench.go -gen DIR -real FILE.pdb
//
// DIR holds gen_s.pdb, gen_m.pdb and gen_l.pdb as gen_pdb.py of the shared
// tools makes them; FILE.pdb is one that Microsoft's linker wrote. Missing files
// leave their columns empty.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/symres/symres/pdb"
)

func main() {
	gen := flag.String("gen", "", "folder with gen_s.pdb, gen_m.pdb, gen_l.pdb")
	real := flag.String("real", "", "a PDB Microsoft's linker wrote")
	pairs := flag.Int("pairs", 5, "runs of each of two programs")
	out := flag.String("out", "BENCHMARKS.md", "file to write")
	job := flag.String("job", "", "do one job on the file given and exit (the program runs itself so)")
	flag.Parse()
	var err error
	if *job != "" {
		err = do(*job, flag.Arg(0), flag.Arg(1))
	} else {
		err = measure(*gen, *real, *pairs, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// do is one job in a process of its own, with its answer on stdout.
func do(job, path, arg string) error {
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(os.Stdout, 1<<18)
	defer w.Flush()
	switch job {
	case "publics":
		return printAll(f.PublicsPart)
	case "functions":
		return printAll(f.ProcsPart)
	case "name":
		syms, err := f.ByName(arg)
		if err == nil && len(syms) == 0 {
			err = errors.New(arg + " is not there")
		}
		for _, s := range syms {
			fmt.Fprintln(w, s)
		}
		return err
	}
	return errors.New("no such job")
}

// printAll prints a list whose parts are put into words on all processors.
func printAll(part func(i, n int) iter.Seq2[pdb.Symbol, error]) error {
	workers := runtime.GOMAXPROCS(0)
	parts := 64 * workers
	type text struct {
		b   []byte
		err error
	}
	done := make([]chan text, parts)
	for i := range done {
		done[i] = make(chan text, 1)
	}
	free := make(chan []byte, 4*workers) // buffers, which bound what is ahead
	for range cap(free) {
		free <- make([]byte, 0, 1<<19)
	}
	next := make(chan int)
	for range workers {
		go func() {
			for { // memory first: the part to be printed next must have some
				b := <-free
				i, ok := <-next
				if !ok {
					return
				}
				b, err := appendAll(b[:0], part(i, parts))
				done[i] <- text{b, err}
			}
		}()
	}
	go func() {
		for i := range parts {
			next <- i
		}
		close(next)
	}()
	for _, c := range done {
		t := <-c
		if t.err != nil {
			return t.err
		}
		if _, err := os.Stdout.Write(t.b); err != nil {
			return err
		}
		free <- t.b
	}
	return nil
}

func appendAll(b []byte, seq iter.Seq2[pdb.Symbol, error]) ([]byte, error) {
	for s, err := range seq {
		if err != nil {
			return nil, err
		}
		b, _ = s.AppendText(b)
		b = append(b, '\n')
	}
	return b, nil
}

// row is a line of the table: what is measured, the figure to reach, and what
// was measured on each file.
type row struct {
	what, goal string
	cells      []string
}

// input is a file to measure on.
type input struct{ name, path string }

func measure(gen, real string, pairs int, out string) error {
	var files []input
	for _, f := range []input{{"S", filepath.Join(gen, "gen_s.pdb")}, {"M", filepath.Join(gen, "gen_m.pdb")}, {"L", filepath.Join(gen, "gen_l.pdb")}, {"R", real}} {
		if st, err := os.Stat(f.path); err == nil {
			f.name = fmt.Sprintf("%s (%.0f MB)", f.name, float64(st.Size())/1e6)
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return errors.New("no files to measure on; see -h")
	}
	rows := []row{
		{what: "all publics printed, against `llvm-pdbutil-19 dump -publics`", goal: ">= 50x"},
		{what: "all functions printed, against `llvm-pdbutil-19 dump -symbols`", goal: ">= 300x"},
		{what: "index: build; bytes a symbol", goal: "<= 16 bytes"},
		{what: "index: random lookup, against a binary search over the same keys", goal: "<= 0.5x"},
		{what: "exact name, whole process: time, memory over that of an empty one", goal: "< 16 MB"},
		{what: "wildcard over all names, against matching each name", goal: "<= 0.3x"},
	}
	for _, in := range files {
		for i, cell := range []func(path string, pairs int) (string, error){publics, functions, indexSize, indexLookup, exactName, wildcard} {
			text, err := cell(in.path, pairs)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", in.path, rows[i].what, err)
			}
			fmt.Fprintf(os.Stderr, "%s: %s: %s\n", in.name, rows[i].what, text)
			rows[i].cells = append(rows[i].cells, text)
		}
	}
	return os.WriteFile(out, table(files, rows), 0o644)
}

// race runs two programs in turn and returns the median time of each, and the
// median of what the second took over what the first did.
func race(pairs int, ours, theirs func() (time.Duration, error)) (a, b time.Duration, ratio float64, err error) {
	var as, bs []time.Duration
	var ratios []float64
	for range pairs {
		x, err1 := ours()
		y, err2 := theirs()
		if err := errors.Join(err1, err2); err != nil {
			return 0, 0, 0, err
		}
		as, bs, ratios = append(as, x), append(bs, y), append(ratios, float64(y)/float64(x))
	}
	return median(as), median(bs), median(ratios), nil
}

func median[T time.Duration | float64](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// process runs a program whose output is counted and thrown away.
func process(lines *int, name string, args ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		defer null.Close()
		cmd := exec.Command(name, args...)
		var count lineCounter
		cmd.Stderr = os.Stderr
		cmd.Stdout = null
		if *lines < 0 { // the first run is not timed: its answer is
			cmd.Stdout = &count
		}
		start := time.Now()
		err = cmd.Run()
		took := time.Since(start)
		if *lines < 0 {
			*lines = count.n
		}
		return took, err
	}
}

type lineCounter struct{ n int }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

// against measures a job of ours against a tool, once both were seen to list
// as many symbols.
func against(path string, pairs int, job string, want int, tool ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	lines := -1
	ours := process(&lines, self, "-job", job, path)
	if _, err := ours(); err != nil {
		return "", err
	}
	if lines != want {
		return "", fmt.Errorf("%d lines printed, want %d", lines, want)
	}
	any := 0
	a, b, ratio, err := race(pairs, ours, process(&any, tool[0], append(tool[1:], path)...))
	return fmt.Sprintf("%s / %s = **%.0fx**", ms(a), ms(b), ratio), err
}

func publics(path string, pairs int) (string, error) {
	n, err := countLines([]string{"| S_PUB32 "}, "llvm-pdbutil-19", "dump", "-publics", path)
	if err != nil {
		return "", err
	}
	return against(path, pairs, "publics", n, "llvm-pdbutil-19", "dump", "-publics")
}

func functions(path string, pairs int) (string, error) {
	kinds := []string{"| S_GPROC32", "| S_LPROC32", "| S_THUNK32 ", "| S_TRAMPOLINE "}
	n, err := countLines(kinds, "llvm-pdbutil-19", "dump", "-symbols", path)
	if err != nil {
		return "", err
	}
	return against(path, pairs, "functions", n, "llvm-pdbutil-19", "dump", "-symbols")
}

// countLines counts the lines of a tool's output that hold one of some texts.
func countLines(texts []string, tool string, args ...string) (int, error) {
	cmd := exec.Command(tool, args...)
	r, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	n := 0
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(s.Text(), t) }) {
			n++
		}
	}
	return n, errors.Join(s.Err(), cmd.Wait())
}

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
}

func indexSize(path string, pairs int) (string, error) {
	var times []time.Duration
	var per float64
	for range pairs {
		f, err := pdb.OpenMapped(path)
		if err != nil {
			return "", err
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		x, err := f.Index()
		if err != nil {
			return "", err
		}
		times = append(times, time.Since(start))
		runtime.GC()
		runtime.ReadMemStats(&after)
		per = float64(x.Bytes()) / float64(x.Len())
		f.Close()
	}
	return fmt.Sprintf("%s; %.1f", ms(median(times)), per), nil
}

func indexLookup(path string, pairs int) (string, error) {
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	x, err := f.Index()
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
	secs, err := f.Sections()
	if err != nil || len(secs) == 0 || len(keys) == 0 {
		return "no addresses", err
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	rvas := make([]uint32, 1<<20)
	for i := range rvas {
		rvas[i] = keys[0] + rnd.Uint32N(secs[0].VirtualAddress+secs[0].VirtualSize-keys[0])
	}
	var sums [2]uint64
	timed := func(i int, find func(rva uint32) uint32) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			var sum uint64
			start := time.Now()
			for _, rva := range rvas {
				sum += uint64(find(rva))
			}
			sums[i] = sum
			return time.Since(start), nil
		}
	}
	a, b, ratio, err := race(pairs,
		timed(0, func(rva uint32) uint32 { run, _ := x.Find(rva); return rva - run.Displacement }),
		timed(1, func(rva uint32) uint32 {
			n, ok := slices.BinarySearch(keys, rva)
			if !ok {
				n--
			}
			return keys[n]
		}))
	if sums[0] != sums[1] {
		return "", fmt.Errorf("answers differ: %d, %d", sums[0], sums[1])
	}
	return fmt.Sprintf("%d / %d ns = **%.2fx**", a.Nanoseconds()>>20, b.Nanoseconds()>>20, 1/ratio), err
}

func exactName(path string, pairs int) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return "", err
	}
	var name string
	n := 0
	for s, err := range f.Publics() {
		if err != nil {
			return "", err
		}
		if n++; n&(n-1) == 0 { // one from the second half
			name = s.Name()
		}
	}
	f.Close()
	var times []time.Duration
	var with, without int64
	for range pairs {
		cmd := exec.Command(self, "-job", "name", path, name)
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return "", err
		}
		times = append(times, time.Since(start))
		with = max(with, maxRSS(cmd))
		empty := exec.Command(self, "-h")
		_ = empty.Run() // prints its usage and fails
		without = max(without, maxRSS(empty))
	}
	return fmt.Sprintf("%s, %.1f MB", ms(median(times)), float64(with-without)/1e6), nil
}

// maxRSS returns the peak memory of a process that ended, in bytes.
func maxRSS(cmd *exec.Cmd) int64 {
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return int64(u.Maxrss) << 10 // KiB on Linux
	}
	return 0
}

func wildcard(path string, pairs int) (string, error) {
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	literals := []string{"number3", "q002"}
	if !strings.Contains(path, "gen_") {
		literals = []string{"init", "string"}
	}
	match := func(name []byte) bool {
		name = bytes.ToLower(name)
		return bytes.Contains(name, []byte(literals[0])) && bytes.Contains(name, []byte(literals[1]))
	}
	var found [2]int
	timed := func(i int, literals []string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			n := 0
			start := time.Now()
			for _, err := range f.Matching(literals, match) {
				if err != nil {
					return 0, err
				}
				n++
			}
			found[i] = n
			return time.Since(start), nil
		}
	}
	a, b, ratio, err := race(pairs, timed(0, literals), timed(1, nil))
	if found[0] != found[1] {
		return "", fmt.Errorf("%d and %d names", found[0], found[1])
	}
	return fmt.Sprintf("%s / %s = **%.2fx** (%d names)", ms(a), ms(b), 1/ratio, found[0]), err
}

func table(files []input, rows []row) []byte {
	var b bytes.Buffer
	tool, _ := exec.Command("llvm-pdbutil-19", "--version").Output()
	version := "LLVM 19"
	for line := range strings.Lines(string(tool)) {
		if strings.Contains(line, "LLVM version") {
			version = strings.TrimSpace(line)
		}
	}
	fmt.Fprintf(&b, `# Benchmarks of package pdb

Machine: %d CPUs, %s/%s, %s. Method: two programs in turn, %s of each; the ratio is the median
of the ratios of the pairs. Files are in the page cache; output goes to the null device. Ours is measured as a process from start
to end where the other is one. Every job checks its answer: as many symbols as the other lists, the same sums, the same names.
S, M and L are made by gen_pdb.py of the shared tools, R was written by Microsoft's linker. Written by `+"`go run bench.go`"+`.

`, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()+", "+version, "5 runs")
	b.WriteString("| job | to reach |")
	for _, f := range files {
		b.WriteString(" " + f.name + " |")
	}
	b.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(files)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.what, r.goal, strings.Join(r.cells, " | "))
	}
	return b.Bytes()
}
