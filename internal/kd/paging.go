package kd

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
)

// tableLevel is a level of the page tables of a machine.
type tableLevel struct {
	name string // as !pte calls it
	walk string // as !vtop calls it
	base uint64 // where its entries are mapped
	bits int    // pages below one entry, as a power of two
}

// pagingOf are the levels from the top, for the layouts that Windows maps at fixed
// places (before Windows 10 1607), and the size of an entry.
func (s *Session) pagingOf(ctx context.Context) (levels []tableLevel, size uint64, ok bool) {
	pae := s.kernelNumber(ctx, "nt!KdDebuggerDataBlock", 0x36)&1 != 0
	switch {
	case s.bits() == 64 && s.arch() == 0x8664:
		return []tableLevel{{"PXE", "PML4E", 0xfffff6fb7dbed000, 39}, {"PPE", "PDPE", 0xfffff6fb7da00000, 30}, {"PDE", "PDE", 0xfffff6fb40000000, 21}, {"PTE", "PTE", 0xfffff68000000000, 12}}, 8, true
	case s.bits() == 32 && pae:
		return []tableLevel{{"PDE", "PDE", 0xc0600000, 21}, {"PTE", "PTE", 0xc0000000, 12}}, 8, true
	case s.bits() == 32:
		return []tableLevel{{"PDE", "PDE", 0xc0300000, 22}, {"PTE", "PTE", 0xc0000000, 12}}, 4, true
	}
	return nil, 0, false
}

// kernelNumber is a word at a symbol of the kernel.
func (s *Session) kernelNumber(ctx context.Context, name string, offset uint64) uint64 {
	addr, err := s.env(ctx).Address(ctx, name)
	if err != nil {
		return 0
	}
	var b [2]byte
	_, _ = s.read(ctx, b[:], addr+offset) // 0 where it is out
	return uint64(binary.LittleEndian.Uint16(b[:]))
}

// levelOf is an entry of the tables for an address.
type levelOf struct {
	tableLevel
	addr, value uint64
	read        bool
}

func (s *Session) entriesOf(ctx context.Context, va uint64) ([]levelOf, bool) {
	levels, size, ok := s.pagingOf(ctx)
	if !ok {
		return nil, false
	}
	var out []levelOf
	width := map[int]uint64{32: 32, 64: 48}[s.bits()]
	for _, l := range levels {
		e := levelOf{tableLevel: l, addr: l.base + (va&(1<<width-1))>>l.bits*size}
		var b [8]byte
		_, err := s.read(ctx, b[:size], e.addr)
		e.value, e.read = binary.LittleEndian.Uint64(b[:]), err == nil
		out = append(out, e)
		if !e.read || e.value&1 == 0 || l.bits > 12 && e.value>>7&1 == 1 {
			break
		}
	}
	return out, true
}

// pageTables shows the entries as !pte does.
func (s *Session) pageTables(ctx context.Context, c Command) error {
	va, err := s.number(ctx, c.Args)
	if err != nil {
		return err
	}
	va = s.narrow(va)
	if s.arch() == machineIA64 && s.kernel() != nil {
		s.pageTablesIA64(ctx, va)
		return nil
	}
	list, ok := s.entriesOf(ctx, va)
	if !ok || s.kernel() == nil {
		return refuse("!pte: the page tables of this target are not mapped where they are known to be; .symres probe shows where a page is")
	}
	digits := s.bits() / 4
	_, size, _ := s.pagingOf(ctx)
	s.printf("%*sVA %s\n", 43-16+digits, "", s.plain(va))
	var at, contains, flags []string
	for _, e := range list {
		if !e.read {
			s.printf("Unable to get %s %s\n", e.name, strings.ToUpper(s.plain(e.addr)))
			break
		}
		at = append(at, fmt.Sprintf("%s at %s", e.name, strings.ToUpper(s.plain(e.addr))))
		contains = append(contains, fmt.Sprintf("contains %0*X", 2*int(size), e.value))
		flags = append(flags, validText(e.value))
	}
	if last := list[len(list)-1]; last.read && last.value&1 == 1 && last.bits > 12 { // a large page has no table below
		next, _, _ := s.pagingOf(ctx)
		low := next[len(list)]
		at = append(at, fmt.Sprintf("%s at %s", low.name, strings.ToUpper(s.plain(low.base+va>>low.bits<<map[uint64]uint{4: 2, 8: 3}[size]))))
		contains = append(contains, fmt.Sprintf("contains %0*X", 2*int(size), 0))
		flags = append(flags, fmt.Sprintf("LARGE PAGE pfn %x", last.value>>12&0xfffffffff+va>>12&(1<<(last.bits-12)-1)))
	}
	s.printf("%s\n%s\n%s\n", strings.Join(at, "    "), strings.Join(contains, "  "), strings.Join(flags, "  "))
	if n := len(list); n > 0 && list[n-1].read && list[n-1].value&1 == 0 {
		s.absentPage(list[n-1].value, size)
	}
	s.printf("\n")
	return nil
}

