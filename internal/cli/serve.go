package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/serve"
	"github.com/symres/symres/serve/symbolicate"
	"github.com/symres/symres/sympath"
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
			"It ends with SIGINT or SIGTERM, after the requests under way. Each file that is asked for is a line on standard error.",
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
