package pdb

import (
	"cmp"
	"runtime"
	"sync"

	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/offsets"
)

// indexer collects the symbols of an index.
type indexer struct {
	f     *File
	sec   *sections
	room  []uint32       // by section: how many bytes belong to it alone
	items []addressEntry // off is an RVA, part the stream of rec as in Index.mods

	nameless bool   // see Index
	own      []byte // to read modules into
}

// measure finds what of each section an address can lie in, and only in it.
func (b *indexer) measure() (err error) {
	if b.sec, err = b.f.layout(); err != nil {
		return err
	}
	b.room = make([]uint32, len(b.sec.orig))
	for i, s := range b.sec.spans {
		end := s.end
		if i+1 < len(b.sec.spans) {
			end = min(end, uint64(b.sec.spans[i+1].start))
		}
		b.room[s.num-1] = uint32(min(end-uint64(s.start), 1<<32-1))
	}
	return nil
}

// add takes a symbol if an address can be answered with it.
func (b *indexer) add(key addressKey, rec uint32, mod uint16) {
	seg := int(key.seg())
	if seg == 0 || seg > len(b.room) || key.off() >= b.room[seg-1] {
		return
	}
	b.items = append(b.items, addressEntry{off: b.sec.orig[seg-1].VirtualAddress + key.off(), rec: rec, part: mod})
}

// collect adds all symbols, the publics last. Several take part: modules in
// equal shares, and the tables. What they find is put together in its order.
func (b *indexer) collect() error {
	list, err := b.f.loadModules()
	if err != nil {
		return err
	}
	shares := max(1, min(runtime.GOMAXPROCS(0), maxIndexers, list.len()/minModules))
	usual := b.usual() / shares
	var tasks []func(*indexer) error
	for i := range shares {
		first, last := offsets.Share(list.len(), i, shares)
		tasks = append(tasks, func(part *indexer) error {
			part.items = make([]addressEntry, 0, usual)
			return part.someModules(first, last)
		})
	}
	tasks = append(tasks, (*indexer).variables, (*indexer).thunks, (*indexer).publics)
	parts, errs := make([]indexer, len(tasks)), make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		parts[i] = indexer{f: b.f, sec: b.sec, room: b.room}
		run := func() { errs[i] = task(&parts[i]) }
		if shares == 1 {
			run()
		} else {
			group.Go(run)
		}
	}
	group.Wait()
	b.join(parts)
	return cmp.Or(errs...)
}

// usual is how many symbols to expect of all modules: most have a public, and
// how many of those there are is bounded by the file.
func (b *indexer) usual() int {
	p, err := b.f.loadPublics()
	if err != nil || p.gss == nil {
		return 0
	}
	return int(p.table.n)
}

// join puts together what the parts found.
func (b *indexer) join(parts []indexer) {
	n := 0
	for i := range parts {
		n += len(parts[i].items)
	}
	b.items = make([]addressEntry, 0, n)
	for i := range parts {
		b.items = append(b.items, parts[i].items...)
		b.nameless = b.nameless || parts[i].nameless
	}
}

const (
	maxIndexers = 8
	minModules  = 16 // that are worth another one
)

func (b *indexer) someModules(first, last int) error {
	for i := first; i < last; i++ {
		if err := b.module(i); fatal(err) {
			return err
		}
	}
	return nil
}

func (b *indexer) module(i int) error {
	if err := b.f.check(); err != nil {
		return err
	}
	ms, err := b.f.openModule(i)
	if err != nil || ms.s == nil {
		return err
	}
	return ms.eachAddress(&b.own, func(off uint32, rec []byte) {
		if key, ok := addressOf(rec); ok {
			b.add(key, off, uint16(i))
		} else if isFunction(Kind(u16(rec, 2))) {
			b.nameless = true
		}
	})
}

// variables adds those of the table of globals.
func (b *indexer) variables() error { return b.table(b.f.globals, inGlobals, addressOf) }

func (b *indexer) publics() error { return b.table(b.f.publics, inPublics, publicAddress) }

