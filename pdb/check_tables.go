package pdb

import (
	"cmp"
	"slices"

	"github.com/symres/symres/internal/budget"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
)

// publics checks the hash table and the address map against the records.
func (c *checker) publics() error {
	p, err := c.f.loadPublics()
	if err != nil || p.psi == nil {
		return err
	}
	dead, err := c.f.mayListDead()
	if err != nil {
		return err
	}
	dead = dead && p.addrs.n > p.table.n
	if p.table.bad != nil {
		c.add(p.table.bad)
	}
	if p.mapErr != nil && !dead {
		c.add(p.mapErr)
	}
	refs, err := c.buckets(p.table)
	if err != nil {
		return err
	}
	if err := c.records(&p.names, refs); err != nil {
		return err
	}
	if p.mapErr != nil && !dead {
		return nil
	}
	return c.addresses(p, refs, dead)
}

// mayListDead reports whether the address map may have more entries than there
// are hash records: links that are incremental, and those with /DEBUG:FASTLINK,
// leave publics in it that were moved or removed.
func (f *File) mayListDead() (bool, error) {
	if f.dbi.Flags&DBIIncremental != 0 {
		return true, nil
	}
	tail, err := f.tail()
	if err != nil {
		return false, ignoreDamage(err) // reported with the named streams
	}
	return slices.Contains(tail.features, FeatureMinimal), nil
}

// hashRef is a record and the bucket that refers to it.
type hashRef struct{ off, bucket uint32 }

// buckets walks all buckets of a table. Without usable buckets it returns
// nothing.
func (c *checker) buckets(t *nameTable) ([]hashRef, error) {
	if t.bad != nil || t.n == 0 {
		return nil, nil
	}
	var refs []hashRef
	end := uint32(0)
	for b := range t.buckets {
		first, last, err := t.bucket(b)
		if err != nil {
			return nil, err
		}
		if first == last {
			continue
		}
		if first != end {
			c.damage(t.s.Name, int64(t.starts), "bucket %#x starts at record %d, the one before ends at %d", b, first, end)
			return nil, nil
		}
		end = last
		for off, err := range t.inBucket(b) {
			if err != nil {
				return nil, err
			}
			refs = append(refs, hashRef{off: off, bucket: b})
		}
	}
	if end != t.n {
		c.damage(t.s.Name, int64(t.starts), "buckets hold %d of %d records", end, t.n)
	}
	return refs, nil
}

// records checks that each reference leads to a symbol of its table and bucket.
func (c *checker) records(t *names, refs []hashRef) error {
	slices.SortFunc(refs, func(a, b hashRef) int { return cmp.Compare(a.off, b.off) })
	w := msf.Walker{Stream: t.gss}
	count := budget.Tab{W: t.gss.Work()}
	for _, ref := range refs {
		if c.stop {
			return nil
		}
		rec, err := codeview.RecordIn(&w, ref.off)
		if err == nil {
			err = count.Record(len(rec))
		}
		if fatal(err) {
			return err
		}
		if err != nil {
			c.add(err)
			continue
		}
		kind := Kind(u16(rec, 2))
		name, ok := nameOf(rec)
		if !ok || !t.holds(kind) {
			c.damage(t.gss.Name, int64(ref.off), "indexed as a %s but is a %v of %d bytes", t.what(), kind, len(rec))
			continue
		}
		if probes, n := t.table.probes(hashName(name)); !slices.Contains(probes[:n], ref.bucket) {
			c.damage(t.gss.Name, int64(ref.off), "%q is in bucket %#x, its hash leads to %#x", name, ref.bucket, probes[:n])
		}
	}
	return nil
}

func (t *names) what() string {
	if t.public {
		return "public"
	}
	return "global"
}

// addresses checks that the address map is in order and refers to the same
// records as the hash table, and to others only where those may be dead.
func (c *checker) addresses(p *publics, refs []hashRef, dead bool) error {
	entries := make([]uint64, 0, len(refs)) // offset<<32 | position
	w := msf.Walker{Stream: p.psi}
	for i := range p.addrs.n {
		b, err := w.Span(p.addrs.off+i*4, 4)
		if err != nil {
			return err
		}
		entries = append(entries, uint64(u32(b, 0))<<32|uint64(i))
	}
	slices.Sort(entries)
	keys, err := c.keys(p, entries)
	if err != nil || c.stop {
		return err
	}
	if i, ok := firstDescent(keys); ok {
		c.damage(p.psi.Name, int64(p.addrs.off)+int64(i)*4, "address map entry %d is out of order", i)
	}
	for _, ref := range refs {
		for dead && len(entries) > 0 && uint32(entries[0]>>32) < ref.off {
			entries = entries[1:]
		}
		if len(entries) == 0 && !dead {
			break
		}
		if len(entries) == 0 || uint32(entries[0]>>32) != ref.off {
			c.damage(p.psi.Name, int64(p.addrs.off), "the address map does not list the same records as the hash table: %#x", ref.off)
			break
		}
		entries = entries[1:]
	}
	return nil
}

// keys reads the address of each entry, by its position in the address map.
// It reads the records in the order they lie in.
func (c *checker) keys(p *publics, entries []uint64) ([]addressKey, error) {
	keys := make([]addressKey, len(entries))
	w := msf.Walker{Stream: p.gss}
	count := budget.Tab{W: p.gss.Work()}
	for _, e := range entries {
		rec, err := codeview.RecordIn(&w, uint32(e>>32))
		if err == nil {
			err = count.Record(0)
		}
		if fatal(err) {
			return nil, err
		}
		sym, ok := parseSymbol(rec)
		if err != nil || !ok || !sym.Kind.IsPublic() {
			if !c.damage(p.psi.Name, int64(p.addrs.off)+int64(uint32(e))*4, "address map entry leads to no public at %#x", uint32(e>>32)) {
				return nil, nil
			}
			continue
		}
		keys[uint32(e)] = makeKey(sym.Segment, sym.Offset)
	}
	return keys, nil
}

// firstDescent returns the first position whose key is below the one before.
func firstDescent(keys []addressKey) (int, bool) {
	for i := 1; i < len(keys); i++ {
		if keys[i] < keys[i-1] {
			return i, true
		}
	}
	return 0, false
}
