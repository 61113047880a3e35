package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/serve"
	"github.com/symres/symres/serve/push"
	"github.com/symres/symres/serve/symbolicate"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

type serveOptions struct {
	*pathOptions
	store, listen, cert, key, title string
	tokens                          string
	uploads, private                bool
	upstreams, origins              []string
}

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve --store DIR [--upstream URL...]",
		Short: "serve a symbol store that is filled from other servers",
		Long: "serve answers WinDbg, Visual Studio, LLDB, samply, dotnet-symbol and symres from DIR, and fills DIR from\n" +
			"each URL in turn: a file is fetched once, and no byte of it leaves before it is known to be what its key\n" +
			"says. It names addresses too: POST /symbolicate/v5, as the Firefox Profiler asks, and POST /v1/nearest.\n\n" +
			"Open its address in a browser for what it holds, the last misses and how to point a client at it.\n" +
			"It ends with SIGINT or SIGTERM, after the requests under way. Each request is a line on standard error.",
		Example: "  symres serve --store /srv/symbols --upstream https://msdl.microsoft.com/download/symbols\n" +
			"  symres serve --store /srv/symbols --listen :8777 --tls-cert cert.pem --tls-key key.pem",
		Args: cobra.NoArgs,
	}
	o := &serveOptions{pathOptions: addPathFlags(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&o.store, "store", "", "the store `DIR`, which is made if it is absent")
	flags.StringArrayVar(&o.upstreams, "upstream", nil, "fill the store from `URL`, a server, share or folder (repeatable)")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8777", "the address to listen at, `HOST:PORT`")
	flags.StringVar(&o.cert, "tls-cert", "", "serve https with the certificate in `FILE`")
	flags.StringVar(&o.key, "tls-key", "", "the key of the certificate, in `FILE`")
	flags.BoolVar(&o.uploads, "uploads", false, "take files that symres push sends with a token that may upload")
	flags.BoolVar(&o.private, "private", false, "answer nobody without a token that may read")
	flags.StringVar(&o.tokens, "tokens", "", "`FILE` of tokens: lines of SHA-256, read or upload or read,upload, and a label")
	flags.StringVar(&o.title, "title", "", "`TEXT` at the top of the page")
	flags.StringArrayVar(&o.origins, "origin", nil, "let web pages of `ORIGIN` name addresses, such as https://profiler.firefox.com (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), o) }
	return cmd
}

// path is the symbol path of the store: each upstream behind the same directory.
func (o *serveOptions) path() (string, error) {
	if o.store == "" {
		return "", errors.New("--store says where the files are kept")
	}
	for _, text := range append([]string{o.store}, o.upstreams...) {
		if text == "" || strings.ContainsAny(text, "*;") {
			return "", fmt.Errorf("%q is no directory or URL", text)
		}
	}
	elements := []string{"srv*" + o.store}
	for _, url := range o.upstreams {
		elements = append(elements, "srv*"+o.store+"*"+url)
	}
	return strings.Join(elements, ";"), nil
}

// readTokens reads the file of tokens, which uploads and a private server need.
func (o *serveOptions) readTokens() ([]serve.Token, error) {
	if o.tokens == "" {
		if o.uploads || o.private {
			return nil, usage(errors.New("--uploads and --private need --tokens"))
		}
		return nil, nil
	}
	f, err := os.Open(o.tokens)
	if err != nil {
		return nil, unusable(err)
	}
	defer f.Close()
	tokens, err := serve.ParseTokens(f)
	if err != nil {
		return nil, unusable(fmt.Errorf("%s: %w", o.tokens, err))
	}
	return tokens, nil
}

func (a *app) serve(ctx context.Context, o *serveOptions) error {
	path, err := o.path()
	if err != nil {
		return usage(err)
	}
	server := &serve.Server{}
	if o.cert != "" || o.key != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return unusable(err)
		}
		server.TLS = &pair
	}
	tokens, err := o.readTokens()
	if err != nil {
		return err
	}
	all, err := a.openStores(o.pathOptions)
	if err != nil {
		return err
	}
	store, err := all.Open(path)
	if err != nil {
		return usage(err)
	}
	files := symres.NewFiles(symres.FilesConfig{})
	defer files.Close()
	log := slog.New(slog.NewTextHandler(a.program.Stderr, nil))
	var uploads *sympath.Cache
	if o.uploads {
		uploads = sympath.NewCache(o.store, all.Options())
	}
	server.Handler = serve.Handler(serve.Config{
		Uploads: uploads, Tokens: tokens, Private: o.private,
		Symbols: store, Logger: log, Title: o.title, Held: held(o.store), Verify: identify.FileID,
		Names: symbolicate.Handler(symbolicate.Config{Symbols: store, Files: files, Origins: o.origins}),
	})
	l, err := serve.Listen(ctx, o.listen, a.program.Getenv)
	if err != nil {
		return unusable(err)
	}
	a.serving(l, server.TLS != nil)
	if err := server.Serve(ctx, l); err != nil {
		return unusable(err)
	}
	return nil
}

// serving says where the server is to be found.
func (a *app) serving(l net.Listener, secure bool) {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	a.console.note("serving at %s://%s", scheme, l.Addr())
	a.console.flush()
}

// held counts what the store in a directory holds.
func held(dir string) func(context.Context) (int, int64) {
	c := sympath.NewCache(dir, sympath.Options{ReadOnly: true})
	return func(ctx context.Context) (int, int64) {
		report, err := c.Trim(ctx, sympath.TrimOptions{}) // removes nothing
		if err != nil {
			return 0, 0
		}
		return report.Kept, report.KeptBytes
	}
}

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
