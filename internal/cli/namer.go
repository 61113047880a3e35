package cli

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/frames"
	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/internal/crashlog"
	"github.com/symres/symres/internal/hexaddr"
)

const (
	maxBatch   = 128 << 10 // addresses that are answered together
	fewQueries = 256       // so many are not worth sorting and sharing out
	maxNamers  = 8
	sharesEach = 4 // of the queries for each who answers: all are done at about the same time

	usualAnswer = 256 // bytes, most answers have fewer
)

// query is an address and what there is to say of it.
type query struct {
	addr   uint64
	line   []byte        // as it was typed
	text   string        // the same, where it is more than an address
	ref    *crashlog.Ref // in a log
	miss   error         // why there is no answer
	frames error         // why lines and inlined functions are not whole
	module string
	answer []byte // good until the next batch
}

// namer answers queries and puts the answers into words. It belongs to one
// goroutine.
type namer struct {
	resolver *symres.Resolver
	form     form
	bits     int
	row      jsonRow // the answers so far
	starts   []int   // where each begins
}

func (n *nearest) namer(i int) *namer {
	for len(n.namers) <= i {
		n.namers = append(n.namers, &namer{
			resolver: n.target.session.NewResolver(), form: n.form, bits: n.target.bits,
		})
	}
	return n.namers[i]
}

// nameAll finds the answers. Many queries are answered in the order of their
// addresses, where each helps the next, and by several at once.
func (n *nearest) nameAll(ctx context.Context) {
	order := make([]*query, len(n.queries))
	for i := range n.queries {
		order[i] = &n.queries[i]
	}
	if len(order) < fewQueries {
		n.namer(0).name(ctx, order)
		return
	}
	slices.SortFunc(order, func(a, b *query) int { return cmp.Compare(a.addr, b.addr) })
	n.addrs = slices.Grow(n.addrs[:0], len(order))
	for _, q := range order {
		n.addrs = append(n.addrs, q.addr)
	}
	n.namer(0).resolver.Expect(n.addrs)
	workers := min(runtime.GOMAXPROCS(0), maxNamers)
	parts := slices.Collect(slices.Chunk(order, (len(order)-1)/(workers*sharesEach)+1))
	n.namer(len(parts) - 1)
	var group sync.WaitGroup
	var next atomic.Int64
	for range workers {
		group.Go(func() {
			for i := next.Add(1); i <= int64(len(parts)); i = next.Add(1) {
				n.namers[i-1].name(ctx, parts[i-1])
			}
		})
	}
	group.Wait()
}

// name answers queries.
func (w *namer) name(ctx context.Context, queries []*query) {
	w.row.b = slices.Grow(w.row.b[:0], usualAnswer*len(queries))
	w.starts = slices.Grow(w.starts[:0], len(queries)+1)
	for _, q := range queries {
		w.starts = append(w.starts, len(w.row.b))
		if q.miss == nil && ctx.Err() == nil {
			w.one(ctx, q)
		}
	}
	w.starts = append(w.starts, len(w.row.b))
	for i, q := range queries { // only now does the text stay in its place
		q.answer = w.row.b[w.starts[i]:w.starts[i+1]]
	}
}

func (w *namer) one(ctx context.Context, q *query) {
	loc, err := w.resolver.Resolve(ctx, q.addr)
	if err != nil {
		q.miss = err
		return
	}
	q.module, q.frames = loc.Module, loc.FramesErr
	switch w.form {
	case formJSON:
		w.object(q, loc)
	case formRow:
		w.oneLine(loc)
	case formShort:
		w.short(q.ref, loc)
	default:
		w.lines(loc)
	}
}

// form is how an answer looks.
type form byte

const (
	formLines form = iota // as ln prints it
	formRow               // the same on one line
	formShort             // in a log
	formJSON
)

// oneLine writes what ln prints on one line.
func (w *namer) oneLine(l *symres.Location) {
	start := len(w.row.b)
	b := w.symbol(w.row.b, l)
	b = appendSource(b[:len(b)-1], l)
	for i, name := range l.Aliases {
		b = append(append(b, [...]string{"   also ", ", "}[min(i, 1)]...), name...)
	}
	w.row.b = text.FinishRow(b, start, start)
}

// short writes a name for a log: nothing in it ends a string or begins an escape, so
// that a log in JSON stays one.
func (w *namer) short(ref *crashlog.Ref, l *symres.Location) {
	start := len(w.row.b)
	lined := len(l.Frames) > 0 && l.Frames[0].Line != 0
	if !lined && ref.Symbol == l.Name && ref.Offset == l.Displacement {
		return // that is what the log says
	}
	b := append(append(append(w.row.b, " ("...), l.Module...), '!')
	b = appendDisplacement(append(b, l.Name...), l.Displacement)
	if l.PastEnd {
		b = append(b, " past its end"...)
	}
	b = append(appendSource(b, l), label(l.Proof)...)
	b = text.FinishRow(append(b, ')'), start, start)
	b = b[:len(b)-1]
	for i, c := range b[start:] {
		switch c {
		case '"':
			b[start+i] = '\''
		case '\\':
			b[start+i] = '/'
		}
	}
	w.row.b = b
}

