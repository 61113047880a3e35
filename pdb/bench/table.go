//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

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

Machine: %s, %d CPUs, %s/%s, %s, %s. Written by `+"`go run ./bench`"+`.

Method: the programs of a comparison run in turn, each as a process from its start to its end, whose output goes to the null device;
files are in the page cache. Times are medians of %d runs and so is the ratio, that of a run of the other to the run of ours before it;
what takes minutes runs less often, and says so. Memory is the peak the system reports for the process, mapped pages of the file
included. Every job checks its answers: as many symbols as the library has (and, on S and R, the other tool), as many inlined functions,
the same sums, the same names. The library alone prints what llvm-symbolizer prints, in a program that collects garbage as rarely as the
command does. S, M and L are made by gen_pdb.py of the shared tools, R was written by Microsoft's linker.

What limits it where a goal is not reached:

- The command takes 3 ms before it does anything, an empty Go program 1.5 ms; a quarter of that is the start of the packages it is made of. Where
  the other tool needs 20 to 45 ms for all of a file (S, R), no program that starts can be 50 times as fast.
- `+"`symres nearest`"+` says more than llvm-symbolizer: the symbol below each address, its size and how far it is. For that it makes an index
  or asks the tables of names, and it writes twice as many bytes. The library alone does what llvm-symbolizer does.
- Publics: a program made for the purpose, which reads each record once and copies its name behind a fixed text of the same length,
  took 20 ms at L, 3.3 at M and 1.7 at S: the rest is the start, the numbers in hex, and a look at each name for what must be escaped.
- Functions: where the record behind a function lies is known when the one before it was read, which has to come from memory.
- A C++ library that trusts the file, raw_pdb at d7ef853 (gcc -O3, one thread, file mapped, processes from start to end, medians of 15 pairs), lists the
  publics of M in 5.8 ms and its functions in 20.7, package pdb in 9.6 and 36.5: 1.67 and 1.68 times as long; of L 0.39 and 1.68 times. Ours
  checks each record against its stream and gives it kind, size, type and module, too. The start of a Go program is a fifth of the difference
  at the publics of M.
- The command reads PDBs: a mapping of a file that somebody cuts short would end the process. At M that costs, in processor time (the
  least of 9 runs, mapped and read): `+"`"+`dump --publics`+"`"+` 12 and 16 ms, `+"`"+`--procs`+"`"+` 42 and 49, `+"`"+`--lines`+"`"+` 69 and 112, `+"`"+`--types`+"`"+` 267 and 282; `+"`"+`lookup`+"`"+`
  of a name 11 and 20, with wildcards 35 and 50; `+"`"+`nearest`+"`"+` of one address 5 and 5, of 10,000 84 and 134, of 100,000 305 and 358. Peak
  memory changes by two thirds at most, either way.
- A mapped file counts what the system maps around each touched page as memory; read, it is 0.6 MB at L.

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
