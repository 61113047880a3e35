package fingerprint

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// maxThunks bounds the import entries walked in all.
const maxThunks = 1 << 18

// readMasks finds the places of the image that somebody is to fill in. What of
// that is damaged is not masked; the bytes then count like others.
func (i *Image) readMasks() {
	if len(i.h.Directories) > dirIAT {
		d := i.h.Directories[dirIAT]
		i.mask(uint64(d.RVA), uint64(d.Size), Imports)
	}
	left := maxThunks
	for d := i.directory(dirImport); len(d) >= 20 && left > 0; d = d[20:] {
		thunks := binary.LittleEndian.Uint32(d[16:])
		if thunks == 0 {
			break
		}
		left -= i.maskThunks(thunks, left)
	}
	for d := i.directory(dirDelayImport); len(d) >= 32 && left > 0; d = d[32:] {
		const byRVA = 1 // attribute: the descriptor holds RVAs
		thunks := binary.LittleEndian.Uint32(d[12:])
		if binary.LittleEndian.Uint32(d)&byRVA == 0 || thunks == 0 {
			break
		}
		i.mask(uint64(binary.LittleEndian.Uint32(d[8:])), i.pointer(), Imports) // the module handle
		left -= i.maskThunks(thunks, left)
	}
	i.readLoadConfig(i.directory(dirLoadConfig))
	slices.SortFunc(i.masks, func(a, b mask) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	i.joinMasks()
}

// joinMasks makes the masks disjoint, so that they are ordered by their ends
// as well.
func (i *Image) joinMasks() {
	joined := i.masks[:0]
	for _, m := range i.masks {
		if n := len(joined); n > 0 && m.start < joined[n-1].end {
			last := &joined[n-1]
			last.end, last.why = max(last.end, m.end), last.why|m.why
			continue
		}
		joined = append(joined, m)
	}
	i.masks = joined
}

func (i *Image) mask(rva, size uint64, why Reason) {
	if end := min(rva+size, i.size); rva < end {
		i.masks = append(i.masks, mask{rva, end, why})
	}
}

// pointer is the size of a pointer.
func (i *Image) pointer() uint64 {
	if i.h.Is64() {
		return 8
	}
	return 4
}

// maskThunks masks the import entries from rva to the zero that ends them and
// returns how many there are. The file is read in pieces: the tables are short.
func (i *Image) maskThunks(rva uint32, limit int) (n int) {
	const piece = 128
	size := i.pointer()
	for at := uint64(rva); n < limit; at += piece * size {
		b := i.at(at, piece*size)
		for ; uint64(len(b)) >= size && n < limit; b = b[size:] {
			if i.word(b) == 0 {
				i.mask(uint64(rva), uint64(n)*size, Imports)
				return n + 1
			}
			n++
		}
		if uint64(len(b)) > 0 || at-uint64(rva) >= uint64(n)*size {
			break
		}
	}
	i.mask(uint64(rva), uint64(n)*size, Imports)
	return n + 1
}

// word reads a pointer.
func (i *Image) word(b []byte) uint64 {
	if i.h.Is64() {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

// slot is a pointer in the load configuration to a variable that the loader
// sets in images whose GuardFlags have the flag.
type slot struct {
	field int
	flag  uint32
	why   Reason
}

// Flags of GuardFlags (winnt.h, IMAGE_GUARD_*).
const (
	guardCF = 0x100   // control flow guard; MSVC sets it for all that came after, too
	guardRF = 0x20000 // return flow guard
)

// loadConfig has the offsets of IMAGE_LOAD_CONFIG_DIRECTORY's fields (winnt.h).
type loadConfig struct {
	lockPrefixes, cookie, flags int
	dynamic, dynamicSection     int
	slots                       []slot
}

func (i *Image) loadConfig() loadConfig {
	if i.h.Is64() {
		return loadConfig{lockPrefixes: 0x28, cookie: 0x58, flags: 0x90, dynamic: 0xe0, dynamicSection: 0xe4,
			slots: slots(0x70, 0x78, 0xd8, 0xe8, 0x118, 0x120, 0x128, 0x130, 0x138, 0x140)}
	}
	return loadConfig{lockPrefixes: 0x20, cookie: 0x3c, flags: 0x58, dynamic: 0x88, dynamicSection: 0x8c,
		slots: slots(0x48, 0x4c, 0x84, 0x90, 0xac, 0xb0, 0xb4, 0xb8, 0xbc, 0xc0)}
}

// slots are the fields in the order of winnt.h. Return flow guard was never
// released, and no released Windows is known to set the failure mode of cast
// guard or what UmaFunctionPointers names: their reason says that.
func slots(check, dispatch, failure, verify, xfgCheck, xfgDispatch, xfgTable, castGuard, memcpy, uma int) []slot {
	return []slot{
		{check, guardCF, LoaderSlots}, {dispatch, guardCF, LoaderSlots},
		{failure, guardRF, ReservedSlots}, {verify, guardRF, ReservedSlots},
		{xfgCheck, guardCF, LoaderSlots}, {xfgDispatch, guardCF, LoaderSlots}, {xfgTable, guardCF, LoaderSlots},
		{castGuard, guardCF, ReservedSlots}, {memcpy, guardCF, LoaderSlots}, {uma, guardCF, ReservedSlots},
	}
}

// readLoadConfig masks what the load configuration lists. The structure has
// grown with every version; it says its own size.
func (i *Image) readLoadConfig(b []byte) {
	if len(b) < 4 {
		return
	}
	le := binary.LittleEndian
	b = b[:min(uint64(len(b)), uint64(le.Uint32(b)))]
	l := i.loadConfig()
	if at, ok := i.rvaIn(b, l.cookie); ok {
		i.mask(at, i.pointer(), LoaderSlots)
	}
	i.maskSlots(b, l)
	if at, ok := i.rvaIn(b, l.lockPrefixes); ok {
		i.maskLockPrefixes(at)
	}
	if l.dynamicSection+2 <= len(b) {
		i.readDynamic(le.Uint32(b[l.dynamic:]), le.Uint16(b[l.dynamicSection:]))
	}
}

// rvaIn is the RVA of the address in a field of b, if it is one of the image.
func (i *Image) rvaIn(b []byte, field int) (uint64, bool) {
	if field+int(i.pointer()) > len(b) {
		return 0, false
	}
	va := i.word(b[field:])
	return va - i.h.ImageBase, va > i.h.ImageBase && va-i.h.ImageBase < i.size
}

// maskSlots masks the variables that the loader sets in this image.
func (i *Image) maskSlots(b []byte, l loadConfig) {
	if l.flags+4 > len(b) {
		return
	}
	flags := binary.LittleEndian.Uint32(b[l.flags:])
	for _, s := range l.slots {
		if at, ok := i.rvaIn(b, s.field); ok && flags&s.flag != 0 {
			i.mask(at, i.pointer(), s.why)
		}
	}
}

// maskLockPrefixes masks the prefixes that the zero-terminated table of
// addresses at rva lists.
func (i *Image) maskLockPrefixes(rva uint64) {
	const maxPrefixes = 1 << 14
	size := i.pointer()
	for b := i.at(rva, maxPrefixes*size); uint64(len(b)) >= size && i.word(b) != 0; b = b[size:] {
		i.mask(i.word(b)-i.h.ImageBase, 1, LockPrefix)
	}
}

// Symbols of dynamic value relocations (winnt.h, IMAGE_DYNAMIC_RELOCATION_*).
// The others name an address, or are of no concern for mapped images.
const (
	dynPrologue     = 1
	dynEpilogue     = 2
	dynImportCall   = 3
	dynIndirectCall = 4
	dynSwitchJump   = 5
	dynARM64X       = 6
	dynOverride     = 7
	dynARM64Import  = 8
)

// readDynamic masks what the dynamic value relocation table lists: call sites
// that the kernel rewrites when it loads a driver, and addresses that depend on
// where its own structures lie. The table lies in a section, at an offset.
//
// Source: winnt.h, IMAGE_DYNAMIC_RELOCATION_TABLE; how long a site is was
// measured in drivers built for it, see [siteOf]. Where the sites of an entry
// are not known to the byte, all that they may be in is masked: such a page
// proves nothing, and contradicts nothing.
func (i *Image) readDynamic(off uint32, section uint16) {
	if section == 0 || int(section) > len(i.h.Sections) {
		return
	}
	s := i.h.Sections[section-1]
	if off >= s.RawSize {
		return
	}
	b := i.at(uint64(s.VirtualAddress)+uint64(off), uint64(s.RawSize-off))
	const version1 = 1
	if len(b) < 8 {
		return
	}
	if binary.LittleEndian.Uint32(b) != version1 {
		i.maskSections(0) // of another form, whose sites may be anywhere
		return
	}
	b = b[8:min(uint64(len(b)), 8+uint64(binary.LittleEndian.Uint32(b[4:])))]
	head := int(i.pointer()) + 4
	for len(b) >= head {
		symbol, n := i.word(b), uint64(binary.LittleEndian.Uint32(b[head-4:]))
		b = b[head:]
		if n > uint64(len(b)) {
			return
		}
		i.maskDynamic(symbol, b[:n])
		b = b[n:]
	}
}

// maskDynamic masks the sites of one symbol: blocks as of base relocations.
func (i *Image) maskDynamic(symbol uint64, b []byte) {
	switch symbol {
	case dynPrologue, dynEpilogue:
		i.maskSections(scnExecute) // a header of its own, then sites in functions
		return
	case dynOverride:
		if !i.maskOverrides(b) {
			i.maskSections(scnExecute)
		}
		return
	}
	for len(b) >= 8 {
		page, n := uint64(binary.LittleEndian.Uint32(b)), binary.LittleEndian.Uint32(b[4:])
		if n < 8 || uint64(n) > uint64(len(b)) {
			return
		}
		if symbol == dynARM64X { // what makes the image another machine's; entries of several lengths
			i.mask(page, PageSize, Dynamic)
		} else {
			i.maskSites(symbol, page, b[8:n])
		}
		b = b[n:]
	}
}

// maskSites masks the sites of a page. Entries have 4 bytes for import calls
// and otherwise 2; the last of these may be padding.
func (i *Image) maskSites(symbol, page uint64, entries []byte) {
	size := 2
	if symbol == dynImportCall || symbol == dynARM64Import {
		size = 4
	}
	for ; len(entries) >= size; entries = entries[size:] {
		v := uint32(binary.LittleEndian.Uint16(entries))
		if size == 4 {
			v = binary.LittleEndian.Uint32(entries)
		}
		if last := len(entries) < 2*size; v == 0 && size == 2 && last {
			continue
		}
		from, to := siteOf(symbol, v)
		i.mask(page+from, to-from, Dynamic)
	}
}

// siteOf returns where in its page the site of an entry begins and ends. In
// drivers that have such sites these are a call or jump through the import
// table and the no-operation or INT3 behind it, 12 bytes; an indirect call or
// jump of 6 bytes, 7 with the prefix REX.W; and a jump through a register of 2
// bytes, 3 with the prefix for r8 to r15, with 4 INT3 behind it. ARM64 has the
// offset of the BLR or BR, counted in instructions; the two before it load the
// register, and may be rewritten with it.
//
// Source: winnt.h, IMAGE_IMPORT_CONTROL_TRANSFER_DYNAMIC_RELOCATION,
// IMAGE_IMPORT_CONTROL_TRANSFER_ARM64_RELOCATION,
// IMAGE_INDIR_CONTROL_TRANSFER_DYNAMIC_RELOCATION and
// IMAGE_SWITCHTABLE_BRANCH_DYNAMIC_RELOCATION.
func siteOf(symbol uint64, entry uint32) (from, to uint64) {
	from = uint64(entry & 0xfff)
	switch symbol {
	case dynImportCall:
		return from, from + 12
	case dynARM64Import:
		const instruction = 4
		at := uint64(entry&0x3ff) * instruction
		return at - min(at, 2*instruction), at + instruction
	case dynIndirectCall:
		return from, from + 6 + uint64(entry>>13&1)
	case dynSwitchJump:
		return from, from + 6 + uint64(entry>>15&1)
	}
	return from, from + 8 // a pointer
}

// maskSections masks the sections that have any of the characteristics, all of
// them for 0.
func (i *Image) maskSections(characteristics uint32) {
	for _, s := range i.h.Sections {
		if characteristics == 0 || s.Characteristics&characteristics != 0 {
			i.mask(uint64(s.VirtualAddress), uint64(max(s.VirtualSize, s.RawSize)), Dynamic)
		}
	}
}

// maskOverrides masks the branches to functions that have variants, of which
// the kernel chooses by processor. It reports false for a form that is not the
// one known: the size of all functions, and for each its RVA, an offset into
// the tree that decides, and the sizes in bytes of the variants' RVAs and of
// the blocks with its branches, which both follow.
//
// Source: winnt.h, IMAGE_FUNCTION_OVERRIDE_HEADER.
func (i *Image) maskOverrides(b []byte) bool {
	const header, branch = 16, 4
	le := binary.LittleEndian
	if len(b) < 4 || uint64(le.Uint32(b)) > uint64(len(b)-4) {
		return false
	}
	for b = b[4 : 4+le.Uint32(b)]; len(b) >= header; {
		variants, blocks := uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
		if b = b[header:]; variants+blocks > uint64(len(b)) {
			return false
		}
		if !i.maskBranches(b[variants:variants+blocks], branch) {
			return false
		}
		b = b[variants+blocks:]
	}
	return len(b) == 0
}

// maskBranches masks the sites of the blocks of one function. What kind of
// branch an entry is for stands in its upper 4 bits: 1 is a relative address of
// x64, 2 a branch of ARM64, and 0 is padding.
func (i *Image) maskBranches(b []byte, size uint64) bool {
	const kinds = 2
	for len(b) >= 8 {
		page, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if n < 8 || uint64(n) > uint64(len(b)) {
			return false
		}
		for e := b[8:n]; len(e) >= 2; e = e[2:] {
			v := binary.LittleEndian.Uint16(e)
			if kind := v >> 12; kind > kinds {
				return false
			} else if kind > 0 {
				i.mask(uint64(page)+uint64(v&0xfff), size, Dynamic)
			}
		}
		b = b[n:]
	}
	return len(b) == 0
}