func (b *indexer) table(table func() (*names, error), mod uint16, address func(rec []byte) (addressKey, bool)) error {
	t, err := table()
	if err != nil || t.gss == nil {
		return err
	}
	if t.public { // all of them have an address
		b.items = make([]addressEntry, 0, t.table.n)
	}
	err = t.live(func(off uint32, rec []byte) {
		if key, ok := address(rec); ok {
			b.add(key, off, mod)
		}
	})
	return ignoreDamage(err)
}

func publicAddress(rec []byte) (addressKey, bool) {
	if len(rec) < pubHead {
		return 0, false
	}
	return makeKey(u16(rec, 12), u32(rec, 8)), true
}

// thunks adds the incremental-link table, whose records in the linker's module
// may have been stripped.
func (b *indexer) thunks() error {
	p, err := b.f.loadPublics()
	if err != nil {
		return err
	}
	for i := range p.ilt.n {
		b.add(p.ilt.start+addressKey(i*p.ilt.size), i, inThunks)
	}
	return nil
}

// build sorts what was collected, drops publics at the address of a private
// symbol, and lays the pages.
func (b *indexer) build() *Index {
	last := uint32(0)
	for _, it := range b.items {
		last = max(last, it.off)
	}
	items := sortEntries(b.items, addressKey(last))
	b.items = nil
	n := 0
	for _, it := range items {
		// Publics were added last, and the sort kept that.
		if it.part == inPublics && n > 0 && items[n-1].off == it.off && items[n-1].part != inPublics {
			continue
		}
		items[n] = it
		n++
	}
	x := &Index{f: b.f, sec: b.sec, addrs: make([]uint32, n), recs: make([]uint32, n), mods: make([]uint16, n), nameless: b.nameless, spans: b.sec.spans}
	for i, it := range items[:n] {
		x.addrs[i], x.recs[i], x.mods[i] = it.off, it.rec, it.part
	}
	x.layPages()
	b.f.msf.Hold(x.Bytes())
	return x
}

// maxSeen is how many symbols below an address are looked at for a function that
// covers it.
const maxSeen = 64

// function returns the function of a module at an RVA, none where there is none,
// as the outline of the module does but without the walk that takes. ok is false
// where the index, which may be nil, cannot tell.
func (x *Index) function(ms *modStream, rva uint32) (fn codeOffset, ok bool) {
	if x == nil || x.nameless {
		return codeOffset{}, false
	}
	run, ok := x.Find(rva)
	if !ok {
		return codeOffset{}, false
	}
	last := run.First + run.Count - 1
	linked := x.addrs[last] + run.Displacement
	seen := 0 // functions of the module
	for i := last; seen < maxOverlap && i >= 0 && x.together(x.addrs[i], linked); i-- {
		if last-i == maxSeen {
			return codeOffset{}, false
		}
		if fn.end != 0 && x.addrs[i] != linked-fn.off {
			break
		}
		if int(x.mods[i]) != ms.num {
			continue
		}
		at, is, covers := ms.functionAt(x.recs[i], linked-x.addrs[i])
		switch {
		case covers && at.end == 0:
			return codeOffset{}, false
		case covers: // of several at one address the first counts
			fn = codeOffset{function: at, off: linked - x.addrs[i]}
		}
		if is {
			seen++
		}
	}
	return fn, true
}

// functionAt looks at the record at rec: whether it is a function, and has code
// so many bytes from its beginning. It has no end where it does not say rightly
// where that is.
func (ms *modStream) functionAt(rec, off uint32) (fn function, is, covers bool) {
	b, err := codeview.RecordAt(ms.s, rec)
	if err != nil || !isFunction(Kind(u16(b, 2))) {
		return function{}, false, false
	}
	at, ok := codeOf(b)
	if !ok || off >= at.size {
		return function{}, ok, false
	}
	end := u32(b, endField)
	if end <= rec || end >= ms.symbols.End || codeview.RecordHead > ms.symbols.End-end {
		return function{}, true, true
	}
	if b, err = ms.s.View(end, codeview.RecordHead); err != nil || !Kind(u16(b, 2)).closes() {
		end = 0
	}
	return function{rec: rec, end: end}, true, true
}
