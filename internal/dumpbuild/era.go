package dumpbuild

// The builds at which structures of processes changed.
const (
	build2003  = 3790
	build8     = 9200
	build81    = 9600
	build1803  = 17134
	build1903  = 18362
	build20348 = 20348
	build26H1  = 28000
)

// ownEra are the builds whose EPROCESS is that of a real kernel's types; all
// others have the one of testdata/src/ntera.c, whose offsets depend on the build.
func ownEra(machine uint16, build uint32) bool {
	return machine == X86 && build == buildXP || machine == X64 && build >= build2004 && build <= 19045
}

// forEra changes the layouts of processes, VADs and sections to those of the
// build: EPROCESS as in ntera.c, the others as documented by public readers.
func (l *layout) forEra(machine uint16, build uint32) {
	if ownEra(machine, build) {
		return
	}
	if machine == X86 {
		l.era32(build)
		return
	}
	l.era64(build)
}

func (l *layout) era32(build uint32) {
	pid := 0xac + uint64(build&0x70)
	l.process = process{size: pid + 0x200, root: 0x18, pid: pid, links: pid + 4, image: pid + 0x8c, parent: pid + 0x90, peb: pid + 0x94,
		session: pid + 0x98, name: pid + 0x9c, vadRoot: pid + 0xcc}
	if build < build2003 {
		return
	}
	l.vad = vad{size: 0x28, short: 0x18, vpn: 4, flagSize: 4, parent: 0, left: 4, right: 8, start: 0x0c, end: 0x10, flags: 0x14, file: 0x18,
		area: true, typeAt: 20, imageType: 2, protectionAt: 24, privatAt: 31}
	switch {
	case build < buildVista:
	case build < build8:
		l.section = section{subsectionSize: 0x20, subsectionBase: 0x04, next: 0x08, ptes: 0x0c, sector: 0x18, sectors: 0x1c,
			controlAreaSize: 0x40, filePointer: 0x24, fileObjectSize: 0x80, fileName: 0x30, fastRef: 5}
		l.vad.size, l.vad.short, l.vad.file, l.vad.area = 0x3c, 0x20, 0x24, false
	default:
		l.section = section{subsectionSize: 0x28, subsectionBase: 0x04, next: 0x08, sector: 0x14, sectors: 0x18, ptes: 0x1c,
			controlAreaSize: 0x40, filePointer: 0x20, fileObjectSize: 0x80, fileName: 0x30, fastRef: 5}
		l.vad.size, l.vad.short, l.vad.file, l.vad.area = 0x4c, 0x28, 0x2c, false
		l.vad.flags, l.vad.charge = 0x18, 0x1c
		l.vadFlags(build)
	}
	if build < build81 {
		l.process.vadRoot += 8 // the right child of the sentinel
		return
	}
	l.process.vadCount = l.process.vadRoot + 8
	l.vad.left, l.vad.right, l.vad.parent, l.vad.flags, l.vad.charge = 0, 4, 8, 0x1c, 0x20
}

func (l *layout) era64(build uint32) {
	pid := 0xc0 + uint64(build&0x70)
	l.process = process{size: pid + 0x280, root: 0x28, pid: pid, links: pid + 8, image: pid + 0x98, parent: pid + 0xa0, peb: pid + 0xa8,
		session: pid + 0xb0, wow64: pid + 0xb8, name: pid + 0xc0, vadRoot: pid + 0xf0, wow64Indirect: build >= buildWindows10}
	switch {
	case build < build8:
		l.process.vadRoot += 0x10
		l.vad = vad{size: 0x78, short: 0x38, vpn: 8, flagSize: 8, parent: 0, left: 8, right: 0x10, start: 0x18, end: 0x20, flags: 0x28, file: 0x48,
			typeAt: 52, imageType: 2, protectionAt: 56, privatAt: 63}
		if build < buildVista {
			l.vad.size, l.vad.short, l.vad.file, l.vad.area = 0x50, 0x30, 0x30, true
			l.section = section{subsectionSize: 0x30, subsectionBase: 0x18, next: 0x28, sector: 0x0c, sectors: 0x10, ptes: 0x24,
				controlAreaSize: 0x48, filePointer: 0x30, fileObjectSize: 0xd8, fileName: 0x58}
			return
		}
		l.section = section{subsectionSize: 0x38, subsectionBase: 0x08, next: 0x10, ptes: 0x18, sector: 0x2c, sectors: 0x30,
			controlAreaSize: 0x80, filePointer: 0x40, fileObjectSize: 0xd8, fileName: 0x58, fastRef: 9}
	case build < build81:
		l.process.vadRoot += 0x10
		l.vad = vad{size: 0x88, short: 0x40, vpn: 4, flagSize: 4, parent: 0, left: 8, right: 0x10, start: 0x18, end: 0x1c, flags: 0x28, charge: 0x2c,
			file: 0x48, imageType: 2}
		l.vadFlags(build)
	default:
		l.process.vadCount = l.process.vadRoot + 0x10
		l.vadFlags(build)
		if build >= build26H1 {
			l.vad.file, l.vad.size, l.vad.short = 0x50, 0x90, 0x48
		}
	}
}

// vadFlags are the positions of the flags since Windows 8.
func (l *layout) vadFlags(build uint32) {
	v := &l.vad
	switch {
	case build >= build20348:
		v.typeAt, v.protectionAt, v.privatAt = 4, 7, 21
	case build >= build1903:
		v.typeAt, v.protectionAt, v.privatAt = 4, 7, 20
	case build >= build1803:
		v.typeAt, v.protectionAt, v.privatAt = 0, 3, 14
	default:
		v.typeAt, v.protectionAt, v.privatAt = 0, 3, 15
	}
}

// userLayout is what the loader of a process keeps, for one width of pointers.
type userLayout struct {
	pointer                                           uint64
	image, ldr                                        uint64 // in the PEB
	heads                                             uint64 // the first of three, in PEB_LDR_DATA
	base, entry, sizeOfImage, path, name, hash, stamp uint64
	size                                              uint64
}

func userLayoutOf(pointer uint64) userLayout {
	if pointer == 4 {
		return userLayout{pointer: 4, image: 8, ldr: 0x0c, heads: 0x0c, base: 0x18, entry: 0x1c, sizeOfImage: 0x20, path: 0x24, name: 0x2c,
			hash: 0x3c, stamp: 0x44, size: 0x50}
	}
	return userLayout{pointer: 8, image: 0x10, ldr: 0x18, heads: 0x10, base: 0x30, entry: 0x38, sizeOfImage: 0x40, path: 0x48, name: 0x58,
		hash: 0x70, stamp: 0x80, size: 0x98}
}
