package target

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/eval"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
	"github.com/symres/symres/vadmath"
)

// Env returns what expressions (package eval) can speak of in the context of a
// thread: its registers, the memory that it saw, the symbols and types of the
// session, and the pseudo-registers that describe the thread and its process. The
// caller may change fields. The functions in it are safe for concurrent use.
func (t *Target) Env(ctx context.Context, th Thread) *eval.Env {
	x := &expressions{target: t, thread: th, memory: t.memoryOf(ctx, th)}
	return &eval.Env{
		Bits: t.bits, Kernel: t.Kernel() != nil, Memory: x.memory, PageSize: t.pageSize(),
		Register: x.register, Pseudo: x.pseudo, Address: x.address, Entry: x.entry, Variable: x.variable,
		Type: func(ctx context.Context, name string) (pdb.Type, error) {
			found, err := t.session.Type(ctx, name)
			return found.Type, err
		},
	}
}

func (t *Target) pageSize() uint64 {
	if size, err := vadmath.PageSizeOf(t.machine); err == nil {
		return uint64(size)
	}
	return uint64(vadmath.Page4K)
}

// expressions are the names of one context.
type expressions struct {
	target *Target
	thread Thread
	memory memsource.Source
}

func (x *expressions) register(name string) (eval.Register, bool) {
	v, bits, ok := x.thread.Register(name)
	return eval.Register{Value: v, Bits: bits}, ok
}

// address finds a symbol, by the name in this case if there is one, or a module.
func (x *expressions) address(ctx context.Context, name string) (uint64, error) {
	s := x.target.session
	if !strings.Contains(name, "!") {
		for _, r := range s.Modules() {
			if r.Module.Called(name) {
				return r.Module.Base, nil
			}
		}
	}
	sym, err := x.symbol(ctx, name)
	return sym.Address, err
}

// symbol finds a symbol that has an address.
func (x *expressions) symbol(ctx context.Context, name string) (symres.Symbol, error) {
	var found []symres.Symbol
	var failed error
	for sym, err := range x.target.session.Lookup(ctx, escapedPattern(name)) {
		switch {
		case ctx.Err() != nil:
			return symres.Symbol{}, ctx.Err()
		case err != nil:
			failed = err
		case sym.Unplaced || sym.Forwarder != "" || sym.ThreadLocal:
		case strings.HasSuffix(name, sym.Name):
			return sym, nil
		default:
			found = append(found, sym)
		}
	}
	if len(found) > 0 {
		return found[0], nil
	}
	return symres.Symbol{}, failed
}

// escapedPattern takes a name as it stands, not as a pattern.
func escapedPattern(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "#", `\#`, "+", `\+`).Replace(name)
}

// entry reads where the image at an address begins to run (winnt.h).
func (x *expressions) entry(_ context.Context, addr uint64) (uint64, error) {
	for _, r := range x.target.session.Modules() {
		m := r.Module
		if addr-m.Base >= max(m.Size, 1) {
			continue
		}
		if x.memory == nil {
			return 0, symres.ErrNoModule
		}
		var b [4]byte
		if _, err := x.memory.ReadMemory(b[:], m.Base+0x3c); err != nil {
			return 0, err
		}
		if _, err := x.memory.ReadMemory(b[:], m.Base+uint64(binary.LittleEndian.Uint32(b[:]))+0x28); err != nil {
			return 0, err
		}
		return m.Base + uint64(binary.LittleEndian.Uint32(b[:])), nil
	}
	return 0, fmt.Errorf("%w: %w", eval.ErrImage, symres.ErrNoModule)
}

// variable finds a symbol whose type is known.
func (x *expressions) variable(ctx context.Context, name string) (uint64, pdb.Type, error) {
	sym, err := x.symbol(ctx, name)
	if err != nil {
		return 0, pdb.Type{}, err
	}
	t, err := x.target.TypeOf(ctx, sym)
	return sym.Address, t, err
}

// errNoType is of symbols that are only public.
var errNoType = errors.New("no type information")

// TypeOf returns the type of a symbol, from the private symbols in its module's PDB. The
// error wraps [symres.ErrNotFound] if the symbol has none. The type is good
// until the session is closed.
func (t *Target) TypeOf(ctx context.Context, sym symres.Symbol) (pdb.Type, error) {
	file, err := t.session.PDB(ctx, sym.Module)
	if err != nil {
		return pdb.Type{}, err
	}
	near, err := file.Nearest(sym.RVA)
	if err != nil {
		return pdb.Type{}, err
	}
	for _, s := range near {
		if s.RVA == sym.RVA && s.Type != 0 && s.Name() == sym.Raw {
			return file.Type(s.Type)
		}
	}
	return pdb.Type{}, fmt.Errorf("%s!%s: %w: %w", sym.Module, sym.Name, symres.ErrNotFound, errNoType)
}

