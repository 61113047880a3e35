// Package smbd runs a real Samba server on the loopback interface for tests.
package smbd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The account of the shares that want one. User is an account that every
// Debian has, known to this server only by Password.
const (
	User     = "games"
	Password = "correct-horse"
)

// Server is a running smbd. Its shares are guest (for guests only), signed,
// sealed (encrypted), myshare (for everybody) and dfs. They are below Root, in the directories of the
// same names; signed and sealed share one. Files are read as root, so that it
// does not matter who may read the folder for temporary files.
type Server struct {
	Port string
	Root string

	cmd *exec.Cmd
	log string
}

const conf = `[global]
	workgroup = SYMTEST
	server role = standalone server
	netbios name = SYMSRV
	disable netbios = yes
	smb ports = PORT
	interfaces = 127.0.0.1/8
	bind interfaces only = yes
	server min protocol = SMB2_10
	server max protocol = MAX
	ntlm auth = ntlmv2-only
	map to guest = Bad User
	guest account = nobody
	load printers = no
	printing = bsd
	printcap name = /dev/null
	disable spoolss = yes
	passdb backend = tdbsam:DIR/var/private/passdb.tdb
	private dir = DIR/var/private
	lock directory = DIR/var/lock
	state directory = DIR/var/state
	cache directory = DIR/var/cache
	pid directory = DIR/var/pid
	ncalrpc dir = DIR/var/ncalrpc
	usershare path =
	log file = DIR/log/log.%m
	log level = 1
	max log size = 0
	rpc start on demand helpers = no
	host msdfs = yes
	case sensitive = CASE
	force user = root
[guest]
	path = DIR/share/guest
	guest ok = yes
	guest only = yes
	read only = yes
[signed]
	path = DIR/share/signed
	valid users = games
	read only = yes
[sealed]
	path = DIR/share/signed
	valid users = games
	read only = yes
	server smb encrypt = required
[myshare]
	path = DIR/share/myshare
	guest ok = yes
	read only = yes
[dfs]
	path = DIR/share/dfs
	guest ok = yes
	msdfs root = yes
`

// Options vary a server.
type Options struct {
	Port          string // empty: a free one
	MaxProtocol   string // empty: SMB3
	CaseSensitive bool
}

// Start starts a server and stops it when the test is over. It skips loudly
// where there is none, or nobody may start one.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	exe := find(tb, "smbd")
	passwd := find(tb, "smbpasswd")
	if os.Getuid() != 0 {
		tb.Skip("smbd must be started by root; run the test as root")
	}
	dir, err := os.MkdirTemp("", "s") // it has sockets, whose paths must be short
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{Port: o.Port, Root: filepath.Join(dir, "share"), log: filepath.Join(dir, "log")}
	if s.Port == "" {
		s.Port = freePort(tb)
	}
	for _, d := range []string{"share/guest", "share/signed", "share/dfs", "share/myshare", "log", "var/private", "var/lock", "var/state", "var/cache", "var/pid", "var/ncalrpc"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	protocol, sensitive := "SMB3", "auto"
	if o.MaxProtocol != "" {
		protocol = o.MaxProtocol
	}
	if o.CaseSensitive {
		sensitive = "yes"
	}
	file := filepath.Join(dir, "smb.conf")
	text := strings.NewReplacer("DIR", dir, "PORT", s.Port, "MAX", protocol, "CASE", sensitive).Replace(conf)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	add := exec.Command(passwd, "-c", file, "-s", "-a", User)
	add.Stdin = strings.NewReader(Password + "\n" + Password + "\n")
	if out, err := add.CombinedOutput(); err != nil {
		tb.Skipf("smbpasswd cannot add the account %s (%v: %s); is it Debian's samba?", User, err, out)
	}
	s.cmd = exec.Command(exe, "--foreground", "--no-process-group", "-s", file, "--log-basename="+s.log)
	own(s.cmd) // with its children
	// It ends when its standard input does: should this process be killed, the
	// server goes too.
	if _, err := s.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	s.await(tb)
	return s
}

func find(tb testing.TB, name string) string {
	tb.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		exe := filepath.Join(dir, name)
		if _, err := os.Stat(exe); err == nil {
			return exe
		}
	}
	tb.Skipf("%s is not here; apt-get install samba samba-common-bin", name)
	return ""
}

// freePort finds a port nobody listens on. It is none of those that systems
// give away (on Linux 32768 and on), or another test could have it before smbd.
func freePort(tb testing.TB) string {
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	tb.Fatal("no port is free")
	return ""
}

func (s *Server) await(tb testing.TB) {
	for range 2400 { // two minutes
		if c, err := net.Dial("tcp", "127.0.0.1:"+s.Port); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	logs, _ := filepath.Glob(s.log + "/*")
	for _, name := range logs {
		text, _ := os.ReadFile(name)
		tb.Logf("%s: %s", name, text)
	}
	tb.Fatal("smbd does not start")
}

// Stop kills the server with its children.
func (s *Server) Stop() { s.Kill(); s.cmd.Wait() }

// Kill ends the server and its children.
func (s *Server) Kill() { signalGroup(s.cmd, "KILL") }

// Freeze stops the server and its children where they are.
func (s *Server) Freeze() { signalGroup(s.cmd, "STOP") }

// Thaw lets them go on.
func (s *Server) Thaw() { signalGroup(s.cmd, "CONT") }

// Dial is an smb.Config.Dial that reaches this server as the host myserver,
// and no other host.
func (s *Server) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !strings.EqualFold(address, "myserver:445") {
		return nil, fmt.Errorf("dial %s: no such host", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, "127.0.0.1:"+s.Port)
}

// Write writes a file below Root, readable for all.
func (s *Server) Write(tb testing.TB, name string, data []byte) {
	tb.Helper()
	full := filepath.Join(s.Root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o644); err != nil {
		tb.Fatal(err)
	}
}
