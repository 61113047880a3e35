package paging_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/paging"
)

// outcome reads the first byte at addr and puts what matters of the fault on
// one line: reason, paging file and offset, file and offset, length.
func outcome(s memsource.Source, addr uint64) string {
	b, err := memsource.U8(s, addr)
	if err == nil {
		return "byte " + string(rune(b))
	}
	f, ok := errors.AsType[*memsource.Fault](err)
	if !ok || f.Addr != addr {
		return "bad fault: " + err.Error()
	}
	line := f.Reason.String()
	switch f.Reason {
	case memsource.ReasonPagedOut, memsource.ReasonCompressed:
		line += fmt.Sprintf(" %d:%x", f.PageFile, f.PageFileOffset)
	case memsource.ReasonFileBacked:
		line += fmt.Sprintf(" %s:%x", f.File, f.FileOffset)
	}
	if f.Len != cmp.Or(f.PageSize, 0x1000) {
		line += fmt.Sprintf(" len %x", f.Len)
	}
	return line
}

// x64 builds of the rows of LayoutFor.
const (
	win7  = 7601
	w1607 = 14393
	w1803 = 17134
	w2004 = 19041
	w22H2 = 22621
)

// TestSoftwarePTE64 holds a PTE of every form for every x64 layout.
func TestSoftwarePTE64(t *testing.T) {
	const old, swizzled = 1 << 0, 1 << 4
	for _, c := range []struct {
		name  string
		build uint32
		pte   uint64
		want  string
	}{
		{"zero", win7, 0, "not mapped"},
		{"demand zero", win7, 0x80, "demand zero"},
		{"demand zero, swizzle bit", w2004, 0x80 | swizzled, "demand zero"},
		{"demand zero, no swizzle bit", w2004, 0x80, "demand zero"},
		{"decommitted", win7, 0x10 << 5, "not mapped"},
		{"no access", win7, 0x18 << 5, "no access"},
		{"flags but no protection", w2004, 1 << 2, "not mapped"},
		{"guard page never touched", win7, 0x14 << 5, "demand zero"},
		{"pagefile 0", win7, 0x1234<<32 | 0x80, "paged out 0:1234000"},
		{"pagefile 15, old place", win7, 0x1234<<32 | 0x80 | 15<<1, "paged out 15:1234000"},
		{"pagefile number without offset", win7, 0x80 | 2<<1, "paged out 2:0"},
		{"last page of a pagefile", w1607, 0xfffffffe<<32 | 0x80 | 1<<1, "paged out 1:fffffffe000"},
		{"bits 12 to 15 are not the number yet", w1607, 0x1234<<32 | 0x80 | 3<<12, "paged out 0:1234000"},
		{"pagefile 3, new place", w1803, 0x1234<<32 | 0x80 | 3<<12 | swizzled, "paged out 3:1234000"},
		{"reserved and allocated are not the number", w2004, 0x1234<<32 | 0x80 | 3<<1 | 2<<12 | swizzled, "paged out 2:1234000"},
		{"mask not known, bit 45 stored", w2004, 0x201234<<32&^(1<<53) | 1<<45 | 0x80, "paged out 0:1234000"},
		{"mask not known, bit 45 clear", w2004, 0x1234<<32 | 0x80, "paged out 0:1234000"},
		{"mask not known, swizzle bit keeps bit 45", w2004, 0x3234<<32 | 0x80 | swizzled, "paged out 0:3234000"},
		{"compressed", w2004, 0x1234<<32 | 0x80 | 5<<12 | swizzled, "compressed 5:1234000"},
		{"transition", win7, 0x601000 | 0x860, "byte B"},
		{"transition, swizzle bit", w2004, 0x601000 | 0x860 | swizzled, "byte B"},
		{"transition, bit 45 stored", w2004, 1<<45 | 0x601000 | 0x860, "byte B"},
		{"transition, mask not known and not used", w2004, 0x601000 | 0x860, "byte B"},
		{"transition, upper bits unused", win7, 0xabcd<<48 | 0x601000 | 0x860, "byte B"},
		{"transition frame not in the dump", win7, 0x999000 | 0x860, "not in the dump"},
		{"bit 11 with prototype is no transition", w2004, 0x8a0f55667000<<16 | 0xc00 | swizzled, "byte C"},
		{"valid wins over all", w2004, 0x602000 | 0xc00 | old, "byte C"},
		{"prototype, found by the VAD", win7, 0xffffffff<<32 | 0x420, "not mapped"},
		{"prototype, found by the VAD, new", w2004, 0xffffffff<<32 | 0x480, "not mapped"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := space(t, x64([]uint64{c.pte}, 0x602001), paging.Config{
				Mode: paging.ModeX64, Layout: paging.LayoutFor(paging.ModeX64, c.build), CompressionStores: 1 << 5,
			})
			if got := outcome(s, kernel); got != c.want {
				t.Errorf("PTE %#x: %s, want %s", c.pte, got, c.want)
			}
		})
	}
}

