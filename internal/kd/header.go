package kd

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// headerBytes is how much of an image the headers can fill, in bytes.
const headerBytes = 0x1000

// rawHeader are the headers of an image in memory.
type rawHeader struct {
	b        []byte
	file     int  // offset of the file header
	optional int  // and of the optional one
	wide     bool // PE32+
}

func (h *rawHeader) u16(at int) uint64 { return uint64(binary.LittleEndian.Uint16(h.b[at:])) }
func (h *rawHeader) u32(at int) uint64 { return uint64(binary.LittleEndian.Uint32(h.b[at:])) }

// number is a field that is as wide as addresses are.
func (h *rawHeader) number(at int) uint64 {
	if h.wide {
		return binary.LittleEndian.Uint64(h.b[at:])
	}
	return h.u32(at)
}

// readHeader reads the headers of the image at an address.
func (s *Session) readHeader(ctx context.Context, base uint64) (*rawHeader, error) {
	h := &rawHeader{b: make([]byte, headerBytes)}
	if _, err := s.read(ctx, h.b, base); err != nil {
		return nil, refuse("Can't read file header: %v", err)
	}
	at := h.u32(0x3c)
	if h.u16(0) != 0x5a4d || at > headerBytes-0x200 || h.u32(int(at)) != 0x4550 {
		return nil, refuse("Can't read file header: there is no image at %s", s.plain(base))
	}
	h.file, h.optional = int(at)+4, int(at)+24
	h.wide = h.u16(h.optional) == 0x20b
	return h, nil
}

func (s *Session) showHeader(ctx context.Context, c Command) error {
	parts, arg := "fs", ""
	for _, w := range words(c.Args) {
		if flag, ok := strings.CutPrefix(w, "-"); ok {
			parts = flag
			continue
		}
		arg = w
	}
	if strings.Trim(parts, "efsai") != "" || arg == "" {
		return refuse("usage: !dh [-f | -s] ADDRESS")
	}
	base, err := s.number(ctx, arg)
	if err != nil {
		return err
	}
	h, err := s.readHeader(ctx, s.narrow(base))
	if err != nil {
		return err
	}
	if strings.ContainsAny(parts, "fa") {
		s.fileHeader(h)
		s.optionalHeader(h, s.narrow(base))
		s.directories(h)
	}
	if strings.ContainsAny(parts, "sa") {
		s.sections(ctx, h, s.narrow(base))
	}
	return nil
}

// bitWords shows the words of the bits that are set, one a line.
func (s *Session) bitWords(v uint64, indent int, words map[uint64]string) {
	for i := range 32 {
		if w := words[1<<i]; w != "" && v>>i&1 == 1 {
			s.printf("%*s%s\n", indent, "", w)
		}
	}
}

func (s *Session) fileHeader(h *rawHeader) {
	kinds := map[uint64]string{0x14c: "i386", 0x8664: "X64", 0x200: "IA64", 0x1c4: "ARM", 0xaa64: "ARM64"}
	kind := "EXECUTABLE IMAGE"
	if h.u16(h.file+18)&0x2000 != 0 {
		kind = "DLL"
	}
	s.printf("\nFile Type: %s\nFILE HEADER VALUES\n", kind)
	row := func(v uint64, what string) { s.printf("%8X %s\n", v, what) }
	row(h.u16(h.file), fmt.Sprintf("machine (%s)", kinds[h.u16(h.file)]))
	row(h.u16(h.file+2), "number of sections")
	s.printf("%8X time date stamp %s\n\n", h.u32(h.file+4), time.Unix(int64(h.u32(h.file+4)), 0).UTC().Format("Mon Jan 02 15:04:05 2006"))
	row(h.u32(h.file+8), "file pointer to symbol table")
	row(h.u32(h.file+12), "number of symbols")
	row(h.u16(h.file+16), "size of optional header")
	row(h.u16(h.file+18), "characteristics")
	s.bitWords(h.u16(h.file+18), 12, map[uint64]string{1: "Relocations stripped", 2: "Executable", 4: "Line numbers stripped", 8: "Symbols stripped",
		0x20: "App can handle >2gb addresses", 0x100: "32 bit word machine", 0x200: "Debug information stripped", 0x1000: "System", 0x2000: "DLL"})
}

func (s *Session) optionalHeader(h *rawHeader, base uint64) {
	o := h.optional
	s.printf("\nOPTIONAL HEADER VALUES\n")
	row := func(at int, what string) { s.printf("%8X %s\n", h.u32(o+at), what) }
	version := func(at int, what string) { s.printf("%5d.%02d %s\n", h.u16(o+at), h.u16(o+at+2), what) }
	s.printf("%8X magic #\n%5d.%02d linker version\n", h.u16(o), h.b[o+2], h.b[o+3])
	row(4, "size of code")
	row(8, "size of initialized data")
	row(12, "size of uninitialized data")
	row(16, "address of entry point")
	row(20, "base of code")
	s.printf("         ----- new -----\n%s image base\n", s.plain(base))
	row(32, "section alignment")
	row(36, "file alignment")
	s.printf("%8X subsystem (%s)\n", h.u16(o+68), subsystem(h.u16(o+68)))
	version(40, "operating system version")
	version(44, "image version")
	version(48, "subsystem version")
	row(56, "size of image")
	row(60, "size of headers")
	row(64, "checksum")
	word := map[bool]int{false: 4, true: 8}[h.wide]
	for i, what := range []string{"size of stack reserve", "size of stack commit", "size of heap reserve", "size of heap commit"} {
		s.printf("%0*x %s\n", 2*word, h.number(o+72+i*word), what)
	}
	s.printf("%8X  DLL characteristics\n", h.u16(o+70))
	s.bitWords(h.u16(o+70), 12, map[uint64]string{0x20: "High entropy VA supported", 0x40: "Dynamic base", 0x80: "Force integrity", 0x100: "NX compatible",
		0x200: "No isolation", 0x400: "No structured exception handler", 0x1000: "App container", 0x2000: "WDM driver", 0x4000: "Guard", 0x8000: "Terminal server aware"})
}

