package dumpbuild

// kldr is where the fields of a KLDR_DATA_TABLE_ENTRY are; 0 for a field the
// era does not have.
type kldr struct {
	size, base, entry, sizeOfImage, path, name, flags, count, check, imports, notRounded, stamp uint64
}

// section is where the fields of a mapped file's structures are.
type section struct {
	subsectionSize, subsectionBase, next, sector, sectors, ptes uint64
	controlAreaSize, filePointer                                uint64
	fileObjectSize, fileName                                    uint64
	fastRef                                                     uint64 // low bits of FilePointer that count references
}

// process is where the fields of an EPROCESS are.
type process struct {
	size, root, pid, links, peb, name, vadRoot, vadCount uint64 // vadRoot: of the pointer to the root
	image, parent, session, wow64                        uint64
	wow64Indirect                                        bool // WoW64Process points to a structure with the PEB
}

// vad is where the fields of an MMVAD are.
type vad struct {
	size, short                               uint64
	start, end, parent, left, right, flags    uint64
	vpn, flagSize                             uint64 // bytes of start and end, and of flags
	charge                                    uint64 // of the commit charge; 0: the low bits of flags
	file                                      uint64 // Subsection, or ControlArea
	area                                      bool   // it is ControlArea
	high                                      uint64 // bytes with bits 32-39 of start and end; 0: none
	typeAt, imageType, protectionAt, privatAt uint
}

// layout is the shape of one kernel, and where the builder puts things in it.
type layout struct {
	pointer                          uint64
	kldr                             kldr
	section                          section
	process                          process
	vad                              vad
	poolHeader                       uint64
	nonPaged, pagedPool, nonPagedEnd uint64 // virtual addresses
	pfnDatabase                      uint64
	firstFrame, kernelFrames         uint64 // page frame numbers
	headerSize, headerRuns, mostRuns uint64
	selfMap                          uint64 // entry of the top table that maps the tables themselves
}

const (
	buildWindows10 = 10240 // loader entries have a stamp from here on
	buildXP        = 2600
	build2004      = 19041
)

func layout32(build uint32) layout {
	l := layout{
		pointer: 4,
		kldr: kldr{size: 0x4c, base: 0x18, entry: 0x1c, sizeOfImage: 0x20, path: 0x24, name: 0x2c,
			flags: 0x34, count: 0x38, check: 0x40, imports: 0x44},
		section: section{subsectionSize: 0x20, subsectionBase: 0x10, next: 0x1c, sector: 0x08, sectors: 0x0c, ptes: 0x18,
			controlAreaSize: 0x30, filePointer: 0x24, fileObjectSize: 0x70, fileName: 0x30},
		process: process{size: 0x258, root: 0x18, pid: 0x84, links: 0x88, peb: 0x1b0, name: 0x174, vadRoot: 0x11c,
			image: 0x13c, parent: 0x14c, session: 0x170},
		vad: vad{size: 0x28, short: 0x18, start: 0, end: 4, parent: 8, left: 0xc, right: 0x10, flags: 0x14, file: 0x18,
			vpn: 4, flagSize: 4, area: true,
			typeAt: 20, imageType: 1, protectionAt: 24, privatAt: 31},
		poolHeader: 8, nonPaged: 0x81000000, pagedPool: 0xe1000000, nonPagedEnd: 0xffbe0000, pfnDatabase: 0x80c00000,
		firstFrame: 0x39, kernelFrames: 0x400,
		headerSize: 0x1000, headerRuns: 0x64, mostRuns: (700 - 8) / 8, selfMap: 0x300,
	}
	if build >= buildWindows10 {
		l.kldr.size, l.kldr.notRounded, l.kldr.stamp = 0x5c, 0x54, 0x58
		l.kldr.imports = 0x4c
	}
	l.forEra(X86, build)
	return l
}

func layout64(build uint32) layout {
	l := layout{
		pointer: 8,
		kldr: kldr{size: 0x98, base: 0x30, entry: 0x38, sizeOfImage: 0x40, path: 0x48, name: 0x58,
			flags: 0x68, count: 0x6c, check: 0x78, imports: 0x88},
		section: section{subsectionSize: 0x38, subsectionBase: 0x08, next: 0x10, sector: 0x24, sectors: 0x28, ptes: 0x2c,
			controlAreaSize: 0x80, filePointer: 0x40, fileObjectSize: 0xd8, fileName: 0x58, fastRef: 7},
		process: process{size: 0xa40, root: 0x28, pid: 0x440, links: 0x448, peb: 0x550, name: 0x5a8, vadRoot: 0x7d8, vadCount: 0x7e8,
			image: 0x520, parent: 0x540, session: 0x558, wow64: 0x580, wow64Indirect: true},
		vad: vad{size: 0x88, short: 0x40, start: 0x18, end: 0x1c, parent: 0x10, left: 0, right: 8, flags: 0x30, file: 0x48, high: 0x20,
			vpn: 4, flagSize: 4, charge: 0x34,
			typeAt: 4, imageType: 2, protectionAt: 7, privatAt: 20},
		poolHeader: 16, nonPaged: 0xffffbe8000010000, pagedPool: 0xffffd90000000000, nonPagedEnd: 0xffffce8000000000, pfnDatabase: 0xffffbb0000000000,
		firstFrame: 0x1aa, kernelFrames: 0x2e00,
		headerSize: 0x2000, headerRuns: 0x88, mostRuns: 42, selfMap: 0x1ed,
	}
	if build >= buildWindows10 {
		l.kldr.size, l.kldr.notRounded, l.kldr.stamp = 0xa0, 0x98, 0x9c
	}
	l.forEra(X64, build)
	return l
}
