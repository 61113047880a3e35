package crashdump_test

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// The builders here write dumps straight from the documented offsets; they
// share nothing with the reader.

const page = 0x1000

var le = binary.LittleEndian

// pageBytes is the content of physical page n: the number, then a pattern.
func pageBytes(n uint64) []byte {
	b := bytes.Repeat([]byte{byte(n), byte(n >> 8), 0xa5, byte(n * 7)}, page/4)
	le.PutUint64(b, n)
	return b
}

func head64(typ uint32) []byte {
	h := bytes.Repeat([]byte("PAGE"), 0x2000/4)
	copy(h, "PAGEDU64")
	le.PutUint32(h[0x08:], 15)
	le.PutUint32(h[0x0c:], 19041)
	le.PutUint64(h[0x10:], 0x1aa000)
	le.PutUint64(h[0x20:], 0xfffff80002c01000)
	le.PutUint32(h[0x30:], 0x8664)
	le.PutUint32(h[0x34:], 4)
	le.PutUint32(h[0x38:], 0xe2)
	for i := range 4 {
		le.PutUint64(h[0x40+8*i:], uint64(i)+1)
	}
	le.PutUint64(h[0x80:], 0xfffff80002c02000)
	le.PutUint32(h[0xf98:], typ)
	le.PutUint64(h[0xfa8:], 0x01d6000000000000)
	return h
}

func head32(typ uint32) []byte {
	h := bytes.Repeat([]byte("PAGE"), 0x1000/4)
	copy(h, "PAGEDUMP")
	le.PutUint32(h[0x08:], 15)
	le.PutUint32(h[0x0c:], 2600)
	le.PutUint32(h[0x10:], 0x39000)
	le.PutUint32(h[0x18:], 0x8055a420)
	le.PutUint32(h[0x20:], 0x14c)
	le.PutUint32(h[0x24:], 1)
	le.PutUint32(h[0x28:], 0xd1)
	h[0x5c] = 0
	le.PutUint32(h[0x60:], 0x80544ce0)
	le.PutUint32(h[0xf88:], typ)
	return h
}

// span is a row of pages: first and count.
type span [2]uint64

func pages(spans []span) (list []uint64) {
	for _, s := range spans {
		for i := range s[1] {
			list = append(list, s[0]+i)
		}
	}
	return list
}

func fullDump(bits int, spans ...span) []byte {
	list := pages(spans)
	var b []byte
	if bits == 64 {
		b = head64(1)
		le.PutUint32(b[0x88:], uint32(len(spans)))
		le.PutUint64(b[0x90:], uint64(len(list)))
		for i, s := range spans {
			le.PutUint64(b[0x98+16*i:], s[0])
			le.PutUint64(b[0xa0+16*i:], s[1])
		}
	} else {
		b = head32(1)
		le.PutUint32(b[0x64:], uint32(len(spans)))
		le.PutUint32(b[0x68:], uint32(len(list)))
		for i, s := range spans {
			le.PutUint32(b[0x6c+8*i:], uint32(s[0]))
			le.PutUint32(b[0x70+8*i:], uint32(s[1]))
		}
	}
	for _, n := range list {
		b = append(b, pageBytes(n)...)
	}
	return b
}

// bitmapDump has total bits; the pages follow at the next page boundary.
func bitmapDump(bits int, typ uint32, sig string, total uint64, spans ...span) []byte {
	b := head64(typ)
	if bits == 32 {
		b = head32(typ)
	}
	at, list := len(b), pages(spans)
	head := make([]byte, 0x38+(total+7)/8)
	copy(head, sig)
	for _, n := range list {
		head[0x38+n/8] |= 1 << (n % 8)
	}
	first := (at + len(head) + page - 1) &^ (page - 1)
	le.PutUint64(head[0x20:], uint64(first))
	le.PutUint64(head[0x28:], uint64(len(list)))
	le.PutUint64(head[0x30:], total)
	b = append(b, head...)
	b = append(b, make([]byte, first-len(b))...)
	for _, n := range list {
		b = append(b, pageBytes(n)...)
	}
	return b
}