// TestSoftwarePTE32 does the same for both 32-bit layouts.
func TestSoftwarePTE32(t *testing.T) {
	const xp, seven = 2600, 7601
	for _, c := range []struct {
		name  string
		build uint32
		pte   uint32
		want  string
	}{
		{"zero", xp, 0, "not mapped"},
		{"demand zero", xp, 0x80, "demand zero"},
		{"decommitted", xp, 0x200, "not mapped"},
		{"no access", seven, 0x300, "no access"},
		{"pagefile", xp, 0x1234080, "paged out 0:1234000"},
		{"pagefile 15", seven, 0x1234080 | 15<<1, "paged out 15:1234000"},
		{"last page", xp, 0xffffe080 | 1<<1, "paged out 1:ffffe000"},
		{"transition", xp, 0x601860, "byte B"},
		{"found by the VAD", xp, 0xfffff420, "not mapped"},
		{"prototype, XP: offset 10c of the pool", xp, 0x10c&^0x1ff>>9<<11 | 0x10c&0x1ff>>2<<1 | 0x400, "byte C"},
		{"prototype, XP: read-only bit is no address", xp, 0x10c&0x1ff>>2<<1 | 0x500, "byte C"},
		{"prototype, XP: offset 30c of the pool", xp, 0x300>>9<<11 | 0x10c>>2<<1 | 0x400, "byte A"},
		{"prototype, 7", seven, (proto32|0x10c)&0x7ffffc00<<1 | 0x10c>>2<<1 | 0x400, "byte C"},
		{"prototype, 7: eight low bits", seven, (proto32|0x30c)&0x7ffffc00<<1 | 0x30c>>2<<1 | 0x400, "byte A"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := x86([]uint32{c.pte})
			r.put32(proto32PA+0x10c, 0x602001)
			r.put32(proto32PA+0x30c, 0x600001)
			s := space(t, r, paging.Config{Mode: paging.ModeX86, Layout: paging.LayoutFor(paging.ModeX86, c.build)})
			if got := outcome(s, driver); got != c.want {
				t.Errorf("PTE %#x: %s, want %s", c.pte, got, c.want)
			}
		})
	}
}

// files is a resolver that knows one subsection, whose prototype PTEs begin at
// protoVA.
func files(want uint64) paging.FileResolver {
	return func(_ memsource.Source, subsection, protoPTE uint64) (string, uint64, error) {
		if subsection != want {
			return "", 0, fmt.Errorf("no subsection at %x", subsection)
		}
		return `\driver.sys`, (protoPTE & 0xfff) / 8 * 0x1000, nil
	}
}

