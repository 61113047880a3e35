//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/symres/symres/pdb"
)

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
	inlined := 0
	ours, err := countLines(1, func(line []byte) int {
		inlined += bytes.Count(line, []byte(`"inlined":true`))
		if !bytes.Contains(line, []byte(`,"name":"`)) {
			return -1
		}
		return 0
	}, q.addrs, append(q.ours, "--json")...)
	if err != nil {
		return err
	}
	if ours[0] != n || lib[0] != n || lib[1]/2 != n+inlined {
		return fmt.Errorf("%d answers with %d inlined functions, the library %d with %d frames", ours[0], inlined, lib[0], lib[1]/2)
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

// million is the processor time that a million addresses take, each answered on its
// line, as text and as JSON.
func million(b *bench, f file) (string, error) {
	if !strings.HasPrefix(f.name, "M") {
		return "", nil
	}
	const n = 1_000_000
	q, err := b.ask(f, n)
	if err != nil {
		return "", err
	}
	text, err := b.processor(q, func(asked, line []byte) bool {
		rest, ok := bytes.CutPrefix(line, asked)
		return ok && bytes.HasPrefix(rest, []byte("\t("))
	}, q.ours...)
	if err != nil {
		return "", err
	}
	objects, err := b.processor(q, func(asked, line []byte) bool {
		rest, ok := bytes.CutPrefix(line, append([]byte(`{"query":"`), asked...))
		return ok && bytes.HasPrefix(rest, []byte(`","module":"`))
	}, append(q.ours, "--json")...)
	return fmt.Sprintf("%.2f s; %.2f s", text.Seconds(), objects.Seconds()), err
}

// processor returns the least processor time of several runs, after it has seen that
// every line of the output answers the same line of the input.
func (b *bench) processor(q asking, answers func(asked, line []byte) bool, args ...string) (least time.Duration, err error) {
	addrs, err := os.ReadFile(q.addrs)
	if err != nil {
		return 0, err
	}
	for range b.pairs {
		cmd, done, err := command(q.addrs, args)
		if err != nil {
			return 0, err
		}
		out, err := cmd.Output()
		if done(); err != nil {
			return 0, told(cmd, err)
		}
		rest := addrs
		for line := range bytes.Lines(out) {
			asked, more, _ := bytes.Cut(rest, []byte("\n"))
			if rest = more; !answers(asked, line) {
				return 0, fmt.Errorf("%s is answered by %s", asked, line)
			}
		}
		if len(rest) > 0 {
			return 0, errors.New("not every line has an answer")
		}
		if took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); least == 0 || took < least {
			least = took
		}
	}
	return least, nil
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
