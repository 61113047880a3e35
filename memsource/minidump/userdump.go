package minidump

import (
	"fmt"
	"iter"
	"math"

	"github.com/symres/symres/internal/wtext"
)

// The format before MDMP, which userdump, Dr. Watson and WriteDumpFile of dbgeng
// write: all memory of a process. Its layout is that of Dump.h in Microsoft's
// Singularity release and of Ghidra's reader, and was measured on two dumps of
// Windows 10; the 32-bit form follows from it by the width of its fields.
const (
	userSignature64 = "USERDU64"
	userSignature32 = "USERDUMP"
	userHeader64    = 0x60
	userHeader32    = 0x40

	exceptionEvent = 1 // EXCEPTION_DEBUG_EVENT
	maxContext     = 1 << 14
)

// userDump is what the header of such a dump says.
type userDump struct {
	wide                                                       bool // 64-bit fields
	threads, modules, regions                                  uint32
	threadAt, moduleAt, dataAt, regionAt, eventAt, stateAt, at uint64 // at is that of the version information
}

// IsUserDump reports whether the dump is of the format before MDMP, USERDU64 or
// USERDUMP, which holds all memory of the process: it has no streams, and its header
// no time stamp.
func (f *File) IsUserDump() bool { return f.user != nil }

// newUser reads the header, of which first is what there is.
func newUser(f *File) (*File, error) {
	n := uint64(userHeader32)
	sign, err := f.bytes("header", 0, 8)
	if err != nil {
		return nil, err
	}
	u := &userDump{wide: string(sign) == userSignature64}
	if u.wide {
		n = userHeader64
	}
	b, err := f.bytes("header", 0, n)
	if err != nil {
		return nil, err
	}
	f.user = u
	// The minor version has the build in its upper half.
	f.system = System{Machine: uint16(le32(b[0x10:])), Major: le32(b[8:]), Minor: le32(b[12:]) & 0xffff, Build: le32(b[12:]) >> 16, Platform: PlatformNT}
	u.threads, u.modules, u.regions = le32(b[0x14:]), le32(b[0x18:]), le32(b[0x1c:])
	for i, at := range []*uint64{&u.threadAt, &u.moduleAt, &u.dataAt, &u.regionAt, &u.eventAt, &u.stateAt, &u.at} {
		*at = u.field(b[0x20+i*u.width():])
	}
	return f, nil
}

func (u *userDump) width() int {
	if u.wide {
		return 8
	}
	return 4
}

// field reads a pointer, an offset or a size.
func (u *userDump) field(b []byte) uint64 {
	if u.wide {
		return le64(b)
	}
	return uint64(le32(b))
}

// by is a where fields have 64 bits, else b.
func (u *userDump) by(a, b int) int {
	if u.wide {
		return a
	}
	return b
}

// end is where the part that begins at an offset ends: where the next begins, or the
// file ends.
func (f *File) end(at uint64) uint64 {
	u, end := f.user, f.size
	for _, next := range []uint64{u.threadAt, u.moduleAt, u.dataAt, u.regionAt, u.eventAt, u.stateAt, u.at} {
		if next > at {
			end = min(end, next)
		}
	}
	return end
}

// userTable is a list of count records at an offset. The room it has tells their size,
// which differs between writers; else it is the usual one.
func (f *File) userTable(what string, at uint64, count uint32, least, usual uint64) table {
	t := table{what: what, off: at, end: f.size, count: uint64(count), stride: usual, most: maxThreads}
	room := f.end(at) - min(at, f.end(at))
	if n := uint64(count); n > 0 && room%n == 0 && room/n >= least && room/n <= maxContext {
		t.stride = room / n
	}
	return t
}

func (f *File) userModules(yield func(Module, error) bool) {
	u := f.user
	at, head := u.moduleAt, uint64(u.by(16, 12))
	for i := range u.modules {
		if i == maxModules {
			yield(Module{}, fmt.Errorf("minidump: module list claims %d entries, %d are read: %w", u.modules, i, ErrFormat))
			return
		}
		b, err := f.bytes("module", at, head)
		if err != nil {
			yield(Module{}, err)
			return
		}
		w := u.width()
		m := Module{Base: f.address(u.field(b)), Size: le32(b[w:]), Offset: int64(at), Platform: PlatformNT}
		n := uint64(le32(b[w+4:]))
		if n > maxName {
			yield(m, fmt.Errorf("minidump: name of the module at offset %#x claims %d bytes: %w", at, n, ErrFormat))
			return
		}
		name, err := f.bytes("module name", at+head, n)
		m.Name, m.NameErr = wtext.FromBytes(name), err
		if at += head + n; !yield(m, nil) {
			return
		}
	}
}

