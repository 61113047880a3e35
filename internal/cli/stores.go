package cli

import (
	"fmt"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/stores"
)

// openStores returns what all stores of the program are made with: its flags are
// those of one command.
func (a *app) openStores(o *pathOptions) (*stores.Stores, error) {
	if a.stores != nil {
		return a.stores, nil
	}
	var mounts sympath.Mounts
	for _, text := range o.unc {
		m, err := sympath.ParseMount(text)
		if err != nil {
			return nil, usage(fmt.Errorf("--unc %w", err))
		}
		mounts = append(mounts, m)
	}
	o.cache = sympath.ExpandEnv(o.cache, a.program.Getenv)
	if _, err := sympath.Parse(o.cache); err != nil {
		return nil, usage(fmt.Errorf("--cache: %w", err))
	}
	a.stores = stores.New(stores.Config{
		Getenv: a.program.Getenv, Cache: o.cache, Offline: o.offline, Refresh: o.refresh, Mounts: mounts, SMB21: o.smb21,
		Trace: a.progress.trace(), Rehash: a.noisy,
	})
	return a.stores, nil
}

// closeStores ends what a command began.
func (a *app) closeStores() {
	a.progress.stop()
	if a.stores != nil {
		a.stores.Close()
	}
}
