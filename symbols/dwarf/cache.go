package dwarf

import (
	"errors"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/symres/symres/symbols"
)

const (
	mostKept  = 64 << 20 // bytes of what was read, and
	mostCount = 1 << 16  // how many
	costError = 256
)

// key says what is kept: a kind of thing at an offset of its section.
type key struct {
	kind uint8
	off  uint64
	encoding
}

const (
	keptAbbreviations = iota
	keptUnit
	keptLines
)

// kept are the units, line tables and abbreviations that were read last. It is
// safe for concurrent use.
type kept struct {
	mu    sync.Mutex
	all   *simplelru.LRU[key, *slot]
	total int // their cost
}

type slot struct {
	once  sync.Once
	value any
	err   error
	cost  int
}

func newKept() (*kept, error) {
	k := &kept{}
	all, err := simplelru.NewLRU(mostCount, func(_ key, s *slot) { k.total -= s.cost })
	k.all = all
	return k, err
}

// keep returns what is kept, or makes it. That it is damaged or asks for too much
// work is kept as well; other errors can pass.
func keep[T interface{ cost() int }](k *kept, at key, make func() (T, error)) (T, error) {
	s := k.slot(at)
	s.once.Do(func() {
		v, err := make()
		s.value, s.err = v, err
		k.settle(at, s, v)
	})
	v, _ := s.value.(T)
	return v, s.err
}

func (k *kept) slot(at key) *slot {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.all.Get(at)
	if !ok {
		s = &slot{}
		k.all.Add(at, s)
	}
	return s
}

// settle counts what was made and drops the oldest if that is too much.
func (k *kept) settle(at key, s *slot, v interface{ cost() int }) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if here, ok := k.all.Peek(at); !ok || here != s {
		return // it was dropped meanwhile
	}
	if s.err != nil && !errors.Is(s.err, symbols.ErrFormat) && !errors.Is(s.err, symbols.ErrLimit) {
		k.all.Remove(at)
		return
	}
	if s.cost = costError; s.err == nil {
		s.cost = v.cost()
	}
	k.total += s.cost
	for k.total > mostKept && k.all.Len() > 1 {
		k.all.RemoveOldest()
	}
}

// abbreviationsOf returns the abbreviations of a unit.
func (t *Table) abbreviationsOf(h head) (*abbreviations, error) {
	return keep(t.kept, key{keptAbbreviations, h.abbrevs, h.encoding}, func() (*abbreviations, error) {
		return t.readAbbreviations(h.abbrevs, h.encoding, 0, t.part(0))
	})
}

// unit returns a unit by its number.
func (t *Table) unit(x *index, number int32) (*unit, error) {
	h := x.units[number]
	return keep(t.kept, key{keptUnit, h.off, h.encoding}, func() (*unit, error) {
		w := t.part(h.end - h.off)
		before := w.left
		u, err := t.readUnit(h, w)
		if u != nil {
			u.spent = int(before - w.left)
		}
		return u, err
	})
}
