package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/crashlog"
	"github.com/symres/symres/vadmath"
)

// places finds what logs and people call by other names than an address: modules by
// the names of their files, and their symbols.
type places struct {
	session *symres.Session
	check   symres.VersionCheck
	modules map[string][]*symres.Report // by name in lower case
	ranges  []*symres.Report            // by address
	symbols map[string]spot             // those asked for so far
}

// spot is where a symbol is, or why that cannot be said.
type spot struct {
	addr uint64
	err  error
}

const (
	maxSpots    = 64 << 10 // symbols that are remembered
	longestName = 128      // bytes of the name of a module
)

func newPlaces(s *symres.Session, check symres.VersionCheck) *places {
	p := &places{session: s, check: check, modules: map[string][]*symres.Report{}, symbols: map[string]spot{}, ranges: s.Modules()}
	for _, r := range p.ranges {
		image := lastPart(cmp.Or(r.Module.Image, r.Module.Name))
		for _, name := range append(identify.ImageNames(image), image, r.Module.Name) {
			p.call(name, r)
			if dot := strings.LastIndexByte(name, '.'); dot > 0 {
				p.call(name[:dot], r)
			}
		}
	}
	slices.SortFunc(p.ranges, func(a, b *symres.Report) int { return cmp.Compare(a.Module.Base, b.Module.Base) })
	return p
}

// call notes a name of a module.
func (p *places) call(name string, r *symres.Report) {
	if key := strings.ToLower(name); !slices.Contains(p.modules[key], r) {
		p.modules[key] = append(p.modules[key], r)
	}
}

// known reports whether a module goes by a name.
func (p *places) known(name []byte) bool {
	var lower [longestName]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return len(p.modules[string(lower[:len(name)])]) > 0
}

// covered reports whether an address lies in a module.
func (p *places) covered(addr uint64) bool {
	i, _ := slices.BinarySearchFunc(p.ranges, addr, func(r *symres.Report, addr uint64) int {
		if r.Module.Base <= addr {
			return -1
		}
		return 1
	})
	return i > 0 && p.ranges[i-1].Module.Contains(addr)
}

// address returns the address that a reference says.
func (p *places) address(ctx context.Context, ref *crashlog.Ref) (uint64, error) {
	if ref.Module == "" {
		return ref.Offset, nil
	}
	found := p.modules[strings.ToLower(ref.Module)]
	switch {
	case len(found) == 0:
		return 0, fmt.Errorf("%s: %w", ref.Module, symres.ErrNoModule)
	case len(found) > 1:
		return 0, fmt.Errorf("%s: %d modules go by that name: give an address", ref.Module, len(found))
	}
	r := found[0]
	if ref.Symbol != "" {
		s := p.symbol(ctx, r.Module.Name, ref.Symbol)
		return s.addr + ref.Offset, s.err
	}
	switch own := r.TimeDateStamp(); {
	case ref.Stamp != 0 && own != 0 && own != ref.Stamp && p.check != symres.CheckOff:
		return 0, fmt.Errorf("%s: the event is about another build: time stamp %x there, %x in the target", ref.Module, ref.Stamp, own)
	case ref.Offset >= r.Module.Size:
		return 0, fmt.Errorf("%s+0x%x: the module ends at +0x%x", ref.Module, ref.Offset, r.Module.Size)
	}
	return r.Module.Base + ref.Offset, nil
}

// symbol finds a symbol by its name.
func (p *places) symbol(ctx context.Context, module, name string) spot {
	key := module + "!" + name
	s, ok := p.symbols[key]
	if !ok && ctx.Err() == nil {
		s = p.lookup(ctx, key, module+"!"+literally(name), name)
		if len(p.symbols) == maxSpots {
			clear(p.symbols)
		}
		p.symbols[key] = s
	}
	return s
}

func (p *places) lookup(ctx context.Context, key, pattern, name string) spot {
	var exact, folded []uint64
	kinds := []symres.Kind{symres.KindFunction, symres.KindThunk, symres.KindData, symres.KindPublic}
	for sym, err := range p.session.LookupKinds(ctx, pattern, kinds...) {
		switch {
		case err != nil:
			return spot{err: err}
		case sym.Absolute || sym.Unplaced || sym.ThreadLocal:
		case sym.Name == name || sym.Raw == name:
			exact = append(exact, sym.Address)
		default:
			folded = append(folded, sym.Address)
		}
	}
	if len(exact) == 0 {
		exact = folded
	}
	slices.Sort(exact)
	switch all := slices.Compact(exact); len(all) {
	case 0:
		return spot{err: fmt.Errorf("%s: %w", key, symres.ErrNotFound)}
	case 1:
		return spot{addr: all[0]}
	default:
		return spot{err: fmt.Errorf("%s: %d symbols have that name: give an address", key, len(all))}
	}
}

