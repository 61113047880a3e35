package kd

import (
	"context"
	"errors"
)

// subcommand is .symres.
func (s *Session) subcommand(ctx context.Context, c Command) error {
	if c.Args == "" {
		return refuse(".symres: which subcommand?")
	}
	return s.runSelf(ctx, arguments(c.Args))
}

// checkImage compares the code in memory with the image file, by the subcommand verify.
func (s *Session) checkImage(ctx context.Context, c Command) error {
	for _, w := range words(c.Args) {
		if w[0] != '-' {
			return s.runSelf(ctx, []string{"verify", w})
		}
	}
	return refuse("usage: !chkimg MODULE")
}

// analyze says why the target stopped, by the subcommand analyze.
func (s *Session) analyze(ctx context.Context, _ Command) error {
	return s.runSelf(ctx, []string{"analyze"})
}

var errNoSubcommands = errors.New("there are no subcommands here")

// runSelf runs a subcommand of symres on the same target.
func (s *Session) runSelf(ctx context.Context, args []string) error {
	if s.cfg.Run == nil {
		return errNoSubcommands
	}
	return s.cfg.Run(ctx, args, lineWriter{s})
}
