package nt_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/nt"
)

const realDumps = "ivellioscolin+kdlibcpp/kdlib/tests/dumps/"

func TestRealTriageDumps(t *testing.T) {
	dir := fixture.Shared(t)
	for _, c := range []struct {
		path    string
		machine uint16
		bits    int
		count   int
		first   nt.Module
		unknown []string
	}{
		{"win10_arm64_mem/win10_arm64_mem.dmp", 0xaa64, 64, 228, nt.Module{Name: "ntoskrnl.exe",
			Path: `\SystemRoot\system32\ntoskrnl.exe`, Base: 0xfffff801bcb30000, Size: 0x911000,
			CheckSum: 0x8548ba, TimeDateStamp: 0x5b1a4560, Origin: "triage driver list"},
			[]string{"win32k.sys", "win32kfull.sys", "win32kbase.sys", "cdd.dll"}},
		{"win10_arm_rpi3_mem/RPi3_ARM_mini.cab.dmp", 0x1c4, 32, 136, nt.Module{Name: "ntoskrnl.exe",
			Path: `\SystemRoot\system32\ntoskrnl.exe`, Base: 0x80c06000, Size: 0x5b1000,
			CheckSum: 0x55bcd7, TimeDateStamp: 0x5acd88b6, Origin: "triage driver list"}, nil},
	} {
		t.Run(filepath.Base(c.path), func(t *testing.T) {
			f, err := crashdump.Open(filepath.Join(dir, filepath.FromSlash(realDumps+c.path)))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			k, err := nt.FromDump(f)
			if err != nil {
				t.Fatal(err)
			}
			if k.Machine() != c.machine || k.Bits() != c.bits || k.Build() != 17134 {
				t.Errorf("machine %#x, %d bits, build %d", k.Machine(), k.Bits(), k.Build())
			}
			if base, err := k.Base(); err != nil || base != c.first.Base {
				t.Errorf("kernel base %#x, %v; want that of the first driver, %#x", base, err, c.first.Base)
			}
			list := modules(t, k)
			if len(list) != c.count || list[0] != c.first {
				t.Errorf("%d modules, first %+v; want %d, first %+v", len(list), list[0], c.count, c.first)
			}
			var unknown []string
			for _, m := range list {
				if m.TimeDateStamp == 0 && m.CheckSum == 0 {
					unknown = append(unknown, m.Name)
				}
				if m.Name == "" || m.NameErr != nil || strings.Contains(m.Name, `\`) || m.Base%0x1000 != 0 || m.Size == 0 {
					t.Errorf("module %+v", m)
				}
			}
			if !slices.Equal(unknown, c.unknown) {
				t.Errorf("without stamp and checksum: %v, want %v", unknown, c.unknown)
			}
			_, err = memsource.U16(k.Memory(), list[3].Base)
			if !errors.Is(err, memsource.ErrNotInDump) {
				t.Errorf("header of %s: %v, want not in the dump", list[3].Name, err)
			}
		})
	}
}

func modules(t *testing.T, k *nt.Kernel) (list []nt.Module) {
	t.Helper()
	for m, err := range k.Modules() {
		if err != nil {
			t.Errorf("after %d modules: %v", len(list), err)
			continue
		}
		list = append(list, m)
	}
	return list
}

// emptyDump is a dump of one page with the given header fields.
func emptyDump(machine uint16, typ uint32, pae bool) []byte {
	if machine == i386 {
		b := append([]byte("PAGEDUMP"), make([]byte, 0x2000-8)...)
		le.PutUint16(b[0x20:], machine)
		le.PutUint32(b[0x18:], 0x8055a420)
		le.PutUint32(b[0x64:], 1)
		le.PutUint32(b[0x68:], 1)
		le.PutUint32(b[0x70:], 1)
		le.PutUint32(b[0xf88:], typ)
		if pae {
			b[0x5c] = 1
		}
		return b
	}
	b := append([]byte("PAGEDU64"), make([]byte, 0x3000-8)...)
	le.PutUint16(b[0x30:], machine)
	le.PutUint32(b[0x88:], 1)
	le.PutUint64(b[0x90:], 1)
	le.PutUint64(b[0xa0:], 1)
	le.PutUint32(b[0xf98:], typ)
	return b
}

func fromBytes(t testing.TB, b []byte) (*nt.Kernel, error) {
	t.Helper()
	f, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return nt.FromDump(f)
}

func TestFromDumpRefuses(t *testing.T) {
	without := func(b []byte) []byte { clear(b[0x88:0xa8]); return b } // the runs of a full dump, which would count
	for name, c := range map[string]struct {
		dump []byte
		want error
		says string
	}{
		"alpha64":   {emptyDump(0x0284, 1, false), crashdump.ErrUnsupported, "0x0284"},
		"summary":   {without(emptyDump(amd64, 2, false)), crashdump.ErrFormat, "SDMP"},
		"automatic": {without(emptyDump(amd64, 7, false)), crashdump.ErrUnsupported, "automatic"},
		"no_bitmap": {without(emptyDump(amd64, 5, false)), crashdump.ErrFormat, "FDMP"},
	} {
		if _, err := fromBytes(t, c.dump); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestFromDumpEmpty: a dump without page tables opens; its list breaks at once.
func TestFromDumpEmpty(t *testing.T) {
	k, err := fromBytes(t, emptyDump(i386, 1, false))
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, err := range k.Modules() {
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], memsource.ErrNotPresent) {
		t.Errorf("modules: %v", errs)
	}
	if k, err = fromBytes(t, emptyDump(amd64, 1, false)); err != nil {
		t.Fatal(err)
	}
	for _, err := range k.Modules() {
		if !errors.Is(err, nt.ErrMalformed) || !strings.Contains(err.Error(), "does not say where") {
			t.Errorf("without a list head: %v", err)
		}
	}
}

// TestPoolBounds: the members of the debugger data block, whose pointers a
// 32-bit kernel sign-extends, lead to the bounds XP's prototype PTEs need.
func TestPoolBounds(t *testing.T) {
	const block = 0x80544ce0
	m := newMemory(32)
	m.u32(block+0x10, 0x4742444b)
	m.u32(block+0x14, 0x290)
	for i, off := range []uint64{0xd8, 0x118, 0x120} {
		m.write(block+off, le.AppendUint64(nil, 0xffffffff80550000+uint64(i)*0x100))
		m.u32(0x80550000+uint64(i)*0x100, 0xe0000000+uint32(i))
	}
	std := paging.LayoutFor(paging.ModeX86, 2600)
	l, err := nt.PoolBounds(m.source(), block, std)
	if err != nil || l.Subsection.Base != 0xe0000000 || l.Subsection.Top != 0xe0000001 || l.Proto.Base != 0xe0000002 {
		t.Errorf("%+v, %+v, %v", l.Subsection, l.Proto, err)
	}
	m.u32(block+0x14, 0x118) // a block that ends before two of them
	m.u32(0x80550000, 0)     // and a bound that is 0
	if l, err := nt.PoolBounds(m.source(), block, std); err != nil || l != std {
		t.Errorf("short block: %+v, %+v, %v", l.Subsection, l.Proto, err)
	}
	m.u32(block+0x10, 0)
	if _, err := nt.PoolBounds(m.source(), block, std); !errors.Is(err, nt.ErrMalformed) {
		t.Errorf("no tag: %v", err)
	}
}
