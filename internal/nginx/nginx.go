// Package nginx runs a real web server on the loopback interface for tests.
package nginx

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Path returns where nginx is, or "".
func Path() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if exe, err := exec.LookPath(name); err == nil {
			return exe
		}
	}
	return ""
}

// Server is a running nginx.
type Server struct {
	Addrs []string // host:port of ADDR0 and on

	cmd   *exec.Cmd
	ended chan error
}

const conf = `daemon off;
master_process off;
pid DIR/pid;
error_log DIR/error.log;
events { worker_connections 256; }
http {
	access_log DIR/access.log;
	client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
	default_type application/octet-stream;
	server {
		SERVER
	}
}
`

// Start starts a server that keeps its files in dir, which is there. server is
// the inside of its server block; DIR stands for dir, and ADDR0 up to the
// number of addresses for an address to listen on. The caller stops it.
func Start(dir, server string, addresses int) (s *Server, err error) {
	// Somebody else may take a port before nginx does.
	for range 5 {
		if s, err = start(dir, server, addresses); err == nil {
			return s, nil
		}
	}
	text, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	return nil, fmt.Errorf("nginx does not start: %w: %s", err, text)
}

func start(dir, server string, addresses int) (*Server, error) {
	s := &Server{ended: make(chan error, 1)}
	if err := s.choose(addresses); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, s.conf(dir, server), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(Path(), "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s, s.await(filepath.Join(dir, "pid"))
}

// choose finds addresses nobody listens on.
func (s *Server) choose(n int) error {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // when all are chosen, so that they differ
		s.Addrs = append(s.Addrs, l.Addr().String())
	}
	return nil
}

func (s *Server) conf(dir, server string) []byte {
	text := strings.Replace(conf, "SERVER", server, 1)
	for i, addr := range s.Addrs {
		text = strings.ReplaceAll(text, fmt.Sprintf("ADDR%d", i), addr)
	}
	text = strings.ReplaceAll(text, "DIR", dir)
	if os.Getuid() == 0 {
		text = "user root;\n" + text
	}
	return []byte(text)
}

// await waits until the server has said its number, which it does when it
// listens, or has ended.
func (s *Server) await(pid string) error {
	for range 6000 {
		if _, err := os.Stat(pid); err == nil {
			return nil
		}
		select {
		case err := <-s.ended:
			return fmt.Errorf("it ended: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.Stop()
	return errors.New("a minute has passed")
}

// Stop kills the server.
func (s *Server) Stop() {
	s.cmd.Process.Kill()
	<-s.ended
}
