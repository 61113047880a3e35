// Package memtest judges implementations of [memsource.Source] and builds
// memory images to test readers with.
//
// [TestSource] is to a Source what testing/fstest.TestFS is to a file system:
//
//	err := memtest.TestSource(src,
//		memtest.Data(0xfe0c8000, header),
//		memtest.Hole(0xfe0c9000, 0x1000, memsource.ReasonPagedOut))
//
// [Image] maps a PE file as a loader would, and pages of it can be taken out.
package memtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
)

// Want is a range about which the test knows the truth; make one with [Data]
// or [Hole]. Ranges of one test must not overlap.
type Want struct {
	addr   uint64
	data   []byte
	hole   uint64
	reason memsource.Reason
}

// Data wants b to be readable at addr.
func Data(addr uint64, b []byte) Want { return Want{addr: addr, data: b} }

// Hole wants none of the size bytes at addr to be readable, for the reason
// given; [memsource.ReasonUnknown] stands for any.
func Hole(addr, size uint64, r memsource.Reason) Want {
	return Want{addr: addr, hole: size, reason: r}
}

func (w Want) size() uint64 { return max(uint64(len(w.data)), w.hole) }

// last is the last address of a range that is not empty.
func (w Want) last() uint64 { return w.addr + (w.size() - 1) }

func (w Want) has(addr uint64) bool { return addr >= w.addr && addr <= w.last() }

// maxProblems bounds the list one test returns: what follows rarely adds
// anything.
const maxProblems = 20

// TestSource reads src in many ways and returns every breach of the contract
// of [memsource.Source] and every difference from what is wanted, joined into
// one error, or nil. It covers short reads, holes, reads that begin and end
// around each range, the top of the address space, wrapping, reads of no
// bytes, cancellation, and concurrent use (worth most under the race
// detector). Give at least one Data and one Hole next to it, and a Hole below
// the first range.
func TestSource(src memsource.Source, want ...Want) error {
	j := &judge{src: src}
	for _, w := range want {
		if w.size() > 0 {
			j.want = append(j.want, w)
		}
	}
	j.overlaps()
	for _, w := range j.want {
		j.around(w)
		j.through(w)
	}
	j.top()
	j.canceled()
	j.together()
	return errors.Join(j.problems...)
}

// judge knows the truth and collects what contradicts it.
type judge struct {
	src      memsource.Source
	want     []Want
	problems []error
}

func (j *judge) full() bool { return len(j.problems) >= maxProblems }

func (j *judge) fail(format string, args ...any) {
	if !j.full() {
		j.problems = append(j.problems, fmt.Errorf(format, args...))
	}
}

// overlaps checks the test itself.
func (j *judge) overlaps() {
	for i, a := range j.want {
		if a.size()-1 > math.MaxUint64-a.addr {
			j.fail("wanted range at %s wraps around", hexaddr.Addr(a.addr))
		}
		for _, b := range j.want[:i] {
			if a.has(b.addr) || b.has(a.addr) {
				j.fail("wanted ranges at %s and %s overlap", hexaddr.Addr(a.addr), hexaddr.Addr(b.addr))
			}
		}
	}
}

// guard follows every buffer, so that writing behind it shows.
const guard = "\xa5guard\x5a"

// read reads and judges the answer.
func (j *judge) read(addr, size uint64) (n int, err error) {
	return j.readWith(j.src.ReadMemory, addr, size)
}

type readFunc func(buf []byte, addr uint64) (int, error)

func (j *judge) readWith(read readFunc, addr, size uint64) (n int, err error) {
	buf := make([]byte, size, size+uint64(len(guard)))
	copy(buf[size:cap(buf)], guard)
	n, err = read(buf, addr)
	at := fmt.Sprintf("read of %#x bytes at %s", size, hexaddr.Addr(addr))
	if string(buf[size:cap(buf)]) != guard {
		j.fail("%s: wrote behind the end of the buffer", at)
	}
	if n < 0 || uint64(n) > size {
		j.fail("%s: n = %d", at, n)
		return 0, err
	}
	if (uint64(n) == size) != (err == nil) {
		j.fail("%s: n = %#x but err = %v", at, n, err)
	}
	if room := -addr; addr != 0 && uint64(n) > room {
		j.fail("%s: read past the top of the address space", at)
		return 0, err
	}
	j.bytes(at, buf[:n], addr)
	if err != nil {
		j.fault(at, err, addr, uint64(n))
	}
	return n, err
}

// bytes compares what was read with what is known.
func (j *judge) bytes(at string, got []byte, addr uint64) {
	if len(got) == 0 {
		return
	}
	last := addr + uint64(len(got)-1)
	for _, w := range j.want {
		lo, hi := max(addr, w.addr), min(last, w.last())
		if lo > hi {
			continue
		}
		if w.hole > 0 {
			j.fail("%s: gave bytes for %s, which is in a hole", at, hexaddr.Addr(lo))
			continue
		}
		if !bytes.Equal(got[lo-addr:hi-addr+1], w.data[lo-w.addr:hi-w.addr+1]) {
			j.fail("%s: wrong bytes between %s and %s", at, hexaddr.Addr(lo), hexaddr.Addr(hi))
		}
	}
}

