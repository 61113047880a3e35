//go:build unix

package http_test

import (
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	symhttp "github.com/symres/symres/sympath/http"
)

// TestCountsAgainstHost_outOfDescriptors: that there is no socket to ask with says
// nothing about the server.
func TestCountsAgainstHost_outOfDescriptors(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{syscall.EMFILE: false, syscall.ENFILE: false, syscall.ECONNREFUSED: true} {
		err := &url.Error{Op: "Get", URL: "http://x", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}}
		if got := symhttp.CountsAgainstHost(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
