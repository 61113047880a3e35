package gdbremote

import (
	"context"
	"errors"
)

// Registers returns those of the names given that the stub describes and can
// read, of up to 8 bytes, of its current processor. The names are those of
// GDB's target descriptions, such as "rip", "rax" or "x29". The error is that of
// the connection, ctx's own, or wraps [ErrProtocol]. Safe for concurrent use.
func (c *Client) Registers(ctx context.Context, names []string) (found map[string]uint64, err error) {
	err = c.do(ctx, func(l *link) error {
		found, err = l.registers(names)
		return err
	})
	return found, err
}

// registers reads those registers that the stub describes and can read.
func (l *link) registers(names []string) (map[string]uint64, error) {
	found := map[string]uint64{}
	for _, name := range names {
		if _, ok := l.regs[name]; !ok {
			continue
		}
		v, err := l.register(name)
		switch {
		case errors.Is(err, ErrProtocol): // described and yet not to be had
		case err != nil:
			return nil, err
		default:
			found[name] = v
		}
	}
	return found, nil
}
