package nt

import (
	"fmt"
	"iter"
	"time"

	"github.com/symres/symres/memsource/crashdump"
)

const (
	maxUnloaded     = 50 // MI_UNLOADED_DRIVERS
	maxUnloadedSize = 0x10000000
)

// Unloaded is a driver that was unloaded. It is plain data.
type Unloaded struct {
	Name       string // file name; "" when its text is out
	NameErr    error  // why Name is ""
	Start, End uint64 // where it was; End is behind its last byte
	Time       time.Time
}

// Unloaded lists the drivers that were unloaded, the last one first. In a
// triage dump they are in the dump itself. Errors need not end the sequence;
// they wrap a [*memsource.Fault] or [ErrMalformed].
func (k *Kernel) Unloaded() iter.Seq2[Unloaded, error] {
	if k.header.Type == crashdump.TypeTriage {
		return k.unloadedInDump()
	}
	return func(yield func(Unloaded, error) bool) {
		d, err := k.debuggerData()
		if err != nil {
			yield(Unloaded{}, fmt.Errorf("unloaded drivers: %w", err))
			return
		}
		array, err := d.variable(kdMmUnloadedDrivers)
		if err != nil {
			yield(Unloaded{}, fmt.Errorf("unloaded drivers: %w", err))
			return
		}
		last := uint64(0)
		if at, err := d.value(kdMmLastUnloadedDriver); err == nil {
			if last, err = width(4).read(d.src, at); err != nil {
				last = 0
			}
		}
		if array == 0 {
			return // none was unloaded yet
		}
		size := uint64(0x28)
		if d.width == 4 {
			size = 0x18
		}
		for i := range uint64(maxUnloaded) {
			n := (last + 2*maxUnloaded - 1 - i) % maxUnloaded // the next to be written is last
			u, ok, err := d.unloaded(array+n*size, int(size))
			if (ok || err != nil) && !yield(u, err) {
				return
			}
		}
	}
}

// unloadedInDump turns the list of a triage dump into ours.
func (k *Kernel) unloadedInDump() iter.Seq2[Unloaded, error] {
	return func(yield func(Unloaded, error) bool) {
		for u, err := range k.file.Unloaded() {
			if !yield(Unloaded{Name: u.Name, Start: u.Start, End: u.End}, err) {
				return
			}
		}
	}
}

// unloaded reads one entry: a name, start, end and time; false for an empty one.
func (d debuggerData) unloaded(at uint64, size int) (Unloaded, bool, error) {
	b, err := structure(d.src, "unloaded driver", at, size)
	if err != nil {
		return Unloaded{}, false, err
	}
	w := d.width
	u := Unloaded{Start: w.of(b, w.stringSize()), End: w.of(b, w.stringSize()+uint16(w))}
	if u.Start == 0 && u.End == 0 {
		return u, false, nil
	}
	if u.End <= u.Start || u.End-u.Start > maxUnloadedSize {
		return u, false, malformed(at, "unloaded driver from %#x to %#x", u.Start, u.End)
	}
	const filetimeUnix, ticks = 116444736000000000, 10000000 // 1601 to 1970, and a second, in units of 100 ns
	if t := width(8).of(b, uint16(size)-8); t > filetimeUnix && t < 1<<62 {
		u.Time = time.Unix(int64((t-filetimeUnix)/ticks), int64((t-filetimeUnix)%ticks)*100).UTC()
	}
	u.Name, u.NameErr = w.text(d.src, b, 0, at)
	return u, true, nil
}
