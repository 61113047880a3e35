package physmem

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/memsource/paging"
)

// A saved state of VMware (.vmss, .vmsn): a magic, a word, the number of groups;
// the groups {name[64], offset u64, size u64}; and where a group is, its tags: a
// byte with the size of the value in the low six bits and the number of indices
// above, the length of the name, the name, the indices, the value. A size of 62 or
// 63 is a block: its length in the file and in memory, 16 bits of padding, the
// padding, the bytes. A tag of zeros ends the group. (volatility, crash.)
const (
	vmwareHeader = 12
	vmwareGroup  = 80
	vmwareName   = 64

	vmwareBlock      = 63
	vmwareCompressed = 62

	maxGroups = 1024
	maxTags   = 1 << 16
	maxTag    = 2 + 255 + 3*4 + 2*8 + 2 // bytes before the value
)

// vmwareState reports whether a file begins as such a state. The low digit of the
// magic is the version: the lengths of blocks have 4 bytes in version 0, else 8.
func vmwareState(first []byte) bool {
	if len(first) < vmwareHeader {
		return false
	}
	switch binary.LittleEndian.Uint32(first) {
	case 0xbed0bed0, 0xbed2bed0, 0xbad1bad1, 0xbad2bad2, 0xbed1bed1, 0xbed2bed2, 0xbed3bed3:
		return true
	}
	return false
}

// ErrApart means that a saved state of VMware has its memory in a file of its own,
// the .vmem file of the same name: [NewVMware] reads the two.
var ErrApart = errors.New("its memory is in a .vmem file of the same name")

// NewVMware reads the memory of a VMware machine, the first memorySize bytes of
// memory (.vmem), as its saved state, the first stateSize bytes of state (.vmss,
// .vmsn), says it is laid out. Both must stay readable, and be safe for concurrent
// reads, as long as the File is used. Errors are those of [New].
func NewVMware(memory io.ReaderAt, memorySize int64, state io.ReaderAt, stateSize int64) (*File, error) {
	if memorySize <= 0 || stateSize <= 0 {
		return nil, fmt.Errorf("memory image of %d bytes, saved state of %d: %w", memorySize, stateSize, ErrFormat)
	}
	s := newFile(state, stateSize)
	v := &vmware{f: s}
	if err := v.read(); err != nil {
		return nil, err
	}
	f := newFile(memory, memorySize)
	f.format, f.cpus, f.problems = FormatVMware, s.cpus, s.problems
	v.place(f, 0)
	return f.finished()
}

// readVMware reads a saved state with its memory in it.
func (f *File) readVMware() error {
	v := &vmware{f: f}
	if err := v.read(); err != nil {
		return err
	}
	if v.memory == 0 {
		return fmt.Errorf("a saved state of VMware (.vmss, .vmsn): %w: %w", ErrApart, ErrUnsupported)
	}
	if v.packed {
		return fmt.Errorf("a saved state of VMware (.vmss, .vmsn) whose memory is compressed: %w", ErrUnsupported)
	}
	v.place(f, v.memory)
	return nil
}

// vmware is what is read of a saved state.
type vmware struct {
	f       *File
	wide    bool // lengths of blocks have 8 bytes
	tags    int
	regions []vmwareRegion
	cpus    []vmwareCPU
	memory  uint64 // file offset of the memory; 0: it is elsewhere
	size    uint64 // of it
	packed  bool
}

// vmwareRegion is a run of pages: PPN is the first, Page its place in the file.
type vmwareRegion struct{ ppn, page, pages uint64 }

type vmwareCPU struct {
	cr  [5]uint64
	idt uint64
}