// pseudo finds what the names with $ stand for that say where the target stands.
func (x *expressions) pseudo(ctx context.Context, name string) (eval.Pseudo, bool, error) {
	number := func(v uint64, ok bool) (eval.Pseudo, bool, error) {
		if !ok {
			return eval.Pseudo{}, true, ErrNoRecord
		}
		return eval.Pseudo{Value: v}, true, nil
	}
	pointer := func(v uint64, ok bool) (eval.Pseudo, bool, error) {
		p, known, err := number(x.extend(v), ok)
		p.Pointer = true
		return p, known, err
	}
	c, has := &x.thread.Context, x.thread.Context.Machine != 0
	switch name {
	case "$ip", "$scopeip":
		return pointer(c.PC, has)
	case "$csp":
		return pointer(c.SP(), has)
	case "$ra":
		ra, ok := x.returnAddress(ctx)
		return pointer(ra, ok)
	case "$retreg":
		v, ok := x.first("rax", "eax")
		return pointer(v, ok)
	case "$retreg64":
		return number(x.wideResult())
	case "$argreg":
		v, ok := x.first("rcx", "eax")
		return number(v, ok)
	case "$tid":
		return number(uint64(x.thread.ID), x.thread.ID != 0)
	case "$exentry":
		v, err := x.mainEntry(ctx)
		return number(x.extend(v), err == nil)
	case "$exr_code", "$exr_numparams", "$exr_chance":
		return number(x.exception(name))
	case "$callret", "$frame", "$dtid", "$dpid", "$dsid", "$extret", "$p":
		return number(0, true)
	case "$ea", "$ea2", "$exr_param0", "$extin", "$lastclrex", "$clrex":
		return number(0, false)
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(name, "$t"), 10, 8); err == nil && n < 20 && strings.HasPrefix(name, "$t") {
		return number(0, true) // those that a debugger gives its user
	}
	return x.structure(ctx, name)
}

// extend makes 64 bits of an address as debuggers do.
func (x *expressions) extend(v uint64) uint64 {
	if x.target.bits == 32 {
		return uint64(int64(int32(uint32(v))))
	}
	return v
}

// first is the first of the registers that there is.
func (x *expressions) first(names ...string) (uint64, bool) {
	for _, n := range names {
		if v, _, ok := x.thread.Register(n); ok {
			return v, true
		}
	}
	return 0, false
}

// wideResult is the register of results of 64 bits: edx and eax on x86.
func (x *expressions) wideResult() (uint64, bool) {
	low, ok := x.first("rax", "eax")
	if high, _, two := x.thread.Register("edx"); two && x.target.bits == 32 {
		low |= high << 32
	}
	return low, ok
}

func (x *expressions) returnAddress(ctx context.Context) (uint64, bool) {
	seen := 0
	for f, err := range x.target.Stack(ctx, x.thread) {
		if err != nil {
			return 0, false
		}
		if seen++; seen == 2 {
			return f.PC, true
		}
	}
	return 0, false
}

// mainEntry is the entry point of the kernel, or of the program of a process.
func (x *expressions) mainEntry(ctx context.Context) (uint64, error) {
	if list := x.target.modules; len(list) > 0 {
		return x.entry(ctx, list[0].Base)
	}
	return 0, symres.ErrNoModule
}

// breakpoint is the code of the event that a debugger makes of a kernel's dump.
const breakpoint = 0x80000003

func (x *expressions) exception(name string) (uint64, bool) {
	e, err := x.target.Exception()
	if err != nil || x.target.Kernel() != nil {
		e = Exception{Code: breakpoint}
	}
	switch name {
	case "$exr_code":
		return uint64(e.Code), true
	case "$exr_numparams":
		return uint64(len(e.Parameters)), true
	}
	return 2, true
}

// structure finds the structures of the thread and its process, which are pointers
// with a type.
func (x *expressions) structure(ctx context.Context, name string) (eval.Pseudo, bool, error) {
	types := map[string]string{"$proc": "_EPROCESS", "$thread": "_ETHREAD", "$peb": "_PEB", "$teb": "_TEB", "$tpid": ""}
	typeName, known := types[name]
	if !known {
		return eval.Pseudo{}, false, nil
	}
	p := eval.Pseudo{Pointer: typeName != ""}
	process, err := x.process()
	switch name {
	case "$proc":
		p.Value = process.Address
	case "$peb":
		p.Value = process.PEB
	case "$tpid":
		p.Value = process.PID
	case "$thread":
		p.Value, err = x.thread.Address, nil
	case "$teb":
		p.Value, err = x.thread.TEB, nil
	}
	if err == nil && p.Value == 0 {
		err = ErrNoRecord
	}
	p.Value = x.extend(p.Value)
	if t, typeErr := x.target.session.Type(ctx, "nt!"+typeName); typeName != "" && typeErr == nil {
		p.Type = t.Type
	}
	return p, true, err
}

// process is the process whose memory the thread saw.
func (x *expressions) process() (nt.Process, error) {
	t := x.target
	k := t.Kernel()
	switch {
	case k == nil:
		return nt.Process{PID: uint64(t.Info().PID), PEB: x.pebOf()}, nil
	case t.view != nil:
		return t.view.Process(), nil
	case x.thread.Attached != 0:
		return k.ProcessAt(x.thread.Attached)
	}
	return k.CurrentProcess()
}

// pebOf is the PEB that the TEB of the thread names, 0 where that is out (winnt.h and
// the public symbols: ProcessEnvironmentBlock).
func (x *expressions) pebOf() uint64 {
	at := map[int]uint64{32: 0x30, 64: 0x60}[x.target.bits]
	var b [8]byte
	if x.memory == nil || x.thread.TEB == 0 {
		return 0
	}
	if _, err := x.memory.ReadMemory(b[:x.target.bits/8], x.thread.TEB+at); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b[:])
}
