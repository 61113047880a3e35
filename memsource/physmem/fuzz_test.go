package physmem_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/physmem"
)

// FuzzImage opens arbitrary bytes: ranges are sane and as many as fit, the
// bytes of one that no other covers are those of the file, a read gives all
// bytes or a Fault at the exact address, the scan for roots ends, and two opens
// agree on everything.
func FuzzImage(f *testing.F) {
	small := []run{{0x1000, fill('a', 0x20)}, {0x1010, fill('b', 0x20)}}
	f.Add(lime(small...), uint64(0x1008))
	f.Add(core(2, 62, note(1<<31, 0x1000, 0x20, 0), small...), uint64(0x1008))
	f.Add(core(1, 3, other(), small...), uint64(0x1fff))
	f.Add(avml(f, small...), uint64(0x1008))
	f.Add(vmState(0xbed2bed2, map[string][]vmTag{"memory": append(regions(), vmTag{name: "Memory", value: vmMemory(), block: 63})}), uint64(0))
	f.Add([]byte("raw"), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, addr uint64) {
		one := describe(t, b, addr)
		if two := describe(t, b, addr); one != two {
			t.Fatalf("two opens differ:\n%s\n%s", one, two)
		}
	})
}

func describe(t *testing.T, b []byte, addr uint64) string {
	f, err := physmem.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		if !errors.Is(err, physmem.ErrFormat) && !errors.Is(err, physmem.ErrUnsupported) {
			t.Fatalf("untyped error %v", err)
		}
		return err.Error()
	}
	ranges := f.Ranges()
	if len(ranges) == 0 || len(ranges) > len(b) {
		t.Fatalf("%d ranges in %d bytes", len(ranges), len(b))
	}
	out := fmt.Sprintln(f.Format(), f.Machine(), f.CPUs(), ranges, f.Problems())
	for i, r := range ranges {
		last := r.Address + r.Size - 1
		if r.Size == 0 || last < r.Address || r.Offset < 0 || i > 0 && r.Address < ranges[i-1].Address {
			t.Fatalf("range %+v", r)
		}
		alone := (i == 0 || ranges[i-1].Address+ranges[i-1].Size-1 < r.Address) && (i+1 == len(ranges) || ranges[i+1].Address > last)
		got, err := memsource.U8(f, r.Address)
		if inFile := r.Offset < int64(len(b)); alone && i < 2 && f.Format() != physmem.FormatAVML && (inFile != (err == nil) || inFile && got != b[r.Offset]) {
			t.Fatalf("range %+v: %#x, %v", r, got, err)
		}
	}
	for _, at := range []uint64{addr, ranges[0].Address, ^uint64(7)} {
		buf := make([]byte, 40)
		n, err := f.ReadMemory(buf, at)
		fault, ok := errors.AsType[*memsource.Fault](err)
		if (err == nil) != (n == len(buf)) || err != nil && (!ok || fault.Addr != at+uint64(n)) {
			t.Fatalf("read at %#x: %d bytes, %v", at, n, err)
		}
		out += fmt.Sprintln(buf[:n], err)
	}
	return out
}