// appendSource appends file and line of an address, and what was inlined there.
func appendSource(b []byte, l *symres.Location) []byte {
	if len(l.Frames) == 0 {
		return b
	}
	b = frames.AppendLine(b, &l.Frames[0])
	for i := range l.Frames[:len(l.Frames)-1] {
		b = append(append(b, [...]string{" inline ", " < "}[min(i, 1)]...), cmp.Or(l.Frames[i].Function, "?")...)
	}
	return b
}

// lines writes what ln prints: the source line, the symbol's own start in
// parentheses, inlined functions, and the names that are exactly there.
func (w *namer) lines(l *symres.Location) {
	b := w.row.b
	if len(l.Frames) > 0 && l.Frames[0].File != "" && l.Frames[0].Line != 0 {
		start := len(b)
		b = append(append(b, l.Frames[0].File...), '(')
		b = append(strconv.AppendUint(b, uint64(l.Frames[0].Line), 10), ')')
		b = text.FinishRow(b, start, start)
	}
	b = w.symbol(b, l)
	if len(l.Frames) > 1 {
		b = w.inlined(b, l)
	}
	if l.Displacement == 0 {
		b = append(b, "Exact matches:\n"...)
		b = appendName(b, l.Module, l.Name)
		for _, name := range l.Aliases {
			b = appendName(b, l.Module, name)
		}
	}
	w.row.b = b
}

func (w *namer) symbol(b []byte, l *symres.Location) []byte {
	start := len(b)
	b = appendPlace(append(b, '('), &l.Symbol, w.bits)
	b = append(append(append(b, ")   "...), l.Module...), '!')
	b = append(b, l.Name...)
	b = appendDisplacement(b, l.Displacement)
	if l.PastEnd {
		b = hexaddr.Append(append(b, "   (past its end, size 0x"...), uint64(l.Size), 1)
		b = append(b, ')')
	}
	return text.FinishRow(append(b, label(l.Proof)...), start, start)
}

// appendDisplacement appends how far an address is from a symbol, if it is not
// the symbol's own.
func appendDisplacement(b []byte, displacement uint64) []byte {
	switch d := int64(displacement); {
	case d > 0:
		return hexaddr.Append(append(b, "+0x"...), displacement, 1)
	case d < 0: // in a part of a function that lies in front of it
		return hexaddr.Append(append(b, "-0x"...), -displacement, 1)
	}
	return b
}

// inlined writes the functions at an address in the look of k, innermost first.
func (w *namer) inlined(b []byte, l *symres.Location) []byte {
	for i := range l.Frames {
		f, start := &l.Frames[i], len(b)
		if f.Inlined {
			b = append(b, "    (Inline Function)   "...)
		} else {
			b = append(b, "                        "...)
		}
		b = text.FinishRow(frames.AppendFunction(b, l.Module, f), start, start)
	}
	return b
}

func appendName(b []byte, module, name string) []byte {
	start := len(b)
	b = append(append(append(b, "    "...), module...), '!')
	return text.FinishRow(append(b, name...), start, start)
}

// object writes a line of JSON.
func (w *namer) object(q *query, l *symres.Location) {
	r := &w.row
	r.more()
	if q.text != "" {
		r.str("query", q.text)
	} else {
		r.hex("query", l.Query)
	}
	r.str("module", l.Module)
	r.str("name", l.Name)
	r.raw(l.Raw)
	placeJSON(r, &l.Symbol)
	r.int("displacement", int64(l.Displacement))
	r.knownNum("size", uint64(l.Size))
	r.flag("past_end", l.PastEnd)
	if len(l.Aliases) > 0 {
		r.openList("aliases")
		for _, name := range l.Aliases {
			r.element(name)
		}
		r.closeList()
	}
	if len(l.Frames) > 0 {
		r.openList("frames")
		for i := range l.Frames {
			r.frame(&l.Frames[i])
		}
		r.closeList()
	}
	r.str("source", l.Source.String())
	r.str("proof", l.Proof.String())
	r.str("identity", l.Identity.String())
	r.end()
}

func (r *jsonRow) frame(f *symres.Frame) {
	r.openObject()
	r.known("function", f.Function)
	r.known("file", f.File)
	r.knownNum("line", uint64(f.Line))
	r.knownNum("column", uint64(f.Column))
	r.flag("inlined", f.Inlined)
	r.closeObject()
}
