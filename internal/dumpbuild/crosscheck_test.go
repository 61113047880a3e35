package dumpbuild_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/qemutest"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/nt"
)

// crossEnv asks for the comparison with programs that are not ours.
const crossEnv = "SYMRES_CROSSCHECK"

func needTools(t *testing.T, tools ...string) {
	t.Helper()
	if os.Getenv(crossEnv) != "1" {
		t.Skipf("NOT CROSS-CHECKED with independent programs: run bash .ci/crosscheck, or set %s=1 with %s installed",
			crossEnv, strings.Join(tools, " and "))
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT CROSS-CHECKED: %v; bash .ci/crosscheck installs what is needed on Debian", err)
		}
	}
}

// crossSpecs are the ready-made dumps, and some with more missing.
func crossSpecs(t *testing.T) map[string]dumpbuild.Spec {
	specs := map[string]dumpbuild.Spec{}
	for name := range seeds() {
		specs[name] = seed(t, name)
	}
	for name, change := range map[string]func(*dumpbuild.Spec){
		"x86 full": func(s *dumpbuild.Spec) { s.PAE = true }, "x64 full": func(s *dumpbuild.Spec) { s.FiveLevels = true },
	} {
		s := seed(t, name)
		change(&s)
		specs[name+" other tables"] = s
	}
	for _, name := range []string{"x86 full", "x64 bitmap"} {
		s := seed(t, name)
		s.Modules[2].EntryOut, s.Modules[3].NamesOut, s.Modules[4].TableOut = true, true, true
		specs[name+" damaged"] = s
	}
	s := seed(t, "x64 full")
	s.PTEMask = 1 << 45
	specs["x64 full InvalidPteMask"] = s
	return specs
}

// TestCrossCheckHeader compares the header with what file(1) says of it.
func TestCrossCheckHeader(t *testing.T) {
	needTools(t, "file")
	specs := crossSpecs(t)
	triage, err := dumpbuild.Seed64(fixture.Read, dumpbuild.Triage)
	if err != nil {
		t.Fatal(err)
	}
	specs["x64 triage"] = triage
	for name, s := range specs {
		t.Run(name, func(t *testing.T) {
			b := build(t, s)
			path := filepath.Join(t.TempDir(), "memory.dmp")
			if err := os.WriteFile(path, b.b, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "file", "--brief", path).CombinedOutput()
			if err != nil {
				t.Fatalf("file: %v: %s", err, out)
			}
			b.in(t).said(strings.TrimSpace(string(out)))
		})
	}
}

// said checks what file(1) said against what crashdump says. Only full dumps
// have their number of pages in the header.
func (b built) said(line string) {
	b.t.Logf("file(1): %s", line)
	f := b.reader()
	h := f.Header()
	if start := fmt.Sprintf("MS Windows %dbit crash dump,", h.Bits); !strings.HasPrefix(line, start) {
		b.t.Errorf("not %q...", start)
	}
	full := h.Type == crashdump.TypeFull
	for part, want := range map[string]bool{
		", no PAE":                              h.Bits == 32 && !h.PAE,
		", PAE":                                 h.PAE,
		", full dump":                           full,
		fmt.Sprintf(", %d pages", len(b.order)): full,
	} {
		if strings.Contains(line, part) != want {
			b.t.Errorf("%q should be there: %v", part, want)
		}
	}
}

