package gdbremote_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
	"github.com/symres/symres/memsource/memtest"
)

// i386 is a target description in two files, with registers in a comment and
// numbers that jump, as that of QEMU has.
func i386() map[string]string {
	return map[string]string{
		"target.xml": `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">
<target><architecture>i386:x86-64</architecture><xi:include href="core.xml"/></target>`,
		"core.xml": `<?xml version="1.0"?><feature name="core">
<reg name="rax" bitsize="64" regnum="0"/><!-- <reg name="ss_base" bitsize="64"/> --><reg name="rbx" bitsize="64"/>
<reg name="cr0" bitsize="64" regnum="0x1b"/><reg name="cr2" bitsize="64"/><reg name="cr3" bitsize="64"/>
<reg name="cr4" bitsize="64"/><reg name="cr8" bitsize="64"/><reg name="efer" bitsize="64"/></feature>`,
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 2)
	}
	return b
}

// TestReadMemory_conforms reads through stubs of all manners.
func TestReadMemory_conforms(t *testing.T) {
	data, top := pattern(0x1800), pattern(0x40)
	for name, s := range map[string]*stub{
		"plain":  {},
		"qemu":   {features: "PacketSize=1000;qXfer:features:read+;vContSupported+", most: 0x800, files: i386()},
		"gnarly": {features: "PacketSize=100000;QStartNoAckMode+", most: 0x655, part: true, runs: true},
	} {
		s.virtual = ram(t, map[uint64][]byte{0x401000: data, 0xffffffffffffffc0: top})
		c := s.connect(t, gdbremote.Config{})
		if err := memtest.TestSource(c,
			memtest.Hole(0x400000, 0x1000, memsource.ReasonUnknown), memtest.Data(0x401000, data),
			memtest.Hole(0x402800, 0x800, memsource.ReasonUnknown), memtest.Data(0xffffffffffffffc0, top),
		); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
		_, err := memsource.U8(c, 0x400000)
		if err == nil || !strings.Contains(err.Error(), `the stub answers "E14"`) {
			t.Errorf("%s: %v, want the answer of the stub", name, err)
		}
	}
}

// tables64 is physical memory with four levels of tables: pages of the kernel
// that are present, in transition, paged out and never there.
func tables64(t *testing.T) *memsource.Sparse {
	t.Helper()
	entry := func(at map[int]uint64) []byte {
		b := make([]byte, 0x1000)
		for i, v := range at {
			binary.LittleEndian.PutUint64(b[8*i:], v)
		}
		return b
	}
	return ram(t, map[uint64][]byte{
		0x1000: entry(map[int]uint64{496: 0x2003}), 0x2000: entry(map[int]uint64{0: 0x3003}), 0x3000: entry(map[int]uint64{0: 0x4003}),
		0x4000: entry(map[int]uint64{0: 0x5003, 1: 0x6810, 2: 0x123400000080, 4: 0x7810, 5: 0x99990810}),
		0x5000: bytes.Repeat([]byte("A"), 0x1000), 0x6000: bytes.Repeat([]byte("B"), 0x1000), 0x7000: make([]byte, 0x1000),
	})
}

// TestReadMemory_reasons walks the tables where the stub only says no.
func TestReadMemory_reasons(t *testing.T) {
	const va = 0xfffff80000000000
	s := &stub{
		features: "PacketSize=1000;qXfer:features:read+", files: i386(), physical: tables64(t),
		virtual: ram(t, map[uint64][]byte{va: bytes.Repeat([]byte("A"), 0x1000)}),
		regs:    map[string]uint64{"1b": 0x80050033, "1d": 0x1000, "1e": 0x20, "20": 0x500},
		inside:  true, // a client before us was lost in physical mode
	}
	c := s.connect(t, gdbremote.Config{})
	if c.Machine() != 0x8664 {
		t.Errorf("machine %#x", c.Machine())
	}
	if err := memtest.TestSource(c,
		memtest.Hole(0x10000, 0x1000, memsource.ReasonNotMapped),
		memtest.Data(va, append(bytes.Repeat([]byte("A"), 0x1000), bytes.Repeat([]byte("B"), 0x1000)...)),
		memtest.Hole(va+0x2000, 0x1000, memsource.ReasonPagedOut), memtest.Hole(va+0x4000, 0x2000, memsource.ReasonNotInDump),
	); err != nil {
		t.Error(err)
	}
	_, err := memsource.U8(c, va+0x3000)
	if !errors.Is(err, memsource.ErrNotMapped) {
		t.Errorf("an empty PTE: %v", err)
	}
	if _, err = memsource.U8(c, 0x800000000000); !errors.Is(err, memsource.ErrNonCanonical) {
		t.Errorf("no address: %v", err)
	}
	_, err = memsource.U8(c, va+0x2010)
	if want := "fffff800`00002010: paged out: pagefile 0 offset 0x1234000"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = memsource.U8(c, va+0x4000)
	if err == nil || !strings.Contains(err.Error(), "reads as zeros") {
		t.Errorf("a frame of zeros: %v", err)
	}
	if s.inside {
		t.Error("the stub was left in physical mode")
	}
}