// validText is what !pte says of an entry: the frame and its flags.
func validText(v uint64) string {
	if v&1 == 0 {
		return "not valid"
	}
	flags := []byte("-----------")
	for i, f := range []struct {
		bit     int
		on, off byte
	}{{9, 'C', '-'}, {8, 'G', '-'}, {7, 'L', '-'}, {6, 'D', '-'}, {5, 'A', '-'}, {4, 'N', '-'}, {3, 'T', '-'}, {2, 'U', 'K'}, {1, 'W', 'R'}} {
		flags[i] = f.off
		if v>>f.bit&1 == 1 {
			flags[i] = f.on
		}
	}
	flags[9], flags[10] = 'E', 'V'
	if v>>63 == 1 {
		flags[9] = '-'
	}
	return fmt.Sprintf("pfn %-8x  %s", v>>12&0xfffffffff, flags)
}

// absentPage says where a page is that is not valid, by the forms of Windows before
// 10.
func (s *Session) absentPage(v, size uint64) {
	protect := v >> 5 & 0x1f
	row := func(format string, args ...any) { s.printf("%*s"+format+"\n", append([]any{60, ""}, args...)...) }
	switch {
	case v>>10&1 == 1:
		proto := uint64(int64(v) >> 16)
		if s.bits() == 32 {
			proto = v >> 32
		}
		row("Proto: %s", strings.ToUpper(s.plain(proto)))
		return
	case v>>11&1 == 1:
		row("Transition: %x", v>>12&0xfffffffff)
	case pageFileOffset(v, size) != 0:
		row("PageFile:  %x", v>>1&0xf)
		row("Offset: %x", pageFileOffset(v, size))
	case v == 0:
		return
	}
	row("Protect: %x - %s", protect, protectName(protect))
}

// pageFileOffset is where a page is in its pagefile, in pages: the upper half of an entry
// or, where entries have four bytes, what stands above the flags.
func pageFileOffset(v, size uint64) uint64 {
	if size == 4 {
		return v >> 12
	}
	return v >> 32
}

func protectName(p uint64) string {
	return []string{"NoAccess", "Readonly", "Execute", "ExecuteRead", "ReadWrite", "WriteCopy", "ExecuteReadWrite", "ExecuteWriteCopy"}[p&7]
}

// translate walks the page tables in physical memory, as far as the entries that are
// mapped tell it.
func (s *Session) translate(ctx context.Context, c Command) error {
	list := words(c.Args)
	if len(list) != 2 {
		return refuse("usage: !vtop DIRBASE ADDRESS")
	}
	va, err := s.number(ctx, list[1])
	if err != nil {
		return err
	}
	va = s.narrow(va)
	if s.arch() == machineIA64 && s.kernel() != nil {
		return s.vtopIA64(ctx, list[0], va)
	}
	entries, ok := s.entriesOf(ctx, va)
	if !ok || s.kernel() == nil {
		return refuse("!vtop: the page tables of this target are not mapped where they are known to be")
	}
	name := map[int]string{32: "X86VtoP", 64: "Amd64VtoP"}[s.bits()]
	s.printf("%s: Virt %s, pagedir %x\n", name, s.addr(va), s.process.Root)
	table := s.process.Root &^ 0xfff
	if s.bits() == 32 {
		table = s.process.Root
	}
	_, size, _ := s.pagingOf(ctx)
	for i, e := range entries {
		index := va >> e.bits & map[bool]uint64{true: 1<<10 - 1, false: 1<<9 - 1}[size == 4]
		if i == 0 && s.bits() == 32 && size == 8 {
			if frame, ok := s.directoryFrame(ctx, va); ok {
				s.printf("%s: PAE PDPE %x - %016x\n", name, s.process.Root+va>>30*8, frame|1)
				table = frame
			}
		}
		s.printf("%s: %s %x\n", name, e.walk, table+index*size)
		switch {
		case e.value&1 == 1 && (e.bits == 12 || e.value>>7&1 == 1):
			return s.translated(name, va, e.value>>12<<12&0xffffffffff000+va&(1<<e.bits-1))
		case e.value&1 == 0 && e.value>>11&1 == 1 && e.value>>10&1 == 0:
			return s.translated(name, va, e.value>>12<<12&0xffffffffff000+va&0xfff)
		case e.value&1 == 0:
			s.printf("%s: %s not present, pagefile %x:%x\n", name, e.name, e.value>>1&0xf, pageFileOffset(e.value, size)<<12)
			s.printf("Virtual address %x translation fails, error 0x10000114.\n", va)
			return nil
		}
		table = e.value >> 12 << 12 & 0xffffffffff000
	}
	return nil
}

// directoryFrame is the physical address of the page directory of an address under
// PAE: the four of them are mapped side by side.
func (s *Session) directoryFrame(ctx context.Context, va uint64) (uint64, bool) {
	list, ok := s.entriesOf(ctx, 0xc0600000+va>>30<<12)
	if !ok || len(list) == 0 || list[len(list)-1].value&1 == 0 {
		return 0, false
	}
	return list[len(list)-1].value >> 12 << 12 & 0xffffffffff000, true
}

func (s *Session) translated(name string, va, pa uint64) error {
	s.printf("%s: Mapped phys %x\nVirtual address %x translates to physical address %x.\n", name, pa, va, pa)
	return nil
}
