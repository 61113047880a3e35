//go:build ignore

// Command bench measures package pdb against the tools of LLVM 19 and writes
// BENCHMARKS.md. Run it in the folder of the package, on a quiet machine:
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
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
		sayMemory()
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
	if job == "nothing" {
		return nil
	}
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
	case "frames":
		return printFrames(f, w)
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
		{what: "10,000 random addresses, whole process, against `llvm-symbolizer-19 --inlines`", goal: ">= 200x at S, 75x at M, 30x at L"},
		{what: "100,000 random addresses, the same", goal: ">= 150x at M"},
		{what: "one address, the same; peak memory of ours", goal: ">= 3x at M and L; < 64 MB at L"},
		{what: "all publics printed, against `llvm-pdbutil-19 dump -publics`", goal: ">= 50x"},
		{what: "all functions printed, against `llvm-pdbutil-19 dump -symbols`", goal: ">= 300x"},
		{what: "index: build; bytes a symbol", goal: "<= 16 bytes"},
		{what: "index: random lookup, against a binary search over the same keys", goal: "<= 0.5x"},
		{what: "exact name, whole process: time, memory over that of an empty one", goal: "< 16 MB"},
		{what: "one struct by name, file opened for it, against a scan of all types", goal: ">= 20x at L"},
		{what: "wildcard over all names, against matching each name", goal: "<= 0.3x"},
	}
	for _, in := range files {
		for i, cell := range []func(path string, pairs int) (string, error){frames(10_000), frames(100_000), oneAddress, publics, functions, indexSize, indexLookup, exactName, structByName, wildcard} {
			text, err := cell(in.path, pairs)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", in.path, rows[i].what, err)
			}
			fmt.Fprintf(os.Stderr, "%s: %s: %s\n", in.name, rows[i].what, text)
			rows[i].cells = append(rows[i].cells, text)
		}
	}
	return os.WriteFile(out, table(files, rows, pairs), 0o644)
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

// randomCode returns addresses in the first section, which has the code.
func randomCode(path string, n int) ([]uint32, error) {
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	secs, err := f.Sections()
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

// askBoth prepares the same addresses for both programs.
func askBoth(path string, n int) (ours, theirs *asker, err error) {
	rvas, err := randomCode(path, n)
	if err != nil {
		return nil, nil, err
	}
	exe, base, err := image(path)
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	ours = &asker{args: []string{self, "-job", "frames", path}}
	theirs = &asker{args: []string{"llvm-symbolizer-19", "--inlines", "--obj=" + exe}}
	for _, rva := range rvas {
		ours.in = fmt.Appendf(ours.in, "%#x\n", rva)
		theirs.in = fmt.Appendf(theirs.in, "%#x\n", base+uint64(rva))
	}
	return ours, theirs, nil
}

// asker is a program that reads addresses and prints stacks.
type asker struct {
	args   []string
	in     []byte
	out    bytes.Buffer // of the last run
	memory int64        // most it took
}

func (a *asker) run() (time.Duration, error) {
	cmd := exec.Command(a.args[0], a.args[1:]...)
	a.out.Reset()
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(a.in), &a.out, &said
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", a.args[0], err, said.Bytes())
	}
	a.memory = max(a.memory, peak(said.Bytes()))
	return took, err
}

// stacks counts stacks and the frames in them.
func (a *asker) stacks() (stacks, frames int) {
	for line := range bytes.Lines(a.out.Bytes()) {
		if len(line) == 1 {
			stacks++
		} else {
			frames++
		}
	}
	return stacks, frames / 2
}

// askers races both and expects of each a stack for every address, and of a
// generated PDB, but for 1 in 50, as many frames: of those of Microsoft's
// compiler llvm-symbolizer drops many.
func askers(path string, pairs, n int) (a, b time.Duration, ratio float64, ours *asker, err error) {
	ours, theirs, err := askBoth(path, n)
	if err != nil {
		return 0, 0, 0, nil, err
	}
	if a, b, ratio, err = race(pairs, ours.run, theirs.run); err != nil {
		return 0, 0, 0, nil, err
	}
	s1, f1 := ours.stacks()
	s2, f2 := theirs.stacks()
	if s1 != n || s2 < n || strings.Contains(path, "gen_") && max(f1, f2)-min(f1, f2) > f2/50+1 {
		err = fmt.Errorf("%d stacks of %d frames, the other %d of %d", s1, f1, s2, f2)
	}
	return a, b, ratio, ours, err
}

func frames(n int) func(path string, pairs int) (string, error) {
	return func(path string, pairs int) (string, error) {
		if n > 10_000 && filepath.Base(path) != "gen_m.pdb" {
			return "", nil // the other takes an hour for all files
		}
		a, b, ratio, _, err := askers(path, pairs, n)
		return fmt.Sprintf("%s / %s = **%.0fx**", ms(a), ms(b), ratio), err
	}
}

func oneAddress(path string, pairs int) (string, error) {
	a, b, ratio, ours, err := askers(path, pairs, 1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s / %s = **%.1fx**, %.0f MB", ms(a), ms(b), ratio, float64(ours.memory)/1e6), nil
}

func structByName(path string, pairs int) (string, error) {
	f, err := pdb.OpenMapped(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var name string
	for t, err := range f.Types() {
		if err != nil {
			return "", err
		}
		if t.Kind() == pdb.TypeStruct && !t.IsForward() && !t.IsAnonymous() {
			name = t.Name()
		}
	}
	if name == "" {
		return "no structs", nil
	}
	var found [2]pdb.Type
	a, b, ratio, err := race(pairs, func() (time.Duration, error) {
		start := time.Now()
		f, err := pdb.OpenMapped(path)
		if err != nil {
			return 0, err
		}
		t, err := f.TypeByName(name)
		took := time.Since(start)
		found[0] = t
		return took, errors.Join(err, f.Close())
	}, func() (time.Duration, error) {
		start := time.Now()
		for t, err := range f.Types() {
			if err != nil {
				return 0, err
			}
			if t.IsTag() && !t.IsForward() && string(t.NameBytes()) == name {
				found[1] = t
			}
		}
		return time.Since(start), nil
	})
	if found[0].Index() != found[1].Index() {
		return "", fmt.Errorf("%s: types %#x and %#x", name, found[0].Index(), found[1].Index())
	}
	return fmt.Sprintf("%s / %s = **%.0fx**", ms(a), ms(b), ratio), err
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
		a := asker{args: []string{self, "-job", "name", path, name}}
		took, err := a.run()
		if err != nil {
			return "", err
		}
		empty := asker{args: []string{self, "-job", "nothing"}}
		if _, err := empty.run(); err != nil {
			return "", err
		}
		times = append(times, took)
		with, without = max(with, a.memory), max(without, empty.memory)
	}
	return fmt.Sprintf("%s, %.1f MB", ms(median(times)), float64(with-without)/1e6), nil
}

// sayMemory prints on stderr how much memory the process took at most, for
// peak to read: what the system says about a child counts its parent too.
func sayMemory() {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Fprint(os.Stderr, line)
		}
	}
}

// peak reads what sayMemory printed, in bytes; 0 where it printed nothing.
func peak(stderr []byte) int64 {
	var kb int64
	if i := bytes.Index(stderr, []byte("VmHWM:")); i >= 0 {
		fmt.Sscan(string(stderr[i+len("VmHWM:"):]), &kb)
	}
	return kb << 10
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

func table(files []input, rows []row, pairs int) []byte {
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

`, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()+", "+version, fmt.Sprint(pairs, " runs"))
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
