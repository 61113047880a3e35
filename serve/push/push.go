// Package push uploads PDBs and images to a server of package serve.
//
//	c := push.Client{URL: "https://symbols.example", Token: token}
//	up, err := c.Push(ctx, "app.pdb", f, size)
package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/serve"
	"github.com/symres/symres/sympath"
)

var (
	// ErrConflict: the server has another file under the key of this one.
	ErrConflict = errors.New("the server has another file of this name and key")
	// ErrRefused: the server takes no such file, or none from this client.
	ErrRefused = errors.New("refused by the server")
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Client uploads to one server. It is safe for concurrent use.
type Client struct {
	URL   string // of the server
	Token string // that has the right to upload; empty sends none
	// HTTP makes the requests, [http.DefaultClient] if nil. It should follow no
	// redirect to another host: the token is sent along.
	HTTP *http.Client
}

// Push uploads a file of size bytes under name, unless the server has it. Requests that
// fail for reasons of the network or the server are made a second time. The error
// wraps [sympath.ErrMismatch] if the file is no PDB or image, [ErrConflict] or
// [ErrRefused].
func (c *Client) Push(ctx context.Context, name string, f io.ReaderAt, size int64) (serve.Upload, error) {
	up := serve.Upload{File: name, Size: size, Status: serve.UploadRefused}
	id, err := identify.FileID(sympath.Query{File: name}, f, size)
	if err != nil {
		return up, fmt.Errorf("%s: %w: %w", name, sympath.ErrMismatch, err)
	}
	up.Key = id.Key()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return up, err
	}
	there, err := c.there(ctx, name, up.Key, hex.EncodeToString(sum.Sum(nil)))
	if err != nil || there {
		up.Status = serve.UploadThere
		return up, err
	}
	return c.put(ctx, up, f)
}

// there reports whether the server has the same file already. One that is not told is
// none.
func (c *Client) there(ctx context.Context, name, key, sum string) (bool, error) {
	res, err := c.twice(ctx, http.MethodHead, "/"+url.PathEscape(name)+"/"+key+"/"+url.PathEscape(name), nil)
	if err != nil {
		return false, err
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK && res.Header.Get("ETag") == `"sha256-`+sum+`"`, nil
}

// put uploads the file.
func (c *Client) put(ctx context.Context, up serve.Upload, f io.ReaderAt) (serve.Upload, error) {
	res, err := c.twice(ctx, http.MethodPut, "/upload/"+url.PathEscape(up.File), func() io.Reader { return io.NewSectionReader(f, 0, up.Size) })
	if err != nil {
		return up, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK, http.StatusCreated:
	case http.StatusConflict:
		up.Status = serve.UploadConflict
		return up, fmt.Errorf("%s/%s: %w", up.File, up.Key, ErrConflict)
	default:
		return up, fmt.Errorf("%s/%s: %w: %s", up.File, up.Key, ErrRefused, res.Status)
	}
	var answer serve.Upload
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil || answer.Key != up.Key {
		return up, fmt.Errorf("%s/%s: %w: it answers as no server of symres does", up.File, up.Key, ErrRefused)
	}
	up.Status = answer.Status
	return up, nil
}

// twice makes a request, and again if the network or the server failed.
func (c *Client) twice(ctx context.Context, method, path string, body func() io.Reader) (*http.Response, error) {
	res, err := c.once(ctx, method, path, body)
	if err == nil && res.StatusCode < 500 || ctx.Err() != nil {
		return res, err
	}
	if err == nil {
		res.Body.Close()
	}
	select {
	case <-time.After(time.Second):
		return c.once(ctx, method, path, body)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) once(ctx context.Context, method, path string, body func() io.Reader) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		r = body()
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, r)
	if err != nil {
		return nil, err
	}
	if s, ok := r.(*io.SectionReader); ok {
		req.ContentLength = s.Size()
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	return client.Do(req)
}
