package unwind_test

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/symbols"
	"github.com/symres/symres/symbols/pdblocals"
	"github.com/symres/symres/unwind"
)

// changesParameters are the functions of the truth set that assign to their
// parameters.
var changesParameters = map[string]bool{"memset": true, "memcpy": true}

// otherParameters are those with a parameter of which PDBs do not tell, the place
// of a structure that is returned, and with parameters in registers on x86.
var otherParameters = map[string]bool{"mk": true, "fast4": true}

// TestVariables: in every frame of the stacks an emulator saw, the parameters that
// are said to be known have the values with which the function was called. That
// holds their places against the registers that the walk says are known.
func TestVariables(t *testing.T) {
	for name, least := range map[string]float64{
		"a-x64-O0": 0.8, "a-x64-O2": 0.6, "a-arm64-O0": 0.8, "a-arm64-O2": 0.6, "a-x86-O0": 0.7, "a-x86-O1": 0.2, "a-x86-O2": 0.2,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(truthDir(t), name)
			f, err := pdb.Open(file + ".pdb")
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			v := &variables{truth: readTruth(t, file+".truth.gz"), file: f, entered: map[int][]uint64{}, kinds: map[uint32][]symbols.Variable{}}
			v.check(t)
			t.Logf("%d of %d parameters known", v.known, v.asked)
			if v.asked < 1000 || float64(v.known) < least*float64(v.asked) {
				t.Errorf("%d of %d parameters known", v.known, v.asked)
			}
		})
	}
}

// variables compares variables with the truth.
type variables struct {
	*truth
	file         *pdb.File
	entered      map[int][]uint64              // the integer arguments of frames, by their numbers
	kinds        map[uint32][]symbols.Variable // the parameters of functions, by their RVAs
	asked, known int
}

func (v *variables) check(t *testing.T) {

	v.replay(t, func(cfg unwind.Config, regs unwind.Context, flag string) {
		if rva := uint32(regs.PC - v.base); v.begins(rva) { // in a new frame, or by a jump in that of the one before
			v.entered[v.frame] = v.arguments(t, cfg.Memory, &regs)
		}
		if flag != "-" || t.Failed() {
			return
		}
		id, callee := v.frame, (*unwind.Frame)(nil)
		for f, err := range unwind.Walk(t.Context(), cfg, regs) {
			if err != nil || id == 0 || f.Rule.Guess() {
				return
			}
			if callee != nil {
				at := &symbols.StackFrame{Frame: *callee, Leaving: f.Rule == unwind.RuleEpilogue, CFA: f.SP(), Memory: cfg.Memory}
				v.compare(t, at, v.entered[id])
				id = v.frames[id].parent
			}
			callee = &f
		}
	})
}

// begins reports whether a function begins at an RVA.
func (v *variables) begins(rva uint32) bool {
	syms, err := v.file.Nearest(rva)
	return err == nil && len(syms) > 0 && syms[0].RVA == rva
}

// parameters returns the parameters of the function at an RVA, none where one of
// them is no integer of at most a register, so that nobody knows where others are.
func (v *variables) parameters(t *testing.T, rva uint32) []symbols.Variable {
	if list, ok := v.kinds[rva]; ok {
		return list
	}
	v.kinds[rva] = nil
	syms, err := v.file.Nearest(rva)
	if err != nil || len(syms) == 0 || changesParameters[syms[0].Name()] || otherParameters[syms[0].Name()] {
		return nil
	}
	var list []symbols.Variable
	for p, err := range v.file.Locals(rva) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Flags&pdb.VariableParameter == 0 || p.Depth > 0 {
			continue
		}
		typ, err := v.file.Type(p.Type)
		if err != nil {
			t.Fatal(err)
		}
		size, err := typ.Size()
		if b := typ.Basic(); err != nil || size > 8 || v.machine == unwind.X86 && size > 4 || typ.Kind() != pdb.TypePointer && b != pdb.BasicInt && b != pdb.BasicUint {
			list = nil
			break
		}
		list = append(list, symbols.Variable{Name: p.Name, Type: symbols.ValueType{Size: size}})
	}
	v.kinds[rva] = list
	return list
}

// arguments returns the arguments of the function that begins at the PC.
func (v *variables) arguments(t *testing.T, memory memsource.Source, c *unwind.Context) (args []uint64) {
	for i := range v.parameters(t, uint32(c.PC-v.base)) {
		switch n := uint64(i); {
		case v.machine == unwind.ARM64 && i < 8:
			args = append(args, c.Int[i])
		case v.machine == unwind.X64 && i < 4:
			args = append(args, c.Int[[]int{1, 2, 8, 9}[i]])
		case v.machine == unwind.X64:
			a, err := memsource.U64(memory, c.SP()+8+8*n)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, a)
		default:
			a, err := memsource.U32(memory, c.SP()+4+4*n)
			if err != nil {
				return nil
			}
			args = append(args, uint64(a))
		}
	}
	return args
}

// compare compares the parameters of a frame with what it was called with.
func (v *variables) compare(t *testing.T, f *symbols.StackFrame, args []uint64) {
	if len(args) == 0 {
		return
	}
	n := 0
	for p, err := range pdblocals.New(v.file).Variables(f) {
		if err != nil {
			t.Fatal(err)
		}
		if !p.Param || p.Depth > 0 {
			continue
		}
		want := args[n]
		n, v.asked = n+1, v.asked+1
		for _, piece := range p.Pieces {
			b := append(piece.Value, make([]byte, 8)...)
			if piece.InMemory && memsource.ReadFull(f.Memory, b[:p.Type.Size], piece.Address) != nil || piece.Err != nil {
				continue
			}
			got, mask := binary.LittleEndian.Uint64(b), ^uint64(0)>>(64-8*p.Type.Size)
			if v.known++; got&mask != want&mask {
				t.Errorf("line %d: frame %d, rva %x: %s in %s is %x, not %x", v.line, f.Index, f.RVA(), p.Name, strings.TrimPrefix(piece.Place, "@"), got&mask, want&mask)
			}
		}
	}
}