func subsystem(v uint64) string {
	names := map[uint64]string{1: "Native", 2: "Windows GUI", 3: "Windows CUI", 10: "EFI Application", 16: "Windows Boot Application"}
	if n := names[v]; n != "" {
		return n
	}
	return "Unknown"
}

// directoryAt is a data directory of the header.
func (h *rawHeader) directoryAt(i int) (rva, size uint64) {
	count, first := h.optional+92, h.optional+96
	if h.wide {
		count, first = h.optional+108, h.optional+112
	}
	if uint64(i) >= h.u32(count) || i >= 16 {
		return 0, 0
	}
	return h.u32(first + 8*i), h.u32(first + 8*i + 4)
}

func (s *Session) directories(h *rawHeader) {
	names := []string{"Export", "Import", "Resource", "Exception", "Security", "Base Relocation", "Debug", "Description", "Special",
		"Thread Storage", "Load Configuration", "Bound Import", "Import Address Table", "Delay Import", "COR20 Header", "Reserved"}
	for i, name := range names {
		rva, size := h.directoryAt(i)
		s.printf("%8X [%8X] address [size] of %s Directory\n", rva, size, name)
	}
	s.printf("\n")
}

// sections shows the sections, and the debug directory behind the one that has it.
func (s *Session) sections(ctx context.Context, h *rawHeader, base uint64) {
	at := h.optional + int(h.u16(h.file+16))
	debug, size := h.directoryAt(6)
	for i := range int(h.u16(h.file + 2)) {
		b := at + 40*i
		if b+40 > len(h.b) || ctx.Err() != nil {
			return
		}
		name := strings.TrimRight(string(h.b[b:b+8]), "\x00")
		s.printf("\nSECTION HEADER #%X\n%8s name\n", i+1, name)
		for j, what := range []string{"virtual size", "virtual address", "size of raw data", "file pointer to raw data", "file pointer to relocation table", "file pointer to line numbers"} {
			s.printf("%8X %s\n", h.u32(b+8+4*j), what)
		}
		s.printf("%8X number of relocations\n%8X number of line numbers\n", h.u16(b+32), h.u16(b+34))
		s.sectionFlags(h.u32(b + 36))
		if va := h.u32(b + 12); debug >= va && debug < va+max(h.u32(b+8), 1) {
			s.debugDirectory(ctx, base, debug, size)
		}
	}
}

func (s *Session) sectionFlags(v uint64) {
	s.printf("%8X flags\n", v)
	s.bitWords(v, 9, map[uint64]string{0x20: "Code", 0x40: "Initialized Data", 0x80: "Uninitialized Data", 0x02000000: "Discardable", 0x04000000: "Not Cached", 0x08000000: "Not Paged", 0x10000000: "Shared"})
	if align := v >> 20 & 15; align == 0 {
		s.printf("         (no align specified)\n")
	} else {
		s.printf("         %d byte align\n", 1<<(align-1))
	}
	access := ""
	for i, w := range []string{"Execute ", "Read ", "Write "} {
		if v>>(29+i)&1 == 1 {
			access += w
		}
	}
	if access == "Read " {
		access = "Read Only"
	}
	s.printf("         %s\n", strings.TrimSpace(access))
}

// maxDebug bounds the entries of a debug directory that are shown.
const maxDebug = 32

func (s *Session) debugDirectory(ctx context.Context, base, rva, size uint64) {
	n := min(size/28, maxDebug)
	b := make([]byte, n*28)
	if _, err := s.read(ctx, b, base+rva); err != nil {
		s.printf("\n\nDebug Directories: %v\n", err)
		return
	}
	s.printf("\n\nDebug Directories(%d)\n        Type       Size     Address  Pointer\n", n)
	d := rawHeader{b: b}
	for i := range int(n) {
		e := 28 * i
		kind := map[uint64]string{1: "coff", 2: "cv", 4: "misc", 9: "borland", 13: "pogo", 16: "repro"}[d.u32(e+12)]
		if kind == "" {
			kind = fmt.Sprintf("(%d)", d.u32(e+12))
		}
		s.printf("        %-8s %6x    %8x %8x%s\n", kind, d.u32(e+16), d.u32(e+20), d.u32(e+24), s.debugFormat(ctx, kind, base+d.u32(e+20), d.u32(e+16)))
	}
}

// debugFormat is what a CodeView record says.
func (s *Session) debugFormat(ctx context.Context, kind string, at, size uint64) string {
	b := make([]byte, min(size, 0x200))
	if _, err := s.read(ctx, b, at); kind != "cv" || err != nil || len(b) < 25 || string(b[:4]) != "RSDS" {
		return ""
	}
	path, _, _ := strings.Cut(string(b[24:]), "\x00")
	return fmt.Sprintf("     Format: RSDS, guid, %x, %s", binary.LittleEndian.Uint32(b[20:]), path)
}
