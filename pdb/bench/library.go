//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/pdb"
)

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
