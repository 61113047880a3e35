package gdbremote_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
)

// TestRegisters reads those of the names that are described and can be read.
func TestRegisters(t *testing.T) {
	s := &stub{features: "qXfer:features:read+", virtual: &memsource.Sparse{}, regs: map[string]uint64{"0": 0x140001000, "1": 0x7000},
		files: map[string]string{"target.xml": `<target><reg name="rip" bitsize="64"/><reg name="rsp" bitsize="64"/><reg name="rbp" bitsize="64"/></target>`}}
	got, err := s.connect(t, gdbremote.Config{}).Registers(t.Context(), []string{"rip", "rsp", "rbp", "rax"})
	if want := map[string]uint64{"rip": 0x140001000, "rsp": 0x7000}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

// TestThreads reads lists that come in pieces; what is no name ends them.
func TestThreads(t *testing.T) {
	for _, c := range []struct{ pieces, want []string }{
		{nil, nil}, {[]string{"1"}, []string{"1"}}, {[]string{"p1.1,p1.2", "p1.ff"}, []string{"p1.1", "p1.2", "p1.ff"}},
		{[]string{"1,D"}, []string{"1", "D"}}, {[]string{"1;D"}, nil}, {[]string{"1,1"}, nil}, {[]string{""}, nil},
	} {
		s := &stub{virtual: &memsource.Sparse{}, threads: c.pieces}
		got, err := s.connect(t, gdbremote.Config{}).Threads(t.Context())
		if !slices.Equal(got, c.want) || (err != nil) != (len(c.pieces) > 0 && c.want == nil) || err != nil && !errors.Is(err, gdbremote.ErrProtocol) {
			t.Errorf("%q: %q, %v", c.pieces, got, err)
		}
	}
}
