package crashdump_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
)

// FuzzDump opens arbitrary bytes and checks what a caller relies on: every
// entry lies inside the file, there are no more of them than fit, a read gives
// all bytes or a Fault at the exact address, and two opens agree on everything.
func FuzzDump(f *testing.F) {
	probe := uint64(0x5000)
	f.Add(fullDump(64, span{1, 2}, span{5, 1}), probe)
	f.Add(fullDump(32, span{1, 2}, span{5, 1}), probe)
	f.Add(bitmapDump(64, 5, "FDMPDUMP", 12, span{1, 2}, span{5, 1}), probe)
	f.Add(bitmapDump(32, 6, "SDMPDUMP", 12, span{1, 2}, span{5, 1}), probe)
	f.Add(triageDump(64, someDrivers, someDrivers[2:], []piece{{probe - 2, "data"}, {probe, "over"}}), probe)
	f.Add(triageDump(32, someDrivers, someDrivers[2:], []piece{{probe - 2, "data"}, {^uint64(0), "x"}}), probe)
	f.Add(summaryDump(32, 12, span{1, 2}, span{5, 1}), probe)
	f.Add(summaryDump(64, 12, span{1, 2}, span{5, 1}), probe)
	f.Add(rangeDump(8, nil, span{1, 2}, span{5, 1}), probe)
	f.Add(rangeDump(10, bytes.Repeat([]byte{7}, 64), span{1, 2}, span{5, 1}), probe)
	f.Add(head64(2), ^uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		one := describe(t, b, addr)
		if two := describe(t, b, addr); one != two {
			t.Fatalf("two opens differ:\n%s\n%s", one, two)
		}
	})
}

// describe checks a dump and returns all there is to say about it.
func describe(t *testing.T, b []byte, addr uint64) string {
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return err.Error()
	}
	out := fmt.Sprintln(f.Header(), f.Problems())
	n := 0
	for d, err := range f.Drivers() {
		if err == nil && (d.Offset < 0 || d.Offset+0x4c > int64(len(b))) {
			t.Fatalf("driver outside the file: %+v", d)
		}
		n++
		out += fmt.Sprintln(d, err)
	}
	for u, err := range f.Unloaded() {
		if err == nil && (u.Offset < 0 || u.Offset+0x28 > int64(len(b))) {
			t.Fatalf("unloaded driver outside the file: %+v", u)
		}
		n++
		out += fmt.Sprintln(u, err)
	}
	if n > len(b)/0x28*2+2 {
		t.Fatalf("%d entries in %d bytes", n, len(b))
	}
	if src, err := f.Physical(); err == nil {
		out += readAll(t, src, addr)
	}
	if src, err := f.Blocks(); err == nil {
		out += readAll(t, src, addr)
	}
	return out
}

// readAll reads around addr, stepping over holes by what the faults say.
func readAll(t *testing.T, src memsource.Source, addr uint64) (out string) {
	buf, at := make([]byte, 3*page), addr
	for range 64 {
		n, err := src.ReadMemory(buf, at)
		fault, ok := errors.AsType[*memsource.Fault](err)
		if (err == nil) != (n == len(buf)) || err != nil && (!ok || fault.Addr != at+uint64(n)) {
			t.Fatalf("read at %#x: %d bytes, %v", at, n, err)
		}
		out += fmt.Sprintf("%x %x %v\n", at, crc32.ChecksumIEEE(buf[:n]), err)
		if err == nil {
			at += uint64(n)
			continue
		}
		if fault.Reason != memsource.ReasonNonCanonical && fault.Reason != memsource.ReasonIO && fault.Len == 0 {
			t.Fatalf("a fault that does not advance: %v", fault)
		}
		if at = fault.Addr + fault.Len; at <= fault.Addr {
			break
		}
	}
	return out
}
