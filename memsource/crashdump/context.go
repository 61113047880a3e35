package crashdump

import "fmt"

// Where the header has the CONTEXT of the processor that stopped the system
// (DUMP_HEADER32, DUMP_HEADER64), and how much room there is.
const (
	contextAt64, contextRoom64 = 0x348, 3000
	contextAt32, contextRoom32 = 0x320, 1200
)

// Context returns the CONTEXT (winnt.h) of the processor that stopped the
// system, with the bytes that follow it: from the header, or in a triage dump
// from the place that its header names. It is nil if the dump has none. The
// error wraps [ErrFormat] if the structure is outside the file, or comes from
// reading the file.
func (f *File) Context() ([]byte, error) {
	at, room := uint64(contextAt64), contextRoom64
	if f.header.Bits == 32 {
		at, room = contextAt32, contextRoom32
	}
	if f.header.Type == TypeTriage {
		if f.triage.ContextOffset == 0 {
			return nil, nil
		}
		at = uint64(f.triage.ContextOffset)
	}
	b := make([]byte, room)
	n, err := f.readSome(b, at)
	if err != nil {
		return nil, fmt.Errorf("registers in the dump: %w", err)
	}
	if written(b[:n]) {
		return b[:n], nil
	}
	return nil, nil
}

// written reports whether bytes are neither zeros nor the pattern of a field
// that was never written.
func written(b []byte) bool {
	const pattern = "PAGE"
	filled, zero := true, true
	for i, c := range b {
		filled = filled && c == pattern[i%4]
		zero = zero && c == 0
	}
	return !filled && !zero
}

// processRoom is more than any EPROCESS has that was seen (0xc80 in Windows 11).
const processRoom = 0x1000

// Process returns the copy of the current process's EPROCESS in a triage dump,
// with the bytes that follow it, and nil for other dumps. The layout depends on
// the build. Errors are as for [File.Context].
func (f *File) Process() ([]byte, error) {
	if f.header.Type != TypeTriage || f.triage.ProcessOffset == 0 {
		return nil, nil
	}
	b := make([]byte, processRoom)
	n, err := f.readSome(b, uint64(f.triage.ProcessOffset))
	if err != nil {
		return nil, fmt.Errorf("process in the dump: %w", err)
	}
	if written(b[:n]) {
		return b[:n], nil
	}
	return nil, nil
}
