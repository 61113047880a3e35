package gdbremote

import (
	"bufio"
	"bytes"
	"io"
)

// Frame is a packet around a body.
func Frame(body string) string { return frame(body) }

// Receive reads one packet out of a stream and undoes runs and escapes.
func Receive(stream []byte) (string, error) {
	w := wire{in: bufio.NewReader(bytes.NewReader(stream)), out: io.Discard}
	return w.receive()
}