// literally is the pattern that matches a name and no other.
func literally(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(`*?[]#+\`, name[i]) >= 0 || i == 0 && name[i] == '_' {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// read reads a query: an address, module+10, module!symbol+10, module!symbol, or a
// line of a log with a reference in it.
func (p *places) read(ctx context.Context, text string) (uint64, error) {
	addr, bad := vadmath.ParseAddr(text)
	if bad == nil {
		return addr, nil
	}
	ref, ok := p.typed(text)
	if !ok {
		s := crashlog.Scanner{Known: p.known}
		return p.first(ctx, s.Find([]byte(text)), bad)
	}
	return p.address(ctx, &ref)
}

// typed reads what people type: offsets are hex without a prefix too.
func (p *places) typed(text string) (crashlog.Ref, bool) {
	left, offset := text, uint64(0)
	if head, tail, plus := cutLast(text, "+"); plus {
		if n, err := vadmath.ParseAddr(strings.TrimSpace(tail)); err == nil {
			left, offset = strings.TrimSpace(head), n
		}
	}
	module, symbol, bang := strings.Cut(left, "!")
	base, err := vadmath.ParseAddr(left)
	switch one := !strings.ContainsAny(module, " \t:"); {
	case bang && symbol != "" && (one || p.known([]byte(module))):
		return crashlog.Ref{Module: module, Symbol: symbol, Offset: offset}, true
	case p.known([]byte(left)):
		return crashlog.Ref{Module: left, Offset: offset}, true
	case left == text:
		return crashlog.Ref{}, false
	case err == nil:
		return crashlog.Ref{Offset: base + offset}, true
	}
	return crashlog.Ref{Module: left, Offset: offset}, !bang && !strings.ContainsAny(left, " \t:")
}

// first is the address of the first reference that lies in a module, or else the last
// address of all, or why there is none.
func (p *places) first(ctx context.Context, refs []crashlog.Ref, bad error) (uint64, error) {
	last := uint64(0)
	for i := range refs {
		addr, err := p.address(ctx, &refs[i])
		switch {
		case err == nil && p.covered(addr):
			return addr, nil
		case err == nil:
			last, bad = addr, nil // perhaps a module was there that is unloaded by now
		case bad != nil:
			bad = err
		}
	}
	return last, bad
}

// filter copies a log from standard input and names the addresses in it.
func (n *nearest) filter(ctx context.Context) error {
	f := crashlog.Filter{
		Scanner: crashlog.Scanner{Known: n.places.known},
		Name:    func(refs []crashlog.Ref) ([][]byte, error) { return n.names(ctx, refs) },
		Out: func(text []byte) error {
			n.console.write(text)
			return n.console.failed
		},
	}
	in := chunks(ctx, n.program.Stdin)
	for {
		var c chunk
		select {
		case c = <-in:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := f.Write(c.b)
		if err == nil && c.err != nil {
			if err = f.Close(); err == nil && !errors.Is(c.err, io.EOF) {
				err = unusable(fmt.Errorf("standard input: %w", c.err))
			}
		}
		if len(in) == 0 {
			n.console.flush()
		}
		if err != nil || c.err != nil {
			return err
		}
	}
}

// names returns what stands behind each reference in the log.
func (n *nearest) names(ctx context.Context, refs []crashlog.Ref) ([][]byte, error) {
	names, at := make([][]byte, len(refs)), make([]int, 0, len(refs))
	n.queries = n.queries[:0]
	for i := range refs {
		addr, err := n.places.address(ctx, &refs[i])
		if err == nil && n.places.covered(addr) {
			n.queries, at = append(n.queries, query{addr: addr, ref: &refs[i]}), append(at, i)
		} else if refs[i].Stamp != 0 && err != nil && !errors.Is(err, symres.ErrNoModule) {
			n.otherBuild(err)
		}
	}
	n.nameAll(ctx)
	for i := range n.queries {
		q := &n.queries[i]
		if q.miss != nil {
			n.unnamed(q.miss)
		} else if len(q.answer) > 0 {
			names[at[i]] = q.answer
			n.answered(q)
		}
	}
	return names, ctx.Err()
}

// otherBuild tells once that an event of the log is not about this build.
func (n *nearest) otherBuild(err error) {
	if text := err.Error(); !n.told[text] {
		n.told[text] = true
		n.console.warn("%v; left as it is", err)
	}
}

// unnamed tells, once for each module, why addresses in it stay as they are.
func (n *nearest) unnamed(err error) {
	if n.app.weigh(err); errors.Is(err, symres.ErrNoSymbols) {
		n.failure(err)
	}
}
