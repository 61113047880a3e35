package unwind_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/unwind"
)

// dumped is a target read from a minidump, with copies of some of its images.
type dumped struct {
	file    *minidump.File
	machine unwind.Machine
	modules []*unwind.Module
	pdbs    map[string]*pdb.File // by name of module
}

// Module implements unwind.Modules.
func (d *dumped) Module(addr uint64) *unwind.Module {
	for _, m := range d.modules {
		if addr-m.Base < uint64(m.Size) {
			return m
		}
	}
	return nil
}

// openDump opens a minidump. Files lying beside it are the copies of the
// images, and the PDBs, that go by the module's name.
func openDump(tb testing.TB, path string) *dumped {
	tb.Helper()
	f, err := minidump.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	d := &dumped{file: f, machine: unwind.Machine(f.System().Machine), pdbs: map[string]*pdb.File{}}
	for m, err := range f.Modules() {
		if err != nil {
			tb.Fatal(err)
		}
		d.modules = append(d.modules, d.module(tb, m, filepath.Dir(path)))
	}
	return d
}

func (d *dumped) module(tb testing.TB, m minidump.Module, dir string) *unwind.Module {
	file := m.Name[strings.LastIndexByte(m.Name, '\\')+1:]
	name := strings.TrimSuffix(file, filepath.Ext(file))
	im := &pieces{memory: d.file.Memory(), base: m.Base}
	if copies, _ := filepath.Glob(filepath.Join(dir, file)); len(copies) > 0 {
		im.copied, _ = mapImage(tb, copies[0])
	}
	out := &unwind.Module{Name: name, Base: m.Base, Size: m.Size, Image: im}
	out.Symbols = noSymbols{}
	if p, err := pdb.Open(filepath.Join(dir, name+".pdb")); err == nil {
		tb.Cleanup(func() { p.Close() })
		d.pdbs[name] = p
		out.Symbols = symbolsOf(p)
	}
	return out
}

// noSymbols are those of a module of which there is no PDB.
type noSymbols struct{}

var errNoPDB = fmt.Errorf("%w: %w", unwind.ErrNone, unwind.ErrNoSymbols)

func (noSymbols) Function(context.Context, uint32) (unwind.Function, error) {
	return unwind.Function{}, errNoPDB
}

func (noSymbols) FrameData(context.Context, uint32) (unwind.FrameData, error) {
	return unwind.FrameData{}, errNoPDB
}

func (noSymbols) FPO(context.Context, uint32) (unwind.FPO, error) { return unwind.FPO{}, errNoPDB }

// config returns what a walk needs.
func (d *dumped) config() unwind.Config {
	return unwind.Config{Memory: d.file.Memory(), Modules: d}
}

// crashed returns the registers at the exception.
func (d *dumped) crashed(tb testing.TB) unwind.Context {
	tb.Helper()
	e, err := d.file.Exception()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := unwind.ParseContext(d.machine, e.Registers)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// name names a frame as kd does: by the function that calls, with the distance
// of the return address.
func (d *dumped) name(tb testing.TB, f *unwind.Frame) string {
	tb.Helper()
	if f.Module == nil {
		return fmt.Sprintf("%x", f.PC)
	}
	p := d.pdbs[f.Module.Name]
	if p == nil {
		return fmt.Sprintf("%s+%#x", f.Module.Name, f.PC-f.Module.Base)
	}
	syms, err := p.Nearest(f.RVA())
	if err != nil || len(syms) == 0 {
		tb.Fatalf("%s+%x: no symbol: %v", f.Module.Name, f.RVA(), err)
	}
	return fmt.Sprintf("%s!%s+%#x", f.Module.Name, syms[0].Name(), f.PC-f.Module.Base-uint64(syms[0].RVA))
}

// pieces is an image of which parts are in memory and the rest, maybe, in a
// copy.
type pieces struct {
	memory memsource.Source
	base   uint64
	copied []byte
}

// ReadImage implements unwind.Image.
func (p *pieces) ReadImage(_ context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	err := memsource.ReadFull(p.memory, buf, p.base+uint64(rva))
	if err == nil {
		return unwind.Origin{Bytes: unwind.BytesTarget, Proof: unwind.ProofExact}, nil
	}
	if uint64(rva) < uint64(len(p.copied)) && copy(buf, p.copied[rva:]) == len(buf) {
		return unwind.Origin{Bytes: unwind.BytesCopy, Proof: unwind.ProofImage}, nil
	}
	return unwind.Origin{}, err
}