// read reads the groups that matter.
func (v *vmware) read() error {
	var head [vmwareHeader]byte
	if err := v.f.read("header", head[:], 0); err != nil {
		return err
	}
	if !vmwareState(head[:]) {
		return fmt.Errorf("memory image: no saved state of VMware: %w", ErrFormat)
	}
	v.wide = head[0]&0xf != 0
	n := binary.LittleEndian.Uint32(head[8:])
	if n > maxGroups {
		return fmt.Errorf("memory image: %d groups in the saved state: %w", n, ErrFormat)
	}
	for i := range uint64(n) {
		var g [vmwareGroup]byte
		if err := v.f.read("group", g[:], vmwareHeader+i*vmwareGroup); err != nil {
			v.f.problem("%w", err)
			break
		}
		name, _, _ := bytes.Cut(g[:vmwareName], []byte{0})
		switch at := binary.LittleEndian.Uint64(g[vmwareName:]); string(name) {
		case "memory":
			v.group(at, v.memoryTag)
		case "cpu":
			v.group(at, v.cpuTag)
		}
	}
	v.processors()
	return nil
}

// tag is one tag; its value is at an offset, with the first bytes of it at hand.
type tag struct {
	name    string
	indices []uint32
	at      uint64
	size    uint64
	block   bool
	packed  bool
	value   []byte // up to 96 bytes
}

// index is one of the indices, a large one where there are fewer.
func (t tag) index(i int) uint32 {
	if i < len(t.indices) {
		return t.indices[i]
	}
	return 1 << 31
}

// number is the value as a number.
func (t tag) number() uint64 {
	var b [8]byte
	copy(b[:], t.value)
	return binary.LittleEndian.Uint64(b[:])
}

// group reads the tags from an offset on.
func (v *vmware) group(at uint64, use func(tag)) {
	for {
		t, next, err := v.tag(at)
		if v.tags++; err == nil && v.tags > maxTags {
			err = fmt.Errorf("memory image: more than %d tags: %w", maxTags, ErrFormat)
		}
		if err != nil {
			v.f.problem("%w", err)
			return
		}
		if next == 0 {
			return
		}
		use(t)
		at = next
	}
}

// tag reads the tag at an offset, and where the next one is; 0 at the end.
func (v *vmware) tag(at uint64) (t tag, next uint64, err error) {
	b := make([]byte, maxTag+96)
	if at >= v.f.size {
		return t, 0, fmt.Errorf("memory image: tag at offset %#x is beyond the end of the file: %w: %w", at, ErrFormat, io.ErrUnexpectedEOF)
	}
	b = b[:min(uint64(len(b)), v.f.size-at)]
	if err := v.f.read("tag", b, at); err != nil {
		return t, 0, err
	}
	c := cursor{b: b}
	flags, length := c.u8(), c.u8()
	if flags == 0 && length == 0 {
		return t, 0, c.err()
	}
	t.name = string(c.bytes(int(length)))
	for range flags >> 6 {
		t.indices = append(t.indices, uint32(c.uint(4)))
	}
	t.size = uint64(flags & 0x3f)
	if t.size == vmwareBlock || t.size == vmwareCompressed {
		t.block, t.packed = true, t.size == vmwareCompressed
		word := 4
		if v.wide {
			word = 8
		}
		t.size = c.uint(word)
		inMemory := c.uint(word)
		t.packed = t.packed && inMemory != t.size
		pad := c.uint(2)
		c.at += int(pad)
	}
	t.at = at + uint64(c.at)
	if err := c.err(); err != nil && (!t.block || t.at > v.f.size) {
		return t, 0, err
	}
	if t.size > v.f.size-min(t.at, v.f.size) {
		return t, 0, fmt.Errorf("memory image: tag %.20q of %#x bytes at offset %#x: %w: %w", t.name, t.size, at, ErrFormat, io.ErrUnexpectedEOF)
	}
	if c.at < len(b) {
		t.value = b[c.at:min(uint64(len(b)), uint64(c.at)+t.size)]
	}
	return t, t.at + t.size, nil
}

// cursor reads a tag. What is beyond its bytes is 0.
type cursor struct {
	b  []byte
	at int
}

func (c *cursor) bytes(n int) []byte {
	at := c.at
	c.at += n
	if c.at > len(c.b) {
		return nil
	}
	return c.b[at:c.at]
}

