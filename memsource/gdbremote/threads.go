package gdbremote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of a list of threads: how many are kept, and how long the name of one
// may be.
const (
	maxThreads    = 4096
	maxThreadName = 64
)

// Threads lists the target's threads by the names that the stub uses:
// hexadecimal numbers, or pairs such as p1.2. In QEMU each processor is a
// thread. The list is empty if the stub has no threads. Errors are returned as
// by [Client.Registers]. Safe for concurrent use.
func (c *Client) Threads(ctx context.Context) (ids []string, err error) {
	err = c.do(ctx, func(l *link) error {
		ids, err = l.threads()
		return err
	})
	return ids, err
}

// RegistersOf is [Client.Registers] of a thread that [Client.Threads] has listed.
// Memory is read as the stub's first thread sees it, before and afterwards.
func (c *Client) RegistersOf(ctx context.Context, thread string, names []string) (found map[string]uint64, err error) {
	if !isThread(thread) {
		return nil, fmt.Errorf("%w: thread %.40q", ErrProtocol, thread)
	}
	err = c.do(ctx, func(l *link) error {
		ids, err := l.threads()
		if err != nil {
			return err
		}
		if len(ids) == 0 || !slices.Contains(ids, thread) {
			return refusal("no such thread")
		}
		if err := l.choose(thread); err != nil {
			return err
		}
		found, err = l.registers(names)
		return errors.Join(err, l.choose(ids[0]))
	})
	return found, err
}

// threads asks for the list, which comes in pieces.
func (l *link) threads() (ids []string, err error) {
	for ask := "qfThreadInfo"; len(ids) < maxThreads; ask = "qsThreadInfo" {
		reply, err := l.ask(ask)
		if err != nil || !strings.HasPrefix(reply, "m") {
			return ids, err // l: there are no more; else the stub has no list
		}
		for id := range strings.SplitSeq(reply[1:], ",") {
			if !isThread(id) || slices.Contains(ids, id) {
				return nil, fmt.Errorf("%w: thread %.40q", ErrProtocol, id)
			}
			ids = append(ids, id)
		}
	}
	return ids[:maxThreads], nil
}

// isThread reports whether a name can be one of a thread.
func isThread(id string) bool {
	return id != "" && len(id) <= maxThreadName && strings.Trim(id, "0123456789abcdefABCDEFp.") == ""
}

// choose makes a thread the one that registers and memory are read of.
func (l *link) choose(thread string) error {
	reply, err := l.ask("Hg" + thread)
	if err == nil && reply != "OK" {
		err = fmt.Errorf("%w: reply %.20q to the choice of a thread", ErrProtocol, reply)
	}
	return err
}
