package kd

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
)

// machineIA64 is the machine word of Itanium (winnt.h).
const machineIA64 = 0x200

// What is below was measured with Microsoft's kd 6.12, one bit of an entry at a time.
const (
	pageIA64   = 13
	regionIA64 = uint64(7) << 61
	kseg0IA64  = 0xe000000080000000
	kseg3IA64  = 0x8000000000000000 // physical memory, mapped without tables
	ksegIA64   = 44                 // bits of a physical address there
	frameIA64  = 1<<51 - 1<<pageIA64
	vadIA64    = 1<<32 - 1 // in the upper half of a prototype PTE: the VADs decide

	maxShared   = 4 // prototype PTEs in memory that is itself shared
	failedIA64  = 0xd0000147
	pagedIA64   = 0x10000114
	unreadyIA64 = 0x80004002
)

// levelsIA64 are the levels of the page tables from the top; each region has them
// mapped at the same place.
func levelsIA64() [3]tableLevel {
	return [...]tableLevel{{"PPE", "PDE1", 0x1fffffffffe00000, 33}, {"PDE", "PDE2", 0x1fffffff80000000, 23}, {"PTE", "PTE", 0x1ffffe0000000000, pageIA64}}
}

// mappedIA64 is where the entry of an address is mapped.
func (l tableLevel) mappedIA64(va uint64) uint64 {
	return va&regionIA64 | (l.base + va&(1<<51-1)>>l.bits<<3)
}

// ownerIA64 is the address whose entry is mapped at va, and how many levels lead to
// the entry; levels is -1 where va is no address of an entry.
func ownerIA64(va uint64) (of uint64, levels int) {
	for i, l := range levelsIA64() {
		if off := va&^regionIA64 - l.base; off < 8<<(10*(i+1)) {
			return va&regionIA64 | off>>3<<l.bits, i
		}
	}
	return va, -1
}

// pageTablesIA64 is !pte.
func (s *Session) pageTablesIA64(ctx context.Context, va uint64) {
	if of, levels := ownerIA64(va); levels == 2 {
		va = of
	}
	s.printf("%30sVA %s\n", "", s.plain(va))
	var at, contains, says []string
	missing, last := "", uint64(1)
	for _, l := range levelsIA64() {
		addr := l.mappedIA64(va)
		at = append(at, fmt.Sprintf("%s at %016X", l.name, addr))
		if missing != "" || last&1 == 0 {
			continue
		}
		var b [8]byte
		if _, err := s.read(ctx, b[:], addr); err != nil {
			missing = fmt.Sprintf("Unable to get %s %016X\n", l.name, addr)
			continue
		}
		last = binary.LittleEndian.Uint64(b[:])
		contains, says = append(contains, fmt.Sprintf("contains %016X", last)), append(says, validIA64(last))
	}
	s.printf("%s\n", strings.Join(at, "    "))
	if len(contains) > 0 {
		s.printf("%s\n%s\n", strings.Join(contains, "  "), strings.Join(says, "  "))
	}
	s.printf("%s", missing)
	if last&1 == 0 && len(contains) == len(at) {
		s.absentIA64(last)
	}
	s.printf("\n")
}

// validIA64 is what !pte says of an entry: the frame and its flags.
func validIA64(v uint64) string {
	if v&1 == 0 {
		return "not valid"
	}
	set := func(letter, other string, on bool) string {
		if on {
			return letter
		}
		return other
	}
	attribute := v >> 2 & 7
	flags := set("E", "-", v>>9&1 == 1) + set("S", "-", attribute == 1) + set("T", "-", attribute == 6) + set("N", "-", attribute == 4) +
		set("C", "-", v>>12&1 == 1) + set("D", "-", v>>6&1 == 1) + set("A", "-", v>>5&1 == 1) + set("U", "K", v>>7&3 != 0) + set("W", "R", v>>10&1 == 1)
	return fmt.Sprintf("pfn %-10x %sV", v&frameIA64>>pageIA64, flags)
}

// absentIA64 says where the page of a PTE is that is not valid.
func (s *Session) absentIA64(v uint64) {
	protect := v >> 2 & 0x1f
	row := func(format string, args ...any) { s.printf("%55s%s\n", "", fmt.Sprintf(format, args...)) }
	switch prototype := v>>1&1 == 1; {
	case v == 0:
		return
	case prototype && v>>32 != vadIA64:
		row("Proto: %016X", prototypeIA64(v))
		return
	case prototype:
		row("Proto: VAD")
	case v>>7&1 == 1:
		row("Transition: %x", v&frameIA64>>pageIA64)
	case v>>32 == 0 && protect != 0 && protect != 0x10 && protect != 0x18:
		row("DemandZero")
	default:
		row("PageFile:  %x", v>>28&0xf)
		row("Offset: %x", v>>32)
	}
	row("%s", strings.TrimRight(fmt.Sprintf("Protect: %x - %s", protect, protectIA64(protect)), " -"))
}

func prototypeIA64(pte uint64) uint64 { return regionIA64 | pte>>12 }

// protectIA64 is the name of a protection, with how it is cached.
func protectIA64(p uint64) string {
	switch p {
	case 0x10:
		return "Decommitted"
	case 0x18:
		return "No Access"
	case 0x1f:
		return "Outswapped kernel stack"
	}
	names := [...]string{"", "Readonly", "Execute", "ExecuteRead", "ReadWrite", "ReadWriteCopy", "ReadWriteExecute", "ReadWriteCopyExecute"}
	return names[p&7] + [...]string{"", " UC", " G", " WC"}[p>>3]
}

