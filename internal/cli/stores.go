package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fsx"
	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

// storeHook makes the store of an element of a path.
type storeHook func(sympath.Element) (sympath.Store, error)

// storeOptions are what all stores of a command are made with. Nothing is
// connected to before something is looked for.
func (a *app) storeOptions(o *pathOptions) (sympath.Options, error) {
	mounts, err := parseMounts(o.unc)
	if err != nil {
		return sympath.Options{}, err
	}
	return sympath.Options{
		Verify: symres.Verify, HTTP: a.serverStore, UNC: a.shareStore(mounts), Cache: o.cache, Getenv: a.program.Getenv,
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
}

// shareStore makes the hook for shares: those that --unc says are mounted, on
// Windows all, elsewhere those that a.smb reaches.
func (a *app) shareStore(mounts []mount) storeHook {
	return func(e sympath.Element) (sympath.Store, error) {
		for _, m := range mounts {
			if fsys, ok := m.dir(e.Text); ok {
				return onFS(e, fsys), nil
			}
		}
		switch {
		case runtime.GOOS == "windows":
			return onFS(e, fsx.Dir(e.Text)), nil
		case a.smb != nil:
			return a.smb(e)
		}
		return nil, errNoShares
	}
}

// noShares is the error for a share that nothing here reaches.
type noShares struct{}

var errNoShares error = &noShares{}

// Error implements the error interface.
func (*noShares) Error() string { return `mount the share and say where: --unc '\\server\share=DIR'` }

// Is makes the error match [errors.ErrUnsupported].
func (*noShares) Is(target error) bool { return target == errors.ErrUnsupported }

// onFS is the store of an element whose files are in a file system.
func onFS(e sympath.Element, fsys fs.FS) sympath.Store {
	if e.Keyed {
		return sympath.Symsrv(e.Text, fsys)
	}
	return sympath.Dir(e.Text, fsys)
}

// mount says in which directory a share is mounted.
type mount struct {
	share []string // server, share, and any directories below
	root  string
}

// parseMounts reads the values of --unc.
func parseMounts(values []string) ([]mount, error) {
	var mounts []mount
	for _, v := range values {
		share, dir, ok := strings.Cut(v, "=")
		parts := uncParts(share)
		if !ok || dir == "" || len(parts) < 2 || !strings.HasPrefix(strings.ReplaceAll(share, "/", `\`), `\\`) {
			return nil, usage(fmt.Errorf(`--unc %q: want \\server\share=DIR`, v))
		}
		mounts = append(mounts, mount{parts, dir})
	}
	return mounts, nil
}

func uncParts(unc string) []string {
	return strings.FieldsFunc(unc, func(r rune) bool { return r == '\\' || r == '/' })
}

// dir returns the directory of a UNC path on the share.
func (m mount) dir(unc string) (fs.FS, bool) {
	parts := uncParts(unc)
	if len(parts) < len(m.share) {
		return nil, false
	}
	for i, part := range m.share {
		if !strings.EqualFold(part, parts[i]) {
			return nil, false
		}
	}
	below := parts[len(m.share):]
	for _, part := range below {
		if part == "." || part == ".." {
			return nil, false
		}
	}
	return folded{fsx.Dir(m.root), below}, true
}

// folded is a directory of a file system that is found whatever the letter
// case of its path, each time anew.
type folded struct {
	fsys fs.FS
	path []string
}

// Open implements [fs.FS].
func (f folded) Open(name string) (fs.File, error) {
	full, err := f.full("open", name)
	if err != nil {
		return nil, err
	}
	return f.fsys.Open(full)
}

// Stat implements [fs.StatFS].
func (f folded) Stat(name string) (fs.FileInfo, error) {
	full, err := f.full("stat", name)
	if err != nil {
		return nil, err
	}
	return fs.Stat(f.fsys, full)
}

func (f folded) full(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	dir := "."
	if len(f.path) > 0 {
		var err error
		if dir, err = fsx.Lookup(f.fsys, f.path...); err != nil {
			return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return path.Join(dir, name), nil
}
