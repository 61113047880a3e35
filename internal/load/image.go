package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/symbols"
)

// Image is the symbols an image carries itself. It is safe for concurrent use.
type Image struct {
	*symbols.Set
	copied *identify.Copy // nil where all of it is in memory
}

// Close closes the copy of the image, if there is one.
func (i *Image) Close() error {
	if i == nil || i.copied == nil {
		return nil
	}
	return i.copied.Close()
}

// carried loads the symbols the image carries itself: from the pages of the
// target and, where these are out, from the copy of the image that the version
// check takes. It returns nil where there are none: imports and bounds alone are
// no symbols of the module.
func (l *Loader) carried(ctx context.Context) *Symbols {
	syms := &Symbols{Placed: true, Identity: identify.IdentityMemory, Proof: identify.ProofExact}
	match, err := FindCopy(ctx, l.Outcome.Facts, l.again(), l.Check)
	if err != nil || match == nil {
		match = nil
	} else {
		syms.Identity, syms.Proof = match.Identity, match.Proof()
	}
	im, err := l.image(match)
	if err == nil {
		im.Set.Tables, im.Bounds = l.Sources.tables(im.Set.Image)
	}
	if err != nil || ctx.Err() != nil || len(im.Tables) == 0 || im.Tables[0].Source() < symbols.SourceExport {
		closeMatch(match)
		return nil
	}
	syms.Image = im
	l.Outcome.Carried = &identify.Carried{Source: im.Tables[0].Source(), Match: match, Identity: syms.Identity, Proof: syms.Proof}
	return syms
}

// again is the search without what it tried so far, which the report has.
func (l *Loader) again() *identify.Search {
	return &identify.Search{Images: l.Outcome.Search.Images, Symbols: l.Outcome.Search.Symbols}
}

func closeMatch(m *identify.Match) {
	if m != nil {
		_ = m.Copy.Close() // it was only read
	}
}

// image puts the pages of the target and the copy together.
func (l *Loader) image(m *identify.Match) (*Image, error) {
	i := &Image{}
	pages := &pages{memory: l.Memory, base: l.Outcome.Facts.Module.Base, size: l.Outcome.Facts.Module.Size}
	var file io.ReaderAt
	var size int64
	if m != nil {
		i.copied, file, size = m.Copy, m.Copy.File(), m.Copy.File().Size()
		pages.copied = peimage.NewMapped(file, peimage.ReadHeaders(file))
	}
	im, err := symbols.NewImage(pages, file, size)
	i.Set = &symbols.Set{Image: im}
	return i, err
}

// pages are the bytes of a mapped image: those of the target where they are in
// memory, else those of the copy.
type pages struct {
	memory memsource.Source // nil for none
	base   uint64
	size   uint64
	copied *peimage.Mapped // nil for none
}

const pageSize = 4096

// ReadAt implements [io.ReaderAt].
func (p *pages) ReadAt(b []byte, rva int64) (n int, err error) {
	for n < len(b) {
		at := rva + int64(n)
		if at < 0 || uint64(at) >= p.size {
			return n, io.EOF
		}
		m := min(len(b)-n, pageSize-int(at%pageSize), int(p.size-uint64(at)))
		if err := p.page(b[n:n+m], at); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// page reads bytes of one page.
func (p *pages) page(b []byte, rva int64) error {
	out := error(memsource.NewFault(memsource.ReasonNotMapped, p.base+uint64(rva), uint64(len(b))))
	if p.memory != nil {
		out = memsource.ReadFull(p.memory, b, p.base+uint64(rva))
	}
	if out == nil || p.copied == nil {
		return out
	}
	if _, err := p.copied.ReadAt(b, rva); err != nil {
		return fmt.Errorf("%w; nor is it in the copy of the image: %w", out, err)
	}
	return nil
}

// FindCopy finds the best copy of an image that the version check takes. The
// caller closes it. Without one the error says why: it wraps
// [identify.ErrMismatch] where copies were refused.
func FindCopy(ctx context.Context, facts *identify.Facts, search *identify.Search, check identify.VersionCheck) (*identify.Match, error) {
	screen := check.Screen()
	screen.NoPDB = true
	copies := identify.Find(ctx, facts, search, screen)
	defer copies.Close()
	var refused error
	for {
		batch, more, failed := copies.Next()
		match, err := accepted(facts, batch, check)
		if match != nil {
			return match, nil
		}
		refused = errors.Join(refused, failed, err)
		if ctx.Err() != nil || !more {
			break
		}
	}
	if refused == nil {
		refused = copies.Err()
	}
	return nil, refused
}

// accepted returns the best copy that the version check takes, and closes the
// others.
func accepted(facts *identify.Facts, batch []*identify.Copy, check identify.VersionCheck) (best *identify.Match, refused error) {
	matches, _ := identify.Weigh(facts, batch)
	for _, m := range matches {
		err := m.Accept(check)
		if err == nil && best == nil {
			best = m
			continue
		}
		if err != nil && refused == nil {
			refused = fmt.Errorf("%s: %w", m.Copy.Location, err)
		}
		closeMatch(m)
	}
	return best, refused
}
