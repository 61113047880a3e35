package smb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/symres/symres/internal/smbd"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
	"github.com/symres/symres/sympath/smb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The credentials of the tests, as Config.Credentials.
func password(context.Context, string) (*creds.Credential, error) {
	return &creds.Credential{User: smbd.User, Password: smbd.Password}, nil
}

func as(user, password string) func(context.Context, string) (*creds.Credential, error) {
	return func(context.Context, string) (*creds.Credential, error) {
		return &creds.Credential{User: user, Password: password}, nil
	}
}

// client reaches the server as myserver. A slow machine is no failure: answers
// may take a minute.
func client(t testing.TB, s *smbd.Server, cfg smb.Config) *smb.Client {
	t.Helper()
	if cfg.Dial == nil {
		cfg.Dial = s.Dial
	}
	cfg.ConnectTimeout, cfg.Timeout = time.Minute, time.Minute
	c, err := smb.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// content is n bytes that repeat nowhere.
func content(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

var errNone = errors.New("nothing found") // of a search that ended without a candidate

// find searches a path and reads the first candidate whole.
func find(ctx context.Context, c *smb.Client, path string, q sympath.Query, o sympath.Options) ([]byte, []sympath.Attempt, error) {
	p, err := sympath.Parse(path)
	if err != nil {
		return nil, nil, err
	}
	o.UNC = c.Store
	var mu sync.Mutex
	var attempts []sympath.Attempt
	ctx = sympath.WithTrace(ctx, &sympath.Trace{Attempt: func(_ sympath.Query, a sympath.Attempt) {
		mu.Lock()
		defer mu.Unlock()
		attempts = append(attempts, a)
	}})
	for cand, err := range p.Store(o).Find(ctx, q) {
		if err != nil {
			return nil, attempts, err
		}
		f, err := cand.Open(ctx)
		if err != nil {
			return nil, attempts, err
		}
		defer f.Close()
		// A server may lie about the size.
		data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		return data, attempts, err
	}
	return nil, attempts, errNone
}

// why is the reason of the first attempt that has one.
func why(attempts []sympath.Attempt) error {
	for _, a := range attempts {
		if a.Err != nil {
			return a.Err
		}
	}
	return nil
}

func key(n uint32) sympath.Query {
	return sympath.Query{File: "f.pdb", ID: sympath.PDB20(0xA0000000+n, 1)}
}

func TestSamba(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(3<<20 + 17)
	for _, dir := range []string{"guest", "signed"} {
		s.Write(t, dir+"/sym/f.pdb/A00000011/f.pdb", want)
		s.Write(t, dir+"/plain/Symbols/PDB/F.Pdb", want)
		s.Write(t, dir+"/two/index2.txt", nil)
		s.Write(t, dir+"/two/f./F.PDB/a00000011/f.pdb", want)
	}
	for name, c := range map[string]struct {
		cfg  smb.Config
		path string
		q    sympath.Query
		want error
	}{
		"guest":                       {smb.Config{Guest: true}, `srv*\\myserver\guest\sym`, key(1), nil},
		"guest by name":               {smb.Config{Credentials: as("guest", "")}, `srv*\\myserver\guest\sym`, key(1), nil},
		"signed":                      {smb.Config{Credentials: password}, `srv*\\myserver\signed\sym`, key(1), nil},
		"domain":                      {smb.Config{Credentials: as(`SYMTEST\games`, smbd.Password)}, `srv*\\myserver\signed\sym`, key(1), nil},
		"encrypted":                   {smb.Config{Credentials: password}, `srv*\\myserver\sealed\sym`, key(1), nil},
		"another case, two tiers":     {smb.Config{Credentials: password}, `srv*\\MyServer\SIGNED\TWO`, key(1), nil},
		"plain directory":             {smb.Config{Credentials: password}, `\\myserver\signed\plain`, sympath.Query{File: "f.pdb", ImageExt: "pdb"}, nil},
		"slashes":                     {smb.Config{Credentials: password}, `srv*\\myserver/signed/sym/`, key(1), nil},
		"nobody asked for a guest":    {smb.Config{}, `srv*\\myserver\guest\sym`, key(1), smb.ErrNoCredential},
		"unknown user made a guest":   {smb.Config{Credentials: as("stranger", "x")}, `srv*\\myserver\guest\sym`, key(1), smb.ErrGuest},
		"wrong password":              {smb.Config{Credentials: as(smbd.User, "wrong")}, `srv*\\myserver\signed\sym`, key(1), smb.ErrLogin},
		"a token":                     {smb.Config{Credentials: func(context.Context, string) (*creds.Credential, error) { return &creds.Credential{Bearer: "x"}, nil }}, `srv*\\myserver\signed\sym`, key(1), smb.ErrNoCredential},
		"guest on a signed share":     {smb.Config{Guest: true}, `srv*\\myserver\signed\sym`, key(1), smb.ErrPermission},
		"guest on an encrypted share": {smb.Config{Guest: true}, `srv*\\myserver\sealed\sym`, key(1), smb.ErrPermission},
		"no such share":               {smb.Config{Credentials: password}, `srv*\\myserver\none\sym`, key(1), smb.ErrNoShare},
		"dots":                        {smb.Config{Credentials: password}, `srv*\\myserver\signed\..\guest`, key(1), smb.ErrName},
		"WebDAV":                      {smb.Config{Credentials: password}, `srv*\\myserver@80\signed`, key(1), smb.ErrName},
	} {
		t.Run(name, func(t *testing.T) {
			got, attempts, err := find(context.Background(), client(t, s, c.cfg), c.path, c.q, sympath.Options{})
			if c.want == nil {
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %v: %+v", len(got), err, attempts)
				}
				return
			}
			if !errors.Is(why(attempts), c.want) || len(attempts) != 1 {
				t.Errorf("%v, want %v: %v", why(attempts), c.want, attempts)
			}
			if s := fmt.Sprintf("%+v", err); strings.Contains(s, smbd.Password) {
				t.Errorf("shows the password: %s", s)
			}
		})
	}
}

// A share whose server tells cases apart is searched by listing directories.
func TestSamba_caseSensitive(t *testing.T) {
	s := smbd.Start(t, smbd.Options{CaseSensitive: true})
	want := content(100)
	s.Write(t, "guest/Sym/F.PDB/a00000011/f.Pdb", want)
	c := client(t, s, smb.Config{Guest: true})
	got, attempts, err := find(context.Background(), c, `srv*\\myserver\guest\Sym`, key(1), sympath.Options{})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v: %v", len(got), err, attempts)
	}
	if last := attempts[len(attempts)-1]; last.Location != `\\myserver\guest\Sym\F.PDB\a00000011\f.Pdb` {
		t.Errorf("found at %s", last.Location)
	}
}

