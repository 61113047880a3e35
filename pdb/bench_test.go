package pdb_test

import (
	"bytes"
	"testing"

	"github.com/symres/symres/pdb"
)

// benchFile opens the large generated PDB, mapped.
func benchFile(b *testing.B) *pdb.File {
	b.Helper()
	r, _ := openGenerated(b)
	f, err := pdb.OpenMapped(r.Name())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f
}

// digest sums what a list of symbols says, in any order.
type digest struct{ n, rvas, sizes, first uint64 }

func (d *digest) add(s pdb.Symbol) {
	d.n++
	d.rvas += uint64(s.RVA)
	d.sizes += uint64(s.Size)
	if name := s.NameBytes(); len(name) > 0 {
		d.first += uint64(name[0])
	}
}

// benchDigest measures a list, which must be the same every time and, read
// instead of mapped, from another file handle.
func benchDigest(b *testing.B, list func(f *pdb.File, d *digest) error) {
	r, size := openGenerated(b)
	other, err := pdb.New(r, size)
	if err != nil {
		b.Fatal(err)
	}
	var want digest
	if err := list(other, &want); err != nil || want.n == 0 {
		b.Fatal(want, err)
	}
	f := benchFile(b)
	b.ReportAllocs()
	for b.Loop() {
		var got digest
		if err := list(f, &got); err != nil || got != want {
			b.Fatal(got, err, "want", want)
		}
	}
	b.ReportMetric(float64(want.n), "symbols")
}

func BenchmarkPublics(b *testing.B) {
	benchDigest(b, func(f *pdb.File, d *digest) error {
		for s, err := range f.Publics() {
			if err != nil {
				return err
			}
			d.add(s)
		}
		return nil
	})
}

func BenchmarkProcs(b *testing.B) {
	benchDigest(b, func(f *pdb.File, d *digest) error {
		for s, err := range f.Procs() {
			if err != nil {
				return err
			}
			d.add(s)
		}
		return nil
	})
}

// BenchmarkWildcard looks for names in the way of the pattern
// `*q020*number3*`: BenchmarkWildcard/literals through the bytes of the records,
// BenchmarkWildcard/each by showing every name to the same match.
func BenchmarkWildcard(b *testing.B) {
	match := func(name []byte) bool {
		name = bytes.ToLower(name)
		i := bytes.Index(name, []byte("q020"))
		return i >= 0 && bytes.Contains(name[i+4:], []byte("number3"))
	}
	for name, literals := range map[string][]string{"literals": {"q020", "number3"}, "each": nil} {
		b.Run(name, func(b *testing.B) {
			benchDigest(b, func(f *pdb.File, d *digest) error {
				for s, err := range f.Matching(literals, match) {
					if err != nil {
						return err
					}
					d.add(s)
				}
				return nil
			})
		})
	}
}