func (c *cursor) u8() byte { return byte(c.uint(1)) }

func (c *cursor) uint(n int) uint64 {
	var b [8]byte
	copy(b[:], c.bytes(n))
	return binary.LittleEndian.Uint64(b[:])
}

func (c *cursor) err() error {
	if c.at > len(c.b) {
		return fmt.Errorf("memory image: a tag is cut: %w: %w", ErrFormat, io.ErrUnexpectedEOF)
	}
	return nil
}

// memoryTag takes in a tag of the group of memory.
func (v *vmware) memoryTag(t tag) {
	switch t.name {
	case "Memory":
		if t.block && v.memory == 0 {
			v.memory, v.size, v.packed = t.at, t.size, t.packed
		}
		return
	case "regionsCount":
		return // as many as there are tags of each
	}
	const most = 256 // regions; machines have two or three
	i := t.index(0)
	if i >= most {
		return
	}
	for int(i) >= len(v.regions) {
		v.regions = append(v.regions, vmwareRegion{})
	}
	switch r := &v.regions[i]; t.name {
	case "regionPPN":
		r.ppn = t.number()
	case "regionPageNum":
		r.page = t.number()
	case "regionSize":
		r.pages = t.number()
	}
}

// cpuTag takes in a tag of the group of processors: a control register each, or
// all in one block, of 8 bytes, or of 4 in older states; the interrupt table as
// limit, low and high half of its base, or as they stand in memory.
func (v *vmware) cpuTag(t tag) {
	i := t.index(0)
	if i >= maxCPUs || t.name != "CR64" && t.name != "CR" && t.name != "IDTR" {
		return
	}
	for int(i) >= len(v.cpus) {
		v.cpus = append(v.cpus, vmwareCPU{})
	}
	c, word := &v.cpus[i], 8
	if t.name == "CR" {
		word = 4
	}
	n := t.index(1)
	switch {
	case t.name == "IDTR" && t.block:
		if len(t.value) >= 10 {
			c.idt = binary.LittleEndian.Uint64(t.value[2:])
		}
	case t.name == "IDTR" && n == 1:
		c.idt |= t.number() & 0xffffffff
	case t.name == "IDTR" && n == 2:
		c.idt |= t.number() << 32
	case t.name == "IDTR":
	case t.block:
		for k := range c.cr {
			if (k+1)*word <= len(t.value) {
				c.cr[k] = tag{value: t.value[k*word:][:word]}.number()
			}
		}
	case n < uint32(len(c.cr)):
		c.cr[n] = t.number()
	}
}

// processors makes the processors of the File. Whether one with PAE is in long
// mode is told by where its interrupt table is.
func (v *vmware) processors() {
	const pg, pae, la57 = 1 << 31, 1 << 5, 1 << 12
	for _, c := range v.cpus {
		p := CPU{CR0: c.cr[0], CR3: c.cr[3], CR4: c.cr[4], IDT: c.idt}
		switch {
		case p.CR0&pg == 0:
		case p.CR4&pae == 0:
			p.Mode = paging.ModeX86
		case p.IDT>>32 == 0:
			p.Mode = paging.ModePAE
		case p.CR4&la57 != 0:
			p.Mode = paging.ModeLA57
		default:
			p.Mode = paging.ModeX64
		}
		v.f.cpus = append(v.f.cpus, p)
	}
}

// place puts the regions into f, whose memory begins at an offset; without any it
// is all one.
func (v *vmware) place(f *File, start uint64) {
	const shift = 12
	placed := false
	for _, r := range v.regions {
		if r.pages == 0 || max(r.ppn, r.page, r.pages) > 1<<40 {
			continue
		}
		placed = true
		f.add(Range{Address: r.ppn << shift, Size: r.pages << shift, Offset: int64(start + r.page<<shift)})
	}
	if !placed {
		size := f.size - min(start, f.size)
		if start != 0 {
			size = min(size, v.size)
		}
		f.add(Range{Size: size, Offset: int64(start)})
	}
}