func (b built) reader() *crashdump.File {
	b.t.Helper()
	f, err := crashdump.New(bytes.NewReader(b.b), int64(len(b.b)))
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// TestCrossCheckPages gives the physical pages of a dump to QEMU and compares
// what its page walk finds in the whole address space with what ours finds.
func TestCrossCheckPages(t *testing.T) {
	needTools(t, qemutest.Program)
	for name, s := range crossSpecs(t) {
		t.Run(name, func(t *testing.T) {
			b := build(t, s)
			k, err := nt.FromDump(b.in(t).reader())
			if err != nil {
				t.Fatal(err)
			}
			c := crossing{t: t, built: b, hw: boot(t, b.dump), ours: k.Memory()}
			c.hw.translate(c.mode(), b.facts.Root)
			c.modules()
			c.space(c.field(1<<32, 0))
			t.Logf("kernel: %v", &c.tally)
			for _, p := range b.facts.Processes {
				c.process(p)
			}
		})
	}
}

// crossing compares two readers of one address space.
type crossing struct {
	t *testing.T
	built
	hw   *guest
	ours memsource.Source
	soft map[uint64]bool // pages only Windows' own way of reading finds
	tally
}

// tally counts pages, and holes of any size.
type tally struct{ equal, notInDump, soft, holes int }

func (n *tally) String() string {
	return fmt.Sprintf("%d pages equal, %d mapped but not in the dump, %d readable by software only, %d holes",
		n.equal, n.notInDump, n.soft, n.holes)
}

// seen is what the two have at a page: no bytes where there is a hole.
type seen struct {
	hw, ours []byte
	fault    *memsource.Fault
}

// look reads a page both ways and compares, but for pages that only ours has.
func (c *crossing) look(va uint64) seen {
	s := seen{hw: c.hw.page(va)}
	buf := make([]byte, pageBytes)
	n, err := c.ours.ReadMemory(buf, va)
	s.fault, _ = errors.AsType[*memsource.Fault](err)
	switch {
	case err == nil:
		s.ours = buf
	case s.fault == nil || n != 0 || s.fault.Addr != va || s.fault.Len == 0 || s.fault.Len%pageBytes != 0:
		c.t.Fatalf("%x: after %d bytes not the fault of whole pages: %v (%+v)", va, n, err, s.fault)
	}
	switch {
	case s.hw != nil && s.ours != nil && !bytes.Equal(s.hw, s.ours):
		c.t.Errorf("%x: the processor reads % x..., symres % x...", va, s.hw[:16], s.ours[:16])
	case s.hw != nil && s.ours == nil && s.fault.Reason != memsource.ReasonNotInDump:
		c.t.Errorf("%x: mapped for the processor (% x...), for symres %v", va, s.hw[:16], s.fault)
	case s.hw != nil && s.ours == nil && !bytes.Equal(s.hw, absentPage(s.fault.Physical>>12)):
		c.t.Errorf("%x: the processor reads % x..., symres misses physical page %x", va, s.hw[:16], s.fault.Physical)
	}
	return s
}

// modules reads every page of every module.
func (c *crossing) modules() {
	c.soft = map[uint64]bool{}
	for i, m := range c.facts.Modules {
		for n, p := range m.Pages {
			hw, ours := expected(p.State, c.spec.Modules[i].TableOut)
			if ours && !hw {
				c.soft[p.Addr] = true
			}
			s := c.look(p.Addr)
			if (s.hw != nil) != hw || (s.ours != nil) != ours {
				c.t.Errorf("%s page %d in state %d: processor %v, symres %v (%v)", m.Name, n, p.State, s.hw != nil, s.ours != nil, s.fault)
			} else if ours && !bytes.Equal(s.ours, m.Memory[n*pageBytes:][:pageBytes]) {
				c.t.Errorf("%s page %d in state %d: other bytes than the image's", m.Name, n, p.State)
			}
		}
	}
}

// expected says who can read a page. A page whose PTE or prototype PTE is in
// transition, or whose prototype PTE alone is valid, is in memory, but the
// processor does not look that far; there and nowhere else it has less.
func expected(s dumpbuild.State, tableOut bool) (hw, ours bool) {
	if tableOut {
		return false, false
	}
	switch s {
	case dumpbuild.Resident:
		return true, true
	case dumpbuild.NotInDump: // the machine has something there, the dump nothing
		return true, false
	case dumpbuild.Transition, dumpbuild.PrototypeValid, dumpbuild.PrototypeTransition:
		return false, true
	}
	return false, false
}

// space goes through the address space from 0 to end, 0 being the top, hole by
// hole as our faults measure them. What the processor has mapped must be met
// on the way, page for page at its physical address; what only symres reads
// must be all of c.soft.
func (c *crossing) space(end uint64) {
	mapped, soft := c.hw.mapped(c.mode()), maps.Clone(c.soft)
	maps.DeleteFunc(mapped, func(va, _ uint64) bool { return end != 0 && va >= end })
	c.tally = tally{}
	for va := uint64(0); ; {
		s := c.look(va)
		step := uint64(pageBytes)
		switch {
		case s.hw != nil:
			c.meet(va, s, mapped)
		case s.ours != nil && !soft[va]:
			c.t.Errorf("%x: symres reads % x..., nothing is mapped", va, s.ours[:16])
		case s.ours != nil:
			delete(soft, va)
			c.tally.soft++
		default:
			c.holes++
			step = s.fault.Len
			c.look(va + step - pageBytes)
		}
		if next := va + step; next <= va || end != 0 && next >= end {
			break
		}
		va += step
	}
	if len(mapped) != 0 || len(soft) != 0 {
		c.t.Errorf("not met: %d pages mapped for the processor, %d readable by software, the first at %x and %x",
			len(mapped), len(soft), first(mapped), first(soft))
	}
}

// first returns the lowest few addresses.
func first[V any](pages map[uint64]V) []uint64 {
	all := slices.Sorted(maps.Keys(pages))
	return all[:min(len(all), 4)]
}

// meet takes a page out of those that are mapped.
func (c *crossing) meet(va uint64, s seen, mapped map[uint64]uint64) {
	pa, ok := mapped[va]
	delete(mapped, va)
	switch page := c.frame(pa >> 12); {
	case !ok:
		c.t.Errorf("%x: QEMU reads a page it does not list", va)
	case s.ours == nil:
		c.notInDump++
		if page != nil || s.fault.Physical != pa {
			c.t.Errorf("%x: physical %x for the processor, for symres %v", va, pa, s.fault)
		}
	default:
		c.equal++
		if !bytes.Equal(page, s.ours) {
			c.t.Errorf("%x: symres does not read physical page %x of the dump", va, pa)
		}
	}
}

// mode is the format of the page tables.
func (b built) mode() paging.Mode {
	switch {
	case b.spec.PAE:
		return paging.ModePAE
	case b.spec.FiveLevels:
		return paging.ModeLA57
	case b.wide:
		return paging.ModeX64
	}
	return paging.ModeX86
}

// process compares the user half of a process's address space.
func (c *crossing) process(p dumpbuild.ProcessFacts) {
	f := c.in(c.t).reader()
	phys, err := f.Physical()
	if err != nil {
		c.t.Fatal(err)
	}
	mode := c.mode()
	c.ours, err = paging.New(phys, paging.Config{Mode: mode, Root: p.Root, Layout: paging.LayoutFor(mode, c.spec.Build)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.soft = nil
	c.hw.Set("cr3", p.Root)
	c.space(c.field(1<<31, 1<<47))
	c.t.Logf("%s: %v", p.Name, &c.tally)
}
