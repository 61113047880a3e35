package dumpbuild

// userLayout is what the loader of a process keeps, for one width of pointers:
// a 64-bit kernel has no types of what its 32-bit processes have.
type userLayout struct {
	pointer                                           uint64
	image, ldr                                        uint64 // in the PEB
	heads                                             uint64 // the first of three, in PEB_LDR_DATA
	base, entry, sizeOfImage, path, name, hash, stamp uint64
}

func userLayoutOf(pointer uint64) userLayout {
	if pointer == 4 {
		return userLayout{pointer: 4, image: 8, ldr: 0x0c, heads: 0x0c, base: 0x18, entry: 0x1c, sizeOfImage: 0x20, path: 0x24, name: 0x2c,
			hash: 0x3c, stamp: 0x44}
	}
	return userLayout{pointer: 8, image: 0x10, ldr: 0x18, heads: 0x10, base: 0x30, entry: 0x38, sizeOfImage: 0x40, path: 0x48, name: 0x58,
		hash: 0x70, stamp: 0x80}
}