// fault judges the error of a read of n bytes at addr.
func (j *judge) fault(at string, err error, addr, n uint64) {
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok {
		j.fail("%s: error without Fault: %v", at, err)
		return
	}
	if f.Addr != addr+n {
		j.fail("%s: n = %#x but Fault.Addr = %s", at, n, hexaddr.Addr(f.Addr))
		return
	}
	if f.Status == 0 {
		j.fail("%s: Fault without Status: %v", at, err)
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		j.fail("%s: error text of more than one line: %q", at, err)
	}
	if f.Reason == memsource.ReasonCanceled {
		return // says nothing about the memory
	}
	if n > 0 && addr+n == 0 {
		if f.Reason != memsource.ReasonNonCanonical {
			j.fail("%s: ran past the top with reason %q, want %q", at, f.Reason, memsource.ReasonNonCanonical)
		}
		return
	}
	j.claim(at, f)
}

// claim judges what a fault says about its own and the following addresses.
func (j *judge) claim(at string, f *memsource.Fault) {
	last := f.Addr
	if f.Len > 0 {
		last += min(f.Len-1, math.MaxUint64-f.Addr)
	}
	for _, w := range j.want {
		switch {
		case w.hole == 0 && w.has(f.Addr):
			j.fail("%s: cannot read %s, which should be there: %v", at, hexaddr.Addr(f.Addr), f)
		case w.hole == 0 && f.Addr < w.addr && last >= w.addr:
			j.fail("%s: Fault.Len %#x at %s covers %s, which should be there",
				at, f.Len, hexaddr.Addr(f.Addr), hexaddr.Addr(w.addr))
		case w.hole > 0 && w.has(f.Addr) && w.reason != memsource.ReasonUnknown && f.Reason != w.reason:
			j.fail("%s: reason %q, want %q", at, f.Reason, w.reason)
		}
	}
}

// around reads pieces of all sizes at and across the edges of w, and in it.
func (j *judge) around(w Want) {
	sizes := []uint64{0, 1, 2, 7, 8, 0x200, 0x1000, 0x1001, 0x2345}
	for _, addr := range []uint64{
		w.addr - 0x1000, w.addr - 8, w.addr - 1, w.addr, w.addr + 1,
		w.addr + w.size()/2, w.addr&^0xfff + 0xfff,
		w.last() - 8, w.last() - 1, w.last(), w.last() + 1,
	} {
		for _, size := range sizes {
			if j.full() {
				return
			}
			j.split(addr, size)
		}
	}
}

// split reads a range whole, whole again, and in two parts: all must agree.
func (j *judge) split(addr, size uint64) {
	n, err := j.read(addr, size)
	if again, err2 := j.read(addr, size); again != n || reason(err) != reason(err2) {
		j.fail("two reads of %#x bytes at %s: n = %#x (%v), then %#x (%v)",
			size, hexaddr.Addr(addr), n, err, again, err2)
	}
	half := size / 2
	if half > 0 && addr+half < addr {
		return // the second part would begin past the top
	}
	first, _ := j.read(addr, half)
	if uint64(first) == half {
		second, _ := j.read(addr+half, size-half)
		first += second
	}
	if first != n {
		j.fail("%#x bytes at %s: n = %#x in one read, %#x in two", size, hexaddr.Addr(addr), n, first)
	}
}

// reason returns the reason of a failed read; for comparing two.
func reason(err error) memsource.Reason {
	if f, ok := errors.AsType[*memsource.Fault](err); ok {
		return f.Reason
	}
	return memsource.ReasonUnknown
}

// most bounds what one read asks of a large range.
const most = 1 << 20

// through reads all of a range, with a piece size that fits nothing.
func (j *judge) through(w Want) {
	if w.hole > 0 {
		j.read(w.addr, min(w.hole, most))
		return
	}
	for off := uint64(0); off < w.size() && !j.full(); off += most {
		j.read(w.addr+off, min(most, w.size()-off))
	}
	const odd = 0x1357
	for off := uint64(0); off < min(w.size(), most) && !j.full(); off += odd {
		j.read(w.addr+off, min(odd, w.size()-off))
	}
}

// top reads up to the last address and beyond it.
func (j *judge) top() {
	for _, room := range []uint64{1, 8, 0x1000, 0x1003} {
		for _, size := range []uint64{0, room, room + 1, room + 0x1000} {
			j.read(-room, size)
		}
	}
}

// canceled reads with a context that has ended.
func (j *judge) canceled() {
	cs, ok := j.src.(memsource.ContextSource)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	read := func(buf []byte, addr uint64) (int, error) { return cs.ReadMemoryContext(ctx, buf, addr) }
	for _, w := range j.want {
		_, err := j.readWith(read, w.addr, min(w.size(), most))
		if reason(err) == memsource.ReasonCanceled && !errors.Is(err, context.Canceled) {
			j.fail("canceled read at %s does not unwrap to the context's error: %v", hexaddr.Addr(w.addr), err)
		}
	}
}

// together reads everything from several goroutines at once.
func (j *judge) together() {
	var wg sync.WaitGroup
	readers := make([]*judge, 4)
	for i := range readers {
		readers[i] = &judge{src: j.src, want: j.want}
		wg.Go(func() {
			for k := range j.want {
				w := j.want[(k+i)%len(j.want)]
				readers[i].through(w)
				readers[i].around(w)
			}
		})
	}
	wg.Wait()
	for _, r := range readers {
		for _, p := range r.problems {
			j.fail("concurrently: %w", p)
		}
	}
}
