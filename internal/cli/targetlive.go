package cli

import (
	"context"
	"errors"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/gdbremote"
)

// openGDB takes the memory behind a GDB stub. What is loaded there is for the
// user to say.
func (o *opener) openGDB(ctx context.Context) error {
	if !o.named {
		return usage(errors.New("--gdb gives memory, and no list of modules: add --module NAME=BASE,SIZE"))
	}
	c, err := gdbremote.Dial(ctx, o.opts.gdb, gdbremote.Config{})
	if err != nil {
		return unusable(err)
	}
	o.target.closers = append(o.target.closers, c)
	// The target stands still while somebody is connected.
	o.config.Memory, o.config.Machine = memsource.Cache(c, memsource.CacheOptions{}), c.Machine()
	return nil
}
