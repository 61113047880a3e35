package stack

import (
	"context"
	"fmt"
	"sync"

	"github.com/symres/symres"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/unwind"
)

// moduleSymbols knows the functions and frames of a module by the PDB of a session,
// which is loaded when it is asked for. It implements [unwind.Symbols].
type moduleSymbols struct {
	session *symres.Session
	name    string

	mu    sync.Mutex // guards the fields below
	known bool
	proof unwind.Proof
}

// open returns the PDB and how well it is proven to be that of the module.
func (s *moduleSymbols) open(ctx context.Context) (*pdb.File, unwind.Proof, error) {
	f, err := s.session.PDB(ctx, s.name)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w: %w", unwind.ErrNone, unwind.ErrNoSymbols, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		report, err := s.session.Load(ctx, s.name)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w: %w", unwind.ErrNone, unwind.ErrNoSymbols, err)
		}
		s.known, s.proof = true, proofOf(report.Proof)
	}
	return f, s.proof, nil
}

// none says that there is no record, and for which reason if there is one.
func none(err error) error {
	if err == nil {
		return unwind.ErrNone
	}
	return fmt.Errorf("%w: %w", unwind.ErrNone, err)
}

// Function implements [unwind.Symbols].
func (s *moduleSymbols) Function(ctx context.Context, rva uint32) (unwind.Function, error) {
	file, proof, err := s.open(ctx)
	if err != nil {
		return unwind.Function{}, err
	}
	syms, err := file.Nearest(rva)
	if err != nil || len(syms) == 0 {
		return unwind.Function{}, none(err)
	}
	f := unwind.Function{Name: syms[0].Name(), RVA: syms[0].RVA, Size: syms[0].Size, Proof: proof}
	p, ok, err := file.FrameRecords().FrameProcAt(rva)
	if ok && p.Flags&(pdb.FrameProcAlloca|pdb.FrameProcNaked) == 0 {
		f.RVA, f.Size, f.HasFrame = p.RVA, p.Size, true
		f.BodyStart, f.BodyEnd, f.Frame, f.SavedRegs = p.BodyStart, p.BodyEnd, p.Frame, p.SavedRegs
	}
	return f, err
}

// FrameData implements [unwind.Symbols].
func (s *moduleSymbols) FrameData(ctx context.Context, rva uint32) (unwind.FrameData, error) {
	file, proof, err := s.open(ctx)
	if err != nil {
		return unwind.FrameData{}, err
	}
	d, ok, err := file.FrameRecords().FrameDataAt(rva)
	if err != nil || !ok {
		return unwind.FrameData{}, none(err)
	}
	return unwind.FrameData{
		RVA: d.RVA, Size: d.Size, Locals: d.Locals, Params: d.Params, PrologSize: d.Prolog, SavedRegs: d.SavedRegs,
		SEH: d.Flags&pdb.FrameSEH != 0, CPPEH: d.Flags&pdb.FrameEH != 0, Begins: d.Flags&pdb.FrameStart != 0,
		Program: d.Program, Proof: proof,
	}, nil
}

// FPO implements [unwind.Symbols].
func (s *moduleSymbols) FPO(ctx context.Context, rva uint32) (unwind.FPO, error) {
	file, proof, err := s.open(ctx)
	if err != nil {
		return unwind.FPO{}, err
	}
	d, ok, err := file.FrameRecords().FPOAt(rva)
	if err != nil || !ok {
		return unwind.FPO{}, none(err)
	}
	return unwind.FPO{
		RVA: d.RVA, Size: d.Size, Locals: d.Locals, Params: d.Params, PrologSize: d.Prolog, SavedRegs: d.Regs,
		SEH: d.SEH, UsesBP: d.UsesEBP, Type: unwind.FPOType(d.Type), Proof: proof,
	}, nil
}