// TestPrototypePTE holds every form the content of a prototype PTE can have.
func TestPrototypePTE(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420 // the PTE that leads to protoVA
	const sub = 0xffffbe8000012340
	const fileForm = sub & 0xffffffffffff << 16
	for _, c := range []struct {
		name  string
		build uint32
		value uint64
		want  string
	}{
		{"valid", win7, 0x602000 | 0x8000000000000001, "byte C"},
		{"transition", win7, 0x601000 | 0x8a0, "byte B"},
		{"transition, bit 45 stored", w2004, 1<<45 | 0x601000 | 0x8a0, "byte B"},
		{"zero", win7, 0, "demand zero"},
		{"demand zero", win7, 0x80, "demand zero"},
		{"pagefile", win7, 0x77<<32 | 0x80 | 1<<1, "paged out 1:77000"},
		{"pagefile, new place", w1803, 0x77<<32 | 0x80 | 1<<12 | 1<<4, "paged out 1:77000"},
		{"file", win7, fileForm | 0x460, `not resident \driver.sys:2000`},
		{"file, new", w2004, fileForm | 0x460 | 1<<4, `not resident \driver.sys:2000`},
		{"file, cold page", w2004, fileForm | 0xc60 | 1<<4, `not resident \driver.sys:2000`},
		{"file, bit 45 stored", w2004, (fileForm | 1<<45) | 0x460, `not resident \driver.sys:2000`},
		{"file, 22H2 mark", w22H2, sub, "not resident :0"},
		{"file, 22H2 mark with bits 10 and 11", w22H2, sub | 0xc00, "not resident :0"},
		{"file, usual form in 22H2", w22H2, fileForm | 0x460 | 1<<4, `not resident \driver.sys:2000`},
		{"mark unknown before 22H2", w2004, sub, "paged out 2:ffff9e80000"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			pte := uint64(proto + 16<<16) // the third prototype PTE
			if c.build >= w1803 {
				pte |= 1 << 4
			}
			s := space(t, x64([]uint64{pte}, 0, 0, c.value), paging.Config{
				Mode: paging.ModeX64, Layout: paging.LayoutFor(paging.ModeX64, c.build), ResolveFile: files(sub),
			})
			if got := outcome(s, kernel); got != c.want {
				t.Errorf("prototype PTE %#x: %s, want %s", c.value, got, c.want)
			}
		})
	}
}

// TestSubsection32 covers both 32-bit spellings of a subsection's address.
func TestSubsection32(t *testing.T) {
	based := paging.LayoutFor(paging.ModeX86, 2600)
	based.Subsection.Base = 0x81000000
	for _, c := range []struct {
		name   string
		layout paging.Layout
		value  uint32
		want   uint64
	}{
		{"XP, from the start of the pool", based, 1<<31 | 0x345678>>7<<11 | 0x345678>>3&15<<1 | 0x400, 0x81345678},
		{"XP, from its end", based, 0x12348>>7<<11 | 0x12348>>3&15<<1 | 0x400, 0xffbe0000 - 0x12348},
		{"7", paging.LayoutFor(paging.ModeX86, 7601), 0x81345678&0x7ffffc00<<1 | 0x81345678&0x3fe | 0x400, 0x81345678},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			pte := uint32(0x400) // XP: offset 0 of the pool
			if c.layout.Proto.Base == 1<<31 {
				pte |= proto32 & 0x7ffffc00 << 1
			}
			var asked uint64
			s := space(t, x86([]uint32{pte}, c.value), paging.Config{Mode: paging.ModeX86, Layout: c.layout,
				ResolveFile: func(_ memsource.Source, subsection, protoPTE uint64) (string, uint64, error) {
					asked = subsection
					return "a.sys", 0x600, nil
				}})
			if got := outcome(s, driver); got != "not resident a.sys:600" || asked != c.want {
				t.Errorf("%s, subsection %#x; want %#x", got, asked, c.want)
			}
		})
	}
}