// vtopIA64 is !vtop: the frame of the root, 0 for that of the process.
func (s *Session) vtopIA64(ctx context.Context, frame string, va uint64) error {
	root, err := s.number(ctx, frame)
	if err != nil {
		return err
	}
	if root <<= pageIA64; root == 0 {
		root = s.process.Root &^ (1<<pageIA64 - 1)
	}
	pa, failure := s.walkIA64(ctx, root, va, 0)
	if failure != 0 {
		s.printf("Virtual address %x translation fails, error 0x%X.\n", va, failure)
		return nil
	}
	s.printf("Virtual address %x translates to physical address %x.\n", va, pa)
	return nil
}

// walkIA64 shows each step of a walk; failure is not 0 where it leads nowhere. depth
// counts the prototype PTEs on the way here.
func (s *Session) walkIA64(ctx context.Context, root, va uint64, depth int) (pa, failure uint64) {
	s.printf("Ia64VtoP: Virt %s, pagedir %x:%s\n", s.addr(va), va>>61, s.short(root))
	if pa, kind := directIA64(va); kind != 0 {
		s.printf("Ia64VtoP: Direct phys %d %s\n", kind, s.short(pa))
		return pa, 0
	}
	of, n := ownerIA64(va)
	if levels := levelsIA64(); n >= 0 {
		s.printf("Ia64VtoP: %s VA\n", levels[n].walk)
	} else {
		n = len(levels)
	}
	table, failure := s.tablesIA64(ctx, root, of, n)
	switch {
	case failure != 0:
		return 0, failure
	case table&1 == 0 && table>>1&1 == 1:
		return s.sharedIA64(ctx, table, va, depth+1)
	}
	return s.mappedIA64(table, va), 0
}

// directIA64 is the physical address of one that needs no tables.
func directIA64(va uint64) (pa uint64, kind int) {
	switch high := va << 3 >> (3 + ksegIA64); {
	case va >= kseg0IA64 && va < kseg0IA64+1<<30:
		return va - kseg0IA64, 3
	case va>>61 == 4 && high == 0:
		return va & (1<<ksegIA64 - 1), 1
	case va>>61 == 5 && high == 0:
		return va & (1<<ksegIA64 - 1), 2
	}
	return 0, 0
}

// tablesIA64 goes through the last n levels to the entry whose page is wanted: one
// that is valid, in transition, or prototype.
func (s *Session) tablesIA64(ctx context.Context, root, of uint64, n int) (entry, failure uint64) {
	levels := levelsIA64()
	entry = root | 1
	for i, l := range levels[:n] {
		name := levels[len(levels)-n+i].walk
		at := entry&frameIA64 + of>>l.bits&1023*8
		v, err := s.physicalIA64(ctx, at)
		if err != nil {
			s.printf("Ia64VtoP: %s %s read error 0x%x\n", name, s.short(at), uint32(unreadyIA64))
			return 0, unreadyIA64
		}
		s.printf("Ia64VtoP: %s %s - %016x, 0x0\n", name, s.short(at), v)
		if failure = s.stepIA64(name, v); failure != 0 {
			return 0, failure
		}
		entry = v
	}
	return entry, 0
}

// stepIA64 says why an entry leads nowhere, and with which status.
func (s *Session) stepIA64(name string, v uint64) uint64 {
	switch last := name == "PTE"; {
	case v&1 == 1:
		return 0
	case v == 0:
		s.printf("Ia64VtoP: zero %s\n", name)
	case !last:
		s.printf("Ia64VtoP: %s not present\n", name)
	case v>>1&1 == 1 && v>>32 == vadIA64:
		s.printf("Ia64VtoP: prototype PTE - lookup needed\n")
	case v>>1&1 == 1 || v>>7&1 == 1:
		return 0
	default:
		s.printf("Ia64VtoP: PTE not present, pagefile %x:%x\n", v>>28&0xf, v>>32<<pageIA64)
		return pagedIA64
	}
	return failedIA64
}

// sharedIA64 is the page that the prototype PTE of an entry names.
func (s *Session) sharedIA64(ctx context.Context, entry, va uint64, depth int) (pa, failure uint64) {
	root, err := s.env(ctx).Address(ctx, "nt!MmSystemParentTablePage")
	if err != nil || depth > maxShared {
		return 0, failedIA64
	}
	var b [8]byte
	_, _ = s.read(ctx, b[:], root) // 0 where it is out: a walk from nowhere
	at, failure := s.walkIA64(ctx, binary.LittleEndian.Uint64(b[:])<<pageIA64, prototypeIA64(entry), depth)
	if failure != 0 {
		return 0, failure
	}
	v, err := s.physicalIA64(ctx, at)
	if err != nil || v&1 == 0 {
		s.printf("IA64VtoP: prototype PTE invalid\n")
		return 0, failedIA64
	}
	return s.mappedIA64(v, va), 0
}

func (s *Session) mappedIA64(entry, va uint64) uint64 {
	pa := entry&frameIA64 | va&(1<<pageIA64-1)
	s.printf("Ia64VtoP: Mapped phys %s\n", s.short(pa))
	return pa
}

// physicalIA64 reads a word of physical memory, in the region that maps it.
func (s *Session) physicalIA64(ctx context.Context, pa uint64) (uint64, error) {
	if pa>>ksegIA64 != 0 {
		return 0, errNoMemory
	}
	var b [8]byte
	_, err := s.read(ctx, b[:], kseg3IA64|pa)
	return binary.LittleEndian.Uint64(b[:]), err
}

// short spells an address without zeros in front.
func (s *Session) short(v uint64) string {
	if v>>32 == 0 {
		return fmt.Sprintf("%x", v)
	}
	return fmt.Sprintf("%x`%08x", v>>32, uint32(v))
}
