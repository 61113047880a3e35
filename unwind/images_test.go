package unwind_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

// one is a target with a single module.
type one struct{ module *unwind.Module }

// Module implements unwind.Modules.
func (o one) Module(addr uint64) *unwind.Module {
	if addr-o.module.Base < uint64(o.module.Size) {
		return o.module
	}
	return nil
}

// mapped is an image laid out as the loader does it.
type mapped struct {
	bytes  []byte
	origin unwind.Origin
}

// ReadImage implements unwind.Image.
func (m mapped) ReadImage(_ context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	if uint64(rva) > uint64(len(m.bytes)) || copy(buf, m.bytes[rva:]) < len(buf) {
		return unwind.Origin{}, fmt.Errorf("rva %x: %w", rva, memsource.NewFault(memsource.NotMapped, uint64(rva), 0))
	}
	return m.origin, nil
}

// mapImage lays out an image file in memory.
func mapImage(tb testing.TB, file string) (image []byte, base uint64) {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := pedisk.ReadHeaders(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	image = make([]byte, h.SizeOfImage)
	copy(image, b[:h.SizeOfHeaders])
	for _, s := range h.Sections {
		copy(image[s.VirtualAddress:], b[s.RawOffset:s.RawOffset+s.RawSize])
	}
	return image, h.ImageBase
}

// imageModule returns an image file as a module at its preferred base whose
// bytes are all in the target.
func imageModule(tb testing.TB, file string) *unwind.Module {
	tb.Helper()
	b, base := mapImage(tb, file)
	return &unwind.Module{
		Name: filepath.Base(file), Base: base, Size: uint32(len(b)),
		Image: mapped{b, unwind.Origin{Bytes: unwind.BytesTarget, Proof: unwind.ProofExact}},
	}
}

// truthSymbols returns what a PDB knows about frames.
func truthSymbols(tb testing.TB, file string) unwind.Symbols { return nil }