// userThreads reads the states of the threads, and their registers, which lie apart
// in the same order.
func (f *File) userThreads() iter.Seq2[Thread, error] {
	u := f.user
	contexts := f.userTable("thread contexts", u.threadAt, u.threads, 0x100, f.contextSize())
	states := f.userTable("thread states", u.stateAt, u.threads, uint64(u.by(24, 20)), uint64(u.by(0x50, 0x30)))
	i := uint64(0)
	return list(f, states, nil, func(b []byte, _ int64, left *uint64) Thread {
		at := contexts.off + i*contexts.stride
		i++
		t := Thread{ID: le32(b), TEB: f.address(u.field(b[16:]))}
		if at <= math.MaxUint32 {
			t.Context = f.context(uint32(contexts.stride), uint32(at))
			t.Registers = f.registers(uint32(contexts.stride), uint32(at), left)
		}
		return t
	})
}

// contextSize is that of a CONTEXT (winnt.h).
func (f *File) contextSize() uint64 {
	sizes := map[uint16]uint64{0x14c: 716, 0x8664: 1232, 0x1c4: 416, 0xaa64: 912, 0x200: 2672}
	if n := sizes[f.system.Machine]; n != 0 {
		return n
	}
	return 1232
}

// userEvent reads the DEBUG_EVENT: its code, process and thread, and what follows.
func (f *File) userEvent() ([]byte, error) {
	u := f.user
	if u.eventAt == 0 {
		return nil, fmt.Errorf("minidump: debug event: %w", ErrNoStream)
	}
	return f.bytes("debug event", u.eventAt, uint64(u.by(0x10+0x98, 0xc+0x50)))
}

func (f *File) userException() (Exception, error) {
	b, err := f.userEvent()
	if err == nil && le32(b) != exceptionEvent {
		err = fmt.Errorf("minidump: the dump was made at debug event %d, and no exception: %w", le32(b), ErrNoStream)
	}
	if err != nil {
		return Exception{}, err
	}
	u := f.user
	w, r := u.width(), b[u.by(0x10, 0xc):] // an EXCEPTION_RECORD
	e := Exception{ThreadID: le32(b[8:]), Code: le32(r), Flags: le32(r[4:]), Address: f.address(u.field(r[8+w:]))}
	first := u.by(0x20, 0x14)
	for i := range min(int(le32(r[8+2*w:])&0xff), maxParameters) {
		e.Parameters = append(e.Parameters, u.field(r[first+i*w:]))
	}
	for th, err := range f.userThreads() {
		if err != nil {
			break
		}
		if th.ID == e.ThreadID {
			e.Context, e.Registers = th.Context, th.Registers
		}
	}
	return e, nil
}

// region reads a MEMORY_BASIC_INFORMATION.
func (u *userDump) region(b []byte) Region {
	w := u.width()
	rest := b[u.by(24, 12)+w:]
	return Region{
		Addr: u.field(b), Allocation: u.field(b[w:]), Size: u.field(b[u.by(24, 12):]),
		State: RegionState(le32(rest)), Protection: Protection(le32(rest[4:])), Type: RegionType(le32(rest[8:])),
	}
}

// regionTable is the list of the regions.
func (u *userDump) regionTable(size uint64) table {
	return table{what: "memory regions", off: u.regionAt, end: size, count: uint64(u.regions), stride: uint64(u.by(48, 28)), most: maxRegions}
}

// userMemory reads the regions, whose data lie one after the other. Regions without
// data are listed by some writers: where all of them together are more than the file
// has, those that cannot be read without harm have none.
func (l *loader) userMemory() {
	u := l.user
	var all []Region
	total := uint64(0)
	for r, err := range l.Regions() {
		if !l.note(err) {
			break
		}
		all = append(all, r)
		if total += r.Size; total < r.Size {
			total = math.MaxUint64
		}
	}
	saved := func(Region) bool { return true }
	if total > l.end(u.dataAt)-min(u.dataAt, l.end(u.dataAt)) {
		saved = func(r Region) bool { return r.State == RegionCommitted && !r.Protection.Guard() }
	}
	off := u.dataAt
	for _, r := range all {
		if !saved(r) {
			continue
		}
		l.add(r.Addr, r.Size, off)
		if off += r.Size; off < r.Size {
			off = math.MaxUint64 // beyond every file
		}
	}
}

func isUserDump(first []byte) bool {
	return len(first) >= 8 && (string(first[:8]) == userSignature64 || string(first[:8]) == userSignature32)
}
