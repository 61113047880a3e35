package unwind_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
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
		return unwind.Origin{}, fmt.Errorf("rva %x: %w", rva, memsource.NewFault(memsource.ReasonNotMapped, uint64(rva), 0))
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
	h := headersOf(tb, file)
	image = make([]byte, h.SizeOfImage)
	copy(image, b[:h.SizeOfHeaders])
	for _, s := range h.Sections {
		copy(image[s.VirtualAddress:], b[s.RawOffset:s.RawOffset+s.RawSize])
	}
	return image, h.ImageBase
}

// headersOf reads the headers of an image file.
func headersOf(tb testing.TB, file string) *peimage.Headers {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := pedisk.ReadHeaders(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	return h
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

// truthSymbols returns what the PDB in a file knows about frames.
func truthSymbols(tb testing.TB, file string) unwind.Symbols {
	tb.Helper()
	p, err := pdb.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close() })
	return symbolsOf(p)
}

// pdbSymbols is what a PDB knows about frames.
type pdbSymbols struct{ file *pdb.File }

func symbolsOf(p *pdb.File) unwind.Symbols { return pdbSymbols{p} }

// Function implements unwind.Symbols.
func (s pdbSymbols) Function(_ context.Context, rva uint32) (unwind.Function, error) {
	syms, err := s.file.Nearest(rva)
	if err != nil || len(syms) == 0 {
		return unwind.Function{}, errors.Join(unwind.ErrNone, err)
	}
	f := unwind.Function{Name: syms[0].Name(), RVA: syms[0].RVA, Size: syms[0].Size, Proof: unwind.ProofExact}
	p, ok, err := s.file.FrameRecords().FrameProcAt(rva)
	if ok && p.Flags&(pdb.FrameProcAlloca|pdb.FrameProcNaked) == 0 {
		f.RVA, f.Size, f.HasFrame = p.RVA, p.Size, true
		f.BodyStart, f.BodyEnd, f.Frame, f.SavedRegs = p.BodyStart, p.BodyEnd, p.Frame, p.SavedRegs
	}
	return f, err
}

// FrameData implements unwind.Symbols.
func (s pdbSymbols) FrameData(_ context.Context, rva uint32) (unwind.FrameData, error) {
	d, ok, err := s.file.FrameRecords().FrameDataAt(rva)
	if err != nil || !ok {
		return unwind.FrameData{}, errors.Join(unwind.ErrNone, err)
	}
	return unwind.FrameData{
		RVA: d.RVA, Size: d.Size, Locals: d.Locals, Params: d.Params, PrologSize: d.Prolog, SavedRegs: d.SavedRegs,
		SEH: d.Flags&pdb.FrameSEH != 0, CPPEH: d.Flags&pdb.FrameEH != 0, Begins: d.Flags&pdb.FrameStart != 0,
		Program: d.Program, Proof: unwind.ProofExact,
	}, nil
}

// FPO implements unwind.Symbols.
func (s pdbSymbols) FPO(_ context.Context, rva uint32) (unwind.FPO, error) {
	d, ok, err := s.file.FrameRecords().FPOAt(rva)
	if err != nil || !ok {
		return unwind.FPO{}, errors.Join(unwind.ErrNone, err)
	}
	return fpoOf(d), nil
}

func fpoOf(d pdb.FPO) unwind.FPO {
	return unwind.FPO{
		RVA: d.RVA, Size: d.Size, Locals: d.Locals, Params: d.Params, PrologSize: d.Prolog, SavedRegs: d.Regs,
		SEH: d.SEH, UsesBP: d.UsesEBP, Type: unwind.FPOType(d.Type), Proof: unwind.ProofExact,
	}
}