// TestFileNameTrouble: the page is known to be in a file also when its name
// cannot be had, and the reason for that is kept.
func TestFileNameTrouble(t *testing.T) {
	xp := paging.LayoutFor(paging.ModeX86, 2600)
	failing := func(memsource.Source, uint64, uint64) (string, uint64, error) { return "", 0, io.ErrNoProgress }
	for _, c := range []struct {
		name    string
		resolve paging.FileResolver
		value   uint32
		text    string
	}{
		{"no resolver", nil, 0x400, "no way to read file names was given"},
		{"resolver fails", failing, 0x400, io.ErrNoProgress.Error()},
		{"base not known", failing, 1<<31 | 0x400, "subsection: the base its address is relative to is not known"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := space(t, x86([]uint32{0x400}, c.value), paging.Config{Mode: paging.ModeX86, Layout: xp, ResolveFile: c.resolve})
			want := "fe0c8000: not resident: in a file whose name is not known: " + c.text
			if got := answer(s, driver); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestKnownMask: with the kernel's own mask nothing is guessed.
func TestKnownMask(t *testing.T) {
	l := paging.LayoutFor(paging.ModeX64, w2004)
	l.InvalidMask, l.MaskKnown = 1<<45|1<<40, true
	const both = 1<<45 | 1<<40
	const proto = protoVA & 0xffffffffffff << 16
	for _, c := range []struct {
		name string
		pte  uint64
		want string
	}{
		{"offset is xored", 0x1234<<32 ^ both | 0x80, "paged out 0:1234000"},
		{"offset with a bit of the mask", 0x2134<<32&^both | 0x80, "paged out 0:2134000"},
		{"swizzle bit: as it is", 0x2134<<32 | 0x80 | 1<<4, "paged out 0:2134000"},
		{"frame is cleared", 0x601000 | both | 0x860, "byte B"},
		{"prototype is cleared", proto | 0x400 | both&^proto, "byte C"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := x64([]uint64{c.pte}, 0x602001)
			if c.name == "prototype is cleared" { // its address must not use bits of the mask
				next := uint64(0x700000)
				r.put64(r.map64(protoVA&^(both>>16), &next), protoPA|3)
			}
			s := space(t, r, paging.Config{Mode: paging.ModeX64, Layout: l})
			if got := outcome(s, kernel); got != c.want {
				t.Errorf("PTE %#x: %s, want %s", c.pte, got, c.want)
			}
		})
	}
}

// TestPrototypeNotReadable: nothing is known of a page whose prototype PTE is
// out, and the fault says why without claiming it of the page.
func TestPrototypeNotReadable(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420
	for _, c := range []struct {
		name     string
		protoPTE uint64 // of the page the prototype PTE is in
		cause    string
		paged    bool
	}{
		{"paged out", 0x55<<32 | 0x80, "paged out: pagefile 0 offset 0x55000", true},
		{"not mapped", 0, "not mapped", false},
		{"not in the dump", 0x999001, "page 999 is not in the dump", false},
		{"endless", proto, "prototype PTEs lead to prototype PTEs without end", false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := x64([]uint64{proto})
			next := uint64(0x700000)
			r.put64(r.map64(protoVA, &next), c.protoPTE)
			s := space(t, r, paging.Config{Mode: paging.ModeX64})
			err := memsource.ReadFull(s, make([]byte, 1), kernel)
			f, ok := errors.AsType[*memsource.Fault](err)
			if !ok || f.Addr != kernel || f.Reason != memsource.ReasonTableNotInDump || f.PTE != proto {
				t.Fatalf("got %+v", f)
			}
			if !strings.HasSuffix(err.Error(), c.cause) || !strings.Contains(err.Error(), "prototype PTE: ") {
				t.Errorf("text %q, want the cause %q", err, c.cause)
			}
			if errors.Is(err, memsource.ErrPagedOut) != c.paged || errors.Is(err, memsource.ErrNotMapped) {
				t.Errorf("%v matches the wrong sentinels", err)
			}
		})
	}
}

// TestPrototypeOfPrototype: the page of a prototype PTE is pageable and may
// itself be found through a prototype PTE.
func TestPrototypeOfPrototype(t *testing.T) {
	const second = 0xffff8a0f77000000
	r := x64([]uint64{protoVA&0xffffffffffff<<16 | 0x420}, 0x602001)
	next := uint64(0x700000)
	r.put64(r.map64(protoVA, &next), second&0xffffffffffff<<16|0x420)
	r.put64(r.map64(second, &next), 0x613001)
	r.put64(0x613000, protoPA|0x8a0) // in transition
	if got := outcome(space(t, r, paging.Config{Mode: paging.ModeX64}), kernel); got != "byte C" {
		t.Errorf("got %s, want byte C", got)
	}
}

// TestTablesOut: page tables are pageable too.
func TestTablesOut(t *testing.T) {
	pde := uint64(pd64 + 8*0x91)
	for _, c := range []struct {
		name string
		pde  uint64
		want string
		text string
	}{
		{"transition", pt64 | 0x860, "byte A", ""},
		{"paged out", 0x33<<32 | 0x80, "page table not available len bb000", "page table: fffff800`12345000: paged out: pagefile 0 offset 0x33000"},
		{"demand zero", 0x80, "demand zero len bb000", ""},
		{"prototype", protoVA&0xffffffffffff<<16 | 0x420, "not mapped len bb000", ""},
		{"bit 11 with prototype is no transition", pt64 | 0xc60, "not mapped len bb000", ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			r := x64([]uint64{0x600003}, pt64|3)
			r.put64(pde, c.pde)
			s := space(t, r, paging.Config{Mode: paging.ModeX64})
			if got := outcome(s, kernel); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err := memsource.ReadFull(s, make([]byte, 1), kernel); c.text != "" && !strings.HasSuffix(err.Error(), c.text) {
				t.Errorf("got %v, want %s", err, c.text)
			}
		})
	}
}

