package cli

import (
	"fmt"

	"github.com/symres/symres"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
	"github.com/symres/symres/sympath/smb"
)

// storeOptions are what all stores of a command are made with. Nothing is
// connected to before something is looked for.
func (a *app) storeOptions(o *pathOptions) (sympath.Options, error) {
	var mounts sympath.Mounts
	for _, text := range o.unc {
		m, err := sympath.ParseMount(text)
		if err != nil {
			return sympath.Options{}, usage(fmt.Errorf("--unc %w", err))
		}
		mounts = append(mounts, m)
	}
	return sympath.Options{
		Verify: symres.Verify, HTTP: a.serverStore, UNC: mounts.UNC(a.shareStore(o.smb21)), Cache: o.cache, Getenv: a.program.Getenv,
		Offline: o.offline, Refresh: o.refresh, Trace: a.progress.trace(),
	}, nil
}

// httpClient makes the one client of the program when the first server wants
// it, so that a netrc file that cannot be read is no matter without servers.
func (a *app) httpClient() (*symhttp.Client, error) {
	a.clientOnce.Do(func() {
		a.client, a.clientErr = symhttp.New(symhttp.Config{Getenv: a.program.Getenv})
	})
	return a.client, a.clientErr
}

func (a *app) serverStore(e sympath.Element) (sympath.Store, error) {
	client, err := a.httpClient()
	if err != nil {
		return nil, err
	}
	return client.Store(e)
}

// closeStores ends what a command began.
func (a *app) closeStores() {
	a.progress.stop()
	if a.client != nil {
		a.client.CloseIdle()
	}
	if a.shares != nil {
		a.shares.Close()
	}
}

// shareStore reaches the shares that --unc says nothing of.
func (a *app) shareStore(smb21 bool) func(sympath.Element) (sympath.Store, error) {
	return func(e sympath.Element) (sympath.Store, error) {
		a.sharesOnce.Do(func() {
			a.shares, a.sharesErr = smb.New(smb.Config{Getenv: a.program.Getenv, SMB21: smb21})
		})
		if a.sharesErr != nil {
			return nil, a.sharesErr
		}
		return a.shares.Store(e)
	}
}
