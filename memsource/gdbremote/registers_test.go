package gdbremote_test

import (
	"maps"
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