// TestMachine tells a 32-bit system from a 64-bit one on the same processor.
func TestMachine(t *testing.T) {
	arch := func(name string) map[string]string {
		return map[string]string{"target.xml": "<target><architecture> " + name + "\n</architecture></target>"}
	}
	for name, c := range map[string]struct {
		files map[string]string
		regs  map[string]uint64
		want  uint16
	}{
		"long":     {i386(), map[string]uint64{"1b": 0x80000011, "1d": 0, "1e": 0x20, "20": 0x500}, 0x8664},
		"la57":     {i386(), map[string]uint64{"1b": 0x80000011, "1d": 0, "1e": 0x1020, "20": 0x500}, 0x8664},
		"pae":      {i386(), map[string]uint64{"1b": 0x80000011, "1d": 0, "1e": 0x20, "20": 0}, 0x14c},
		"plain_32": {i386(), map[string]uint64{"1b": 0x80000011, "1d": 0, "1e": 0, "20": 0}, 0x14c},
		"real":     {i386(), map[string]uint64{"1b": 0x10, "1d": 0, "1e": 0, "20": 0}, 0x8664},
		"unread":   {i386(), nil, 0x8664},
		"i386":     {arch("i386"), nil, 0x14c}, "arm64": {arch("aarch64"), nil, 0xaa64}, "arm": {arch("armv7"), nil, 0x1c4},
		"qemu_pc": {map[string]string{"target.xml": `<target><reg name="rip" bitsize="64"/></target>`}, nil, 0x8664},
		"riscv":   {arch("riscv:rv64"), nil, 0}, "none": {nil, nil, 0},
	} {
		s := &stub{features: "qXfer:features:read+", files: c.files, regs: c.regs, virtual: &memsource.Sparse{}}
		if got := s.connect(t, gdbremote.Config{}).Machine(); got != c.want {
			t.Errorf("%s: %#x, want %#x", name, got, c.want)
		}
	}
}

// TestSpoiled has a stub whose replies arrive damaged now and then, or that
// hangs up: what was asked is asked again.
func TestSpoiled(t *testing.T) {
	data := pattern(0x800)
	for name, spoil := range map[string]func(n int, packet, reply string) (string, bool){
		"checksum": func(n int, packet, reply string) (string, bool) {
			if n%3 == 1 { // right after it: the client asks for it again
				return "$zz#00" + reply, true
			}
			return reply, true
		},
		"asks_again": func(n int, packet, reply string) (string, bool) {
			if n%4 == 2 {
				return "-", true
			}
			return reply, true
		},
		"notifications": func(n int, packet, reply string) (string, bool) { return "%Stop:T05#00noise" + reply, true },
		"stops": func(n int, packet, reply string) (string, bool) { // as QEMU, when somebody connects
			if packet == "?" {
				return reply, true
			}
			return framed("T02thread:01;") + framed("O68690a") + reply, true
		},
		"hangs_up": func(n int, packet, reply string) (string, bool) { return reply, n != 7 },
	} {
		s := &stub{virtual: ram(t, map[uint64][]byte{0x401000: data}), spoil: spoil}
		c := s.connect(t, gdbremote.Config{})
		got := make([]byte, len(data))
		if err := memsource.ReadFull(c, got, 0x401000); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "hangs_up" && s.dials != 2 {
			t.Errorf("%d connections, want 2", s.dials)
		}
	}
}

