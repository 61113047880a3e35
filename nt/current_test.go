package nt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
)

// TestCurrentProcess: the process whose page tables the header names, and in a
// triage dump the copy of its EPROCESS.
func TestCurrentProcess(t *testing.T) {
	spec, err := dumpbuild.Demo(fixture.Read)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	p, err := kernelOf(t, b).CurrentProcess()
	if err != nil || p.Name != "explorer.exe" || p.Address == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	process := make([]byte, 0x1000)
	binary.LittleEndian.PutUint64(process[0x440:], 0x1908)
	binary.LittleEndian.PutUint64(process[0x28:], 0x1ab000)
	copy(process[0x5a8:], "notepad.exe")
	for build, known := range map[uint32]bool{19041: true, 9200: false} {
		p, err := kernelOf(t, triageWith(build, process)).CurrentProcess()
		switch {
		case known && (err != nil || p.Name != "notepad.exe" || p.PID != 0x1908):
			t.Errorf("build %d: %+v, %v", build, p, err)
		case !known && !errors.Is(err, nt.ErrNoLayout):
			t.Errorf("build %d: %+v, %v", build, p, err)
		}
	}
	if p, err := kernelOf(t, triageWith(19041, make([]byte, 0x1000))).CurrentProcess(); err == nil {
		t.Errorf("no process: %+v", p)
	}
}

// triageWith is a triage dump of x64 with a copy of an EPROCESS and nothing else.
func triageWith(build uint32, process []byte) []byte {
	le := binary.LittleEndian
	b := bytes.Repeat([]byte("PAGE"), 0x2000/4)
	copy(b, "PAGEDU64")
	le.PutUint32(b[0xc:], build)
	le.PutUint32(b[0x30:], 0x8664)
	le.PutUint32(b[0xf98:], 4)
	triage := make([]byte, 0x80)
	le.PutUint32(triage[0x20:], 0x2080) // ProcessOffset
	return append(append(b, triage...), process...)
}

func kernelOf(t *testing.T, b []byte) *nt.Kernel {
	t.Helper()
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	k, err := nt.FromDump(f)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