func TestSamba_dialects(t *testing.T) {
	s := smbd.Start(t, smbd.Options{MaxProtocol: "SMB2_10"})
	want := content(1 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	path := `srv*\\myserver\signed\sym`
	_, attempts, _ := find(context.Background(), client(t, s, smb.Config{Credentials: password}), path, key(1), sympath.Options{})
	if err := why(attempts); !errors.Is(err, smb.ErrDialect) || !strings.Contains(err.Error(), "2.1") {
		t.Errorf("SMB 2.1, not asked for: %v", err)
	}
	got, attempts, err := find(context.Background(), client(t, s, smb.Config{Credentials: password, SMB21: true}), path, key(1), sympath.Options{})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("SMB 2.1, asked for: %d bytes, %v: %v", len(got), err, attempts)
	}
}

// Each dialect has a signature and a cipher of its own.
func TestSamba_ciphers(t *testing.T) {
	want := content(1<<20 + 5)
	for _, most := range []string{"SMB3_00", "SMB3_02", "SMB3_11"} {
		s := smbd.Start(t, smbd.Options{MaxProtocol: most})
		s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
		for _, share := range []string{"signed", "sealed"} {
			c := client(t, s, smb.Config{Credentials: password})
			got, attempts, err := find(context.Background(), c, `srv*\\myserver\`+share+`\sym`, key(1), sympath.Options{})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes, %v: %v", most, share, len(got), err, attempts)
			}
		}
	}
}

// A server answers long reads with "pending" first, unsigned: none of 20 breaks.
func TestSamba_pending(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(6400 << 10)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	d := &dialer{server: s}
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, attempts, err := find(context.Background(), c, signedSym, key(1), sympath.Options{}); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v: %v", len(got), err, attempts)
			}
		})
	}
	wg.Wait()
	if n := d.count(); n["myserver:445"] != 1 {
		t.Errorf("connections %v, want one", n)
	}
}

func TestSamba_credentialsFromEnvironment(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(100)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine myserver login "+smbd.User+" password "+smbd.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want error
	}{
		"SYMRES_AUTH":              {map[string]string{"SYMRES_AUTH": "smb://myserver=" + smbd.User + ":" + smbd.Password}, nil},
		"netrc":                    {map[string]string{"NETRC": netrc}, nil},
		"those of another server":  {map[string]string{"SYMRES_AUTH": "smb://other=" + smbd.User + ":" + smbd.Password, "NETRC": empty}, smb.ErrNoCredential},
		"those of its web server":  {map[string]string{"SYMRES_AUTH": "https://myserver=" + smbd.User + ":" + smbd.Password, "NETRC": empty}, smb.ErrNoCredential},
		"those of a port of its":   {map[string]string{"SYMRES_AUTH": "smb://myserver:1445=" + smbd.User + ":" + smbd.Password, "NETRC": empty}, smb.ErrNoCredential},
		"a name that begins alike": {map[string]string{"SYMRES_AUTH": "smb://myserver.test=" + smbd.User + ":" + smbd.Password, "NETRC": empty}, smb.ErrNoCredential},
	} {
		t.Run(name, func(t *testing.T) {
			d := &dialer{server: s}
			cl := client(t, s, smb.Config{Dial: d.Dial, Getenv: func(v string) string { return c.env[v] }})
			got, attempts, err := find(context.Background(), cl, `srv*\\myserver\signed\sym`, key(1), sympath.Options{})
			if c.want == nil && (err != nil || !bytes.Equal(got, want)) {
				t.Errorf("%d bytes, %v: %v", len(got), err, attempts)
			}
			if c.want != nil && (!errors.Is(why(attempts), c.want) || len(d.count()) != 0) {
				t.Errorf("%v, want %v and no connection: %v", why(attempts), c.want, d.count())
			}
		})
	}
}

// dialer counts connections by address, and can wrap them.
type dialer struct {
	server *smbd.Server
	mu     sync.Mutex
	dials  map[string]int
	read   atomic.Int64
	wrap   func(net.Conn) net.Conn
}

func (d *dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	if d.dials == nil {
		d.dials = map[string]int{}
	}
	d.dials[address]++
	d.mu.Unlock()
	c, err := d.server.Dial(ctx, network, address)
	if err != nil || d.wrap == nil {
		return c, err
	}
	return d.wrap(c), nil
}

func (d *dialer) count() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials
}

// One connection serves everything, and what nobody reads is not fetched.
func TestSamba_oneConnection(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(64 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	d := &dialer{server: s}
	d.wrap = func(c net.Conn) net.Conn { return &counted{c, &d.read} }
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial})
	p, _ := sympath.Parse(`srv*\\myserver\signed\sym;srv*\\MYSERVER\sealed\sym`)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for cand, err := range p.Store(sympath.Options{UNC: c.Store}).Find(context.Background(), key(1)) {
				if err != nil {
					break
				}
				f, err := cand.Open(context.Background())
				if err != nil {
					t.Error(err)
					break
				}
				buf := make([]byte, 4096)
				if _, err := f.ReadAt(buf, 32<<20); err != nil || !bytes.Equal(buf, want[32<<20:][:4096]) {
					t.Errorf("wrong bytes, %v", err)
				}
				f.Close()
			}
		})
	}
	wg.Wait()
	if n := d.count(); len(n) != 1 || n["myserver:445"] != 1 {
		t.Errorf("connections %v, want one", n)
	}
	if n := d.read.Load(); n > 4<<20 {
		t.Errorf("read %d bytes of a file of which 100 pages were wanted", n)
	}
}

type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func TestSamba_dfs(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	if err := os.Symlink(`msdfs:other.test\share`, s.Root+"/dfs/sym"); err != nil {
		t.Skipf("no symbolic link can be made (%v); set TMPDIR to a local file system", err)
	}
	c := client(t, s, smb.Config{Guest: true})
	_, attempts, _ := find(context.Background(), c, `srv*\\myserver\dfs\sym`, key(1), sympath.Options{})
	if !errors.Is(why(attempts), smb.ErrDFS) {
		t.Errorf("%v, want %v", attempts, smb.ErrDFS)
	}
}