// TestBroken has stubs that make no sense: one error, no hanging, no panic.
func TestBroken(t *testing.T) {
	for name, reply := range map[string]string{
		"odd": "123", "not_hex": "zz", "too_much": strings.Repeat("00", 500), "empty": "", "run": "0*\x7f*\x7f*\x7f*\x7f*\x7f", "escape": "00}",
		"nothing_to_run": "* ",
	} {
		s := &stub{virtual: &memsource.Sparse{}, spoil: func(n int, packet, good string) (string, bool) {
			if packet[0] == 'm' {
				return framed(reply), true
			}
			return good, true
		}}
		_, err := memsource.U64(s.connect(t, gdbremote.Config{}), 0x1000)
		f, ok := errors.AsType[*memsource.Fault](err)
		if !ok || f.Reason != memsource.ReasonIO || !errors.Is(err, gdbremote.ErrProtocol) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with reason IO that wraps ErrProtocol", name, err)
		}
	}
	for name, files := range map[string]map[string]string{
		"not_xml": {"target.xml": "<target><reg</target>"}, "endless": {"target.xml": "<a>" + strings.Repeat(" ", 2<<20)},
		"name": {"target.xml": `<target><include href="a:b"/></target>`},
	} {
		s := &stub{features: "PacketSize=8000;qXfer:features:read+", files: files, virtual: &memsource.Sparse{}}
		if _, err := gdbremote.Dial(t.Context(), "stub", gdbremote.Config{Dial: s.dial}); !errors.Is(err, gdbremote.ErrProtocol) {
			t.Errorf("%s: %v, want ErrProtocol", name, err)
		}
	}
	loop := &stub{features: "qXfer:features:read+", virtual: &memsource.Sparse{},
		files: map[string]string{"target.xml": `<target><include href="target.xml"/><include href="b"/></target>`, "b": `<a><include href="target.xml"/></a>`}}
	loop.connect(t, gdbremote.Config{})
	if n := len(loop.requests("qXfer")); n > 10 {
		t.Errorf("files that include each other were asked for %d times", n)
	}
}

// TestSilence has a stub that stops answering. Time is that of the bubble.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := false
		s := &stub{virtual: ram(t, map[uint64][]byte{0x1000: pattern(0x1000)}),
			spoil: func(n int, packet, reply string) (string, bool) {
				if silent {
					return "+", true
				}
				return reply, true
			}}
		c := s.connect(t, gdbremote.Config{Timeout: 3 * time.Second})
		if _, err := memsource.U64(c, 0x1000); err != nil {
			t.Fatal(err)
		}
		silent = true
		start := time.Now()
		_, err := memsource.U64(c, 0x1000)
		if f, ok := errors.AsType[*memsource.Fault](err); !ok || f.Reason != memsource.ReasonIO || time.Since(start) != 6*time.Second {
			t.Errorf("after %v: %v; want reason IO after twice the time limit", time.Since(start), err)
		}
		start = time.Now() // no connection is tried for a while: fails at once
		if _, err := memsource.U64(c, 0x1000); err == nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		silent = false
		time.Sleep(time.Second)
		if v, err := memsource.U64(c, 0x1000); err != nil || v != binary.LittleEndian.Uint64(pattern(8)) {
			t.Errorf("the stub is back: %#x, %v", v, err)
		}
		silent = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = memsource.U64(memsource.Bind(ctx, c), 0x1000)
		if !errors.Is(err, memsource.ErrCanceled) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v, want the caller's own limit", time.Since(start), err)
		}
		silent = false
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	s := &stub{virtual: ram(t, map[uint64][]byte{0x1000: pattern(8)}), features: "PacketSize=100"}
	c := s.connect(t, gdbremote.Config{Resume: true})
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n := len(s.requests("D")); n != 1 {
		t.Errorf("detached %d times, want 1", n)
	}
	if _, err := memsource.U8(c, 0x1000); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestDial_refused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if _, err := gdbremote.Dial(t.Context(), address, gdbremote.Config{}); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("%v, want an error that names the address", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gdbremote.Dial(ctx, address, gdbremote.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// TestOtherServer connects to something that is no stub at all.
func TestOtherServer(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			go io.Copy(io.Discard, theirs)
			for range 2000 {
				if _, err := io.WriteString(theirs, "HTTP/1.1 400 Bad Request, and so on, and so forth\r\n"); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
	if _, err := gdbremote.Dial(t.Context(), "server", gdbremote.Config{Dial: dial}); !errors.Is(err, gdbremote.ErrProtocol) {
		t.Errorf("%v, want ErrProtocol", err)
	}
}