// TestTrouble: what goes wrong in physical memory is not made a property of
// the page, wherever on the way it happens.
func TestTrouble(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, frame := range []uint64{root64, pt64, 0x600000, protoPA, 0x602000} {
		for _, reason := range []memsource.Reason{memsource.ReasonIO, memsource.ReasonTruncated, memsource.ReasonCanceled} {
			phys := x64([]uint64{0x600003, protoVA&0xffffffffffff<<16 | 0x420}, 0x602001).source()
			phys.AddFault(frame, 0x1000, memsource.Fault{Reason: reason, Err: io.ErrClosedPipe})
			s, err := paging.New(phys, paging.Config{Mode: paging.ModeX64, Root: root64})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.ReadMemory(make([]byte, 0x2000), kernel)
			f, ok := errors.AsType[*memsource.Fault](err)
			table := reason == memsource.ReasonTruncated && f.Reason == memsource.ReasonTableNotInDump
			if !ok || (f.Reason != reason && !table) || (!errors.Is(err, io.ErrClosedPipe) && !table) {
				t.Errorf("frame %#x, %v: got %v", frame, reason, err)
			}
		}
	}
	s := space(t, x64([]uint64{0x600003}), paging.Config{Mode: paging.ModeX64})
	if err := memsource.ReadFull(memsource.Bind(ctx, s), make([]byte, 1), kernel); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestResolverReadsMemory: a resolver gets the space to read structures from,
// in which faults have no names, so that it cannot be called again.
func TestResolverReadsMemory(t *testing.T) {
	const proto = protoVA&0xffffffffffff<<16 | 0x420
	calls := 0
	s := space(t, x64([]uint64{proto, 0x601003}, 0x460), paging.Config{Mode: paging.ModeX64,
		ResolveFile: func(virt memsource.Source, _, _ uint64) (string, uint64, error) {
			calls++
			b, err := memsource.U8(virt, kernel+0x1000)
			if err != nil {
				return "", 0, err
			}
			_, err = memsource.U8(virt, kernel) // the very page that is asked about
			f, ok := errors.AsType[*memsource.Fault](err)
			if !ok || f.Reason != memsource.ReasonFileBacked || f.File != "" {
				return "", 0, fmt.Errorf("inner fault %v", err)
			}
			return string(rune(b)), 0, nil
		}})
	if got := outcome(s, kernel); got != "not resident B:0" || calls != 1 {
		t.Errorf("got %s after %d calls", got, calls)
	}
}