// summaryDump is the kernel dump of older systems: the same bitmap behind a
// head of its own.
func summaryDump(bits int, total uint64, spans ...span) []byte {
	b, fixed := head64(2), 0x28
	if bits == 32 {
		b, fixed = head32(2), 0x20
	}
	at, list := len(b), pages(spans)
	head := make([]byte, fixed+int(total+7)/8)
	copy(head, "SDMPDUMP")
	first := (at + len(head) + page - 1) &^ (page - 1)
	le.PutUint32(head[0x08:], 1)
	le.PutUint32(head[0x0c:], uint32(first))
	le.PutUint32(head[0x10:], uint32(total))
	le.PutUint32(head[0x14:], uint32(len(list)))
	le.PutUint32(head[0x18:], uint32(total))
	for _, n := range list {
		head[fixed+int(n/8)] |= 1 << (n % 8)
	}
	b = append(b, head...)
	b = append(b, make([]byte, first-len(b))...)
	for _, n := range list {
		b = append(b, pageBytes(n)...)
	}
	return b
}

type driver struct {
	name                 string
	base                 uint64
	size, checksum, time uint32
}

type piece struct {
	addr uint64
	data string
}

// triageDump lays the parts out in the order Windows does.
func triageDump(bits int, drivers []driver, gone []driver, pieces []piece) []byte {
	b, stride, names := head64(4), 0x90, []uint32(nil)
	if bits == 32 {
		b, stride = head32(4), 0x4c
	}
	at := len(b)
	b = append(b, make([]byte, 0x80)...)
	le.PutUint32(b[at+0x18:], uint32(len(b)))
	b = appendUnloaded(b, bits, gone)
	for _, d := range drivers {
		names = append(names, uint32(len(b)))
		text := utf16.Encode([]rune(d.name))
		b = le.AppendUint32(b, uint32(len(text)))
		for _, u := range text {
			b = le.AppendUint16(b, u)
		}
		b = append(b, 0, 0)
	}
	le.PutUint32(b[at+0x30:], uint32(len(b)))
	le.PutUint32(b[at+0x34:], uint32(len(drivers)))
	for i, d := range drivers {
		e := make([]byte, stride)
		le.PutUint32(e, names[i])
		if bits == 64 {
			le.PutUint64(e[0x38:], d.base)
			le.PutUint32(e[0x48:], d.size)
			le.PutUint32(e[0x80:], d.checksum)
			le.PutUint32(e[0x88:], d.time)
		} else {
			le.PutUint32(e[0x1c:], uint32(d.base))
			le.PutUint32(e[0x24:], d.size)
			le.PutUint32(e[0x44:], d.checksum)
			le.PutUint32(e[0x48:], d.time)
		}
		b = append(b, e...)
	}
	offs := make([]int, len(pieces))
	for i, p := range pieces {
		offs[i] = len(b)
		b = append(b, p.data...)
	}
	blocks := at + 0x78
	if bits == 32 {
		blocks = at + 0x60
	}
	le.PutUint32(b[blocks:], uint32(len(b)))
	le.PutUint32(b[blocks+4:], uint32(len(pieces)))
	for i, p := range pieces {
		b = le.AppendUint64(b, p.addr)
		b = le.AppendUint32(b, uint32(offs[i]))
		b = le.AppendUint32(b, uint32(len(p.data)))
	}
	le.PutUint32(b[at+8:], uint32(len(b)))
	b = append(b, "TRGD"...)
	le.PutUint32(b[at+4:], uint32(len(b)))
	return b
}

func appendUnloaded(b []byte, bits int, gone []driver) []byte {
	n, text, start, width := 0x38, 0x10, 0x28, 8
	b = le.AppendUint32(b, uint32(len(gone)))
	if bits == 32 {
		n, text, start, width = 0x28, 0x08, 0x20, 4
	} else {
		b = le.AppendUint32(b, 0)
	}
	for _, d := range gone {
		e := make([]byte, n)
		le.PutUint16(e, uint16(2*len(d.name)))
		for i, u := range utf16.Encode([]rune(d.name)) {
			le.PutUint16(e[text+2*i:], u)
		}
		le.PutUint32(e[start:], uint32(d.base))
		le.PutUint32(e[start+width:], uint32(d.base)+d.size)
		b = append(b, e...)
	}
	return b
}
