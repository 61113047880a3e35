package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/internal/load"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/unwind"
)

const pageSize = 4096

var errClosed = errors.New("the stacks were closed")

// image gives the bytes of a module, from the target or from the copy that was
// accepted for it.
type image struct {
	session *symres.Session
	cfg     symres.Config // of the session
	module  symres.Module

	turn   chan struct{} // holds one token: who has it uses the fields below
	looked bool
	copied *identify.Copy // nil: there is none
	mapped *identify.Mapped
	proof  unwind.Proof
	err    error // why there is none
}

func newImage(s *symres.Session, cfg symres.Config, m symres.Module) *image {
	return &image{session: s, cfg: cfg, module: m, turn: make(chan struct{}, 1)}
}

// ReadImage implements [unwind.Image].
func (i *image) ReadImage(ctx context.Context, buf []byte, rva uint32) (unwind.Origin, error) {
	o := unwind.Origin{Bytes: unwind.BytesTarget, Proof: unwind.ProofExact}
	for done := 0; done < len(buf); {
		at := rva + uint32(done)
		n := min(len(buf)-done, pageSize-int(at%pageSize))
		page, err := i.readPage(ctx, buf[done:done+n], at)
		if err != nil {
			return unwind.Origin{}, err
		}
		o = unwind.Origin{Bytes: max(o.Bytes, page.Bytes), Proof: min(o.Proof, page.Proof)}
		done += n
	}
	return o, nil
}

// readPage reads bytes of one page.
func (i *image) readPage(ctx context.Context, b []byte, rva uint32) (unwind.Origin, error) {
	var out error = memsource.NewFault(memsource.ReasonNotMapped, i.module.Base+uint64(rva), uint64(len(b)))
	if i.cfg.Memory != nil {
		out = memsource.ReadFull(memsource.Bind(ctx, i.cfg.Memory), b, i.module.Base+uint64(rva))
	}
	if out == nil {
		return unwind.Origin{Bytes: unwind.BytesTarget, Proof: unwind.ProofExact}, nil
	}
	if ctx.Err() != nil {
		return unwind.Origin{}, ctx.Err()
	}
	mapped, proof, err := i.copy(ctx)
	if err == nil {
		err = mapped.ReadMapped(b, rva)
	}
	if err != nil {
		return unwind.Origin{}, fmt.Errorf("%w; no copy of the image of %s has it: %w", out, i.module.Name, err)
	}
	return unwind.Origin{Bytes: unwind.BytesCopy, Proof: proof}, nil
}

// copy returns the copy of the image, which is looked for once.
func (i *image) copy(ctx context.Context) (*identify.Mapped, unwind.Proof, error) {
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if i.looked {
		return i.mapped, i.proof, i.err
	}
	match, err := i.find(ctx)
	if ctx.Err() != nil {
		if match != nil {
			err = match.Copy.Close()
		}
		return nil, 0, errors.Join(ctx.Err(), err)
	}
	if match != nil {
		i.copied, i.proof = match.Copy, proofOf(match.Proof())
		i.mapped, err = match.Copy.Mapped()
	}
	i.looked, i.err = true, err
	return i.mapped, i.proof, i.err
}

// find looks for a copy that the version check takes, with all that the target
// says of the module held against it.
func (i *image) find(ctx context.Context) (*identify.Match, error) {
	facts, err := i.session.Identify(ctx, i.module.Name)
	if err != nil {
		return nil, err
	}
	return load.FindCopy(ctx, facts, &identify.Search{Images: i.cfg.Images, Symbols: i.cfg.Symbols}, i.cfg.Check)
}

// proofOf is the label in the words of package unwind.
func proofOf(p symres.Proof) unwind.Proof {
	switch p {
	case symres.ProofExact:
		return unwind.ProofExact
	case symres.ProofImage:
		return unwind.ProofImage
	case symres.ProofWeak:
		return unwind.ProofWeak
	}
	return unwind.ProofNameOnly
}

// close closes the copy.
func (i *image) close() error {
	i.turn <- struct{}{}
	defer func() { <-i.turn }()
	c := i.copied
	i.looked, i.copied, i.mapped, i.err = true, nil, nil, errClosed
	if c == nil {
		return nil
	}
	return c.Close()
}
