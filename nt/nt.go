// Package nt reads Windows NT structures out of a target's memory: the list of
// loaded drivers, processes with their loader lists and VAD trees, and the file
// behind a page that is not resident.
//
// [FromDump] puts it all together for a kernel crash dump, and [FromPhysical]
// for an image of physical memory: a page-table walker over the pages, or the
// pieces of memory and the driver list of a triage dump. [Kernel.View] is the
// target as one process sees it, with the modules it has loaded.
//
// Structures change with Windows. [Kernel.WithTypes] takes their offsets from
// the types in the kernel's own PDB. Offsets of some builds are embedded, for
// when that PDB is not at hand; Origin fields say which of the two was used.
//
// # Security
//
// Every structure may be forged or half gone. Walks are bounded and visit no
// address twice; lengths are checked before they are believed; names are made
// printable and are never opened as files.
package nt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/memsource"
)

// ErrMalformed is wrapped by errors about structures that can be read but
// violate their format.
var ErrMalformed = errors.New("malformed structure")

// Machine types (winnt.h, IMAGE_FILE_MACHINE_*).
const (
	machineI386  = 0x014c
	machineARM   = 0x01c4
	machineIA64  = 0x0200
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64
)

// The builds at which structures changed.
const (
	buildXP    = 2600
	build2003  = 3790
	buildVista = 6000
	build8     = 9200
	build81    = 9600
	build10    = 10240
	build1803  = 17134
	build1903  = 18362
	build2004  = 19041
	build22H2  = 19045
	build20348 = 20348 // Server 2022
	build26H1  = 28000
)

// maxNameBytes bounds a UNICODE_STRING: no driver or file name is longer.
const maxNameBytes = 0x1000

func malformed(addr uint64, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", hexaddr.Addr(addr), fmt.Sprintf(format, args...), ErrMalformed)
}

// width is the size of a pointer in bytes: 4 or 8.
type width uint8

// of reads a pointer at off of a structure; 0 when the structure ends before.
func (w width) of(b []byte, off uint16) uint64 {
	switch {
	case int(off)+int(w) > len(b):
		return 0
	case w == 4:
		return uint64(binary.LittleEndian.Uint32(b[off:]))
	default:
		return binary.LittleEndian.Uint64(b[off:])
	}
}

// optional is [width.of] for a field some structures do not have: 0 when off
// is 0, for links stand there and a reader would take them for the field.
func (w width) optional(b []byte, off uint16) uint64 {
	if off == 0 {
		return 0
	}
	return w.of(b, off)
}

// u32 reads 4 bytes at off; 0 when the structure ends before or off is 0,
// which stands for a field that the layout does not have.
func u32(b []byte, off uint16) uint32 {
	if off == 0 || int(off)+4 > len(b) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[off:])
}

// read reads a pointer from memory.
func (w width) read(src memsource.Source, addr uint64) (uint64, error) {
	if w == 4 {
		v, err := memsource.U32(src, addr)
		return uint64(v), err
	}
	return memsource.U64(src, addr)
}

// top is the highest address.
func (w width) top() uint64 {
	if w == 4 {
		return math.MaxUint32
	}
	return math.MaxUint64
}

// stringSize is the size of a UNICODE_STRING: two lengths, padding, a pointer.
func (w width) stringSize() uint16 { return 2 * uint16(w) }

// text reads the characters of the UNICODE_STRING at off of a structure that
// lies at addr. An empty one is "" without an error.
func (w width) text(src memsource.Source, b []byte, off uint16, addr uint64) (string, error) {
	if int(off)+int(w.stringSize()) > len(b) {
		return "", malformed(addr, "structure ends before its name")
	}
	n := binary.LittleEndian.Uint16(b[off:])
	if n == 0 {
		return "", nil
	}
	if n%2 != 0 || n >= maxNameBytes {
		return "", malformed(addr+uint64(off), "name of %d bytes", n)
	}
	text := make([]byte, n)
	if err := memsource.ReadFull(src, text, w.of(b, off+uint16(w))); err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	return wtext.FromUTF16(text), nil
}

// lastPart returns the file name in a path of the target.
func lastPart(path string) string {
	return path[strings.LastIndexByte(path, '\\')+1:]
}
