package cli

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/symres/symres/serve"
	"github.com/symres/symres/serve/push"
	"github.com/symres/symres/sympath/creds"
)

func (a *app) pushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push --server URL FILE|DIR...",
		Short: "upload PDBs and images to a server of symres serve",
		Long: "push uploads each FILE, and the PDBs and images below each DIR, that the server does not have. The key is\n" +
			"read from the file. The token is the password for the server in SYMRES_AUTH or netrc.\n\n" +
			"The exit status is 1 if the server has another file under the key of one, or refused one.",
		Example: "  SYMRES_AUTH=https://symbols.example=:TOKEN symres push --server https://symbols.example build/",
		Args:    cobra.MinimumNArgs(1),
	}
	server := cmd.Flags().String("server", "", "the `URL` of the server")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error { return a.push(cmd.Context(), *server, paths) }
	return cmd
}

// maxPushes is how many files are uploaded at once.
const maxPushes = 4

func (a *app) push(ctx context.Context, server string, paths []string) error {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usage(fmt.Errorf("--server %q is no URL of a server", server))
	}
	client := push.Client{URL: server}
	finder, err := creds.New(creds.Config{Getenv: a.program.Getenv})
	if err != nil {
		return unusable(err)
	}
	if c, err := finder.Find(ctx, u); err != nil {
		return unusable(err)
	} else if c != nil {
		client.Token = cmp.Or(c.Bearer, c.Password)
	}
	files, err := pushed(paths)
	if err != nil {
		return unusable(err)
	}
	if len(files) == 0 {
		return reported(exitNotFound)
	}
	return a.pushAll(ctx, &client, files)
}

// pushed returns the files to upload: those of folders only if their names are those
// of PDBs or images.
func pushed(paths []string) (files []string, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			switch strings.ToLower(filepath.Ext(file)) {
			case ".pdb", ".exe", ".dll", ".sys", ".ocx", ".drv", ".efi", ".cpl", ".node":
				files = append(files, file)
			default:
				if file == path {
					files = append(files, file)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// pushedFile is what became of a file.
type pushedFile struct {
	Path string `json:"path"`
	serve.Upload
	Error string `json:"error,omitempty"`
}

// pushAll uploads files, several at once, and tells of each as it ends.
func (a *app) pushAll(ctx context.Context, client *push.Client, files []string) error {
	var mu sync.Mutex // one line after the other
	var group sync.WaitGroup
	slots, failed := make(chan struct{}, maxPushes), false
	for _, path := range files {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			up, err := pushOne(ctx, client, path)
			mu.Lock()
			defer mu.Unlock()
			failed = failed || err != nil
			a.pushedOne(pushedFile{Path: path, Upload: up}, err)
		})
	}
	group.Wait()
	if failed && ctx.Err() == nil {
		return reported(exitNotFound)
	}
	return ctx.Err()
}

func pushOne(ctx context.Context, client *push.Client, path string) (serve.Upload, error) {
	f, err := openFile(path)
	if err != nil {
		return serve.Upload{}, err
	}
	defer f.Close()
	return client.Push(ctx, filepath.Base(path), f, f.Size())
}

func (a *app) pushedOne(p pushedFile, err error) {
	switch {
	case a.console.json:
		if err != nil {
			p.Error = err.Error()
		}
		a.console.object(p)
	case err != nil:
		a.report(fmt.Errorf("%s: %w", p.Path, err))
	default:
		a.console.line("%-8s %s/%s", p.Status, p.File, p.Key)
	}
}
