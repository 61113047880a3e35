// Package qemutest runs QEMU for tests: a machine whose processor never
// executes anything, but whose memory management unit, in software, translates
// addresses, and whose memory is what the test put there. That makes it a page
// walker to compare ours with.
//
// It is for tests only, and uses emulation alone. A test that finds no QEMU
// skips and says so.
package qemutest

import (
	"bufio"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Remote is a client of the GDB remote serial protocol (GDB manual, appendix
// "GDB Remote Serial Protocol"), as much of it as reading memory and setting
// registers takes. It is not safe for concurrent use.
type Remote struct {
	in  *bufio.Reader
	out io.Writer
}

// Refused is a reply of the form Enn.
type Refused string

// Error names the reply.
func (r Refused) Error() string { return "refused with " + string(r) }

// NotMapped is how QEMU refuses to read where nothing is (EFAULT).
const NotMapped = Refused("E14")

// Ask sends a packet and returns the first reply. A refusal is an error of
// type [Refused].
func (r *Remote) Ask(packet string) (string, error) {
	if err := r.send(packet); err != nil {
		return "", err
	}
	return r.reply()
}

func (r *Remote) send(packet string) error {
	_, err := fmt.Fprintf(r.out, "$%s#%02x", packet, checksum(packet))
	return err
}

// reply reads a packet, acknowledgements before it included. None is sent back:
// the next packet stands for one.
func (r *Remote) reply() (string, error) {
	if _, err := r.in.ReadString('$'); err != nil {
		return "", err
	}
	body, err := r.in.ReadString('#')
	if err != nil {
		return "", err
	}
	body = body[:len(body)-1]
	var sum [2]byte
	if _, err := io.ReadFull(r.in, sum[:]); err != nil {
		return "", err
	}
	if want := fmt.Sprintf("%02x", checksum(body)); want != string(sum[:]) {
		return "", fmt.Errorf("packet with checksum %s, not %s", sum, want)
	}
	if len(body) == 3 && body[0] == 'E' {
		return "", Refused(body)
	}
	return unescape(body), nil
}

func checksum(s string) (sum byte) {
	for _, c := range []byte(s) {
		sum += c
	}
	return sum
}

// unescape undoes '}', which precedes a byte that has bit 5 inverted.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '}' && i+1 < len(s) {
			i++
			c = s[i] ^ 0x20
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Expect asks for something that is answered by OK.
func (r *Remote) Expect(packet string) error {
	got, err := r.Ask(packet)
	if err == nil && got != "OK" {
		err = fmt.Errorf("%s: reply %.20q", packet, got)
	}
	return err
}

// Memory reads n bytes; QEMU gives 800 hex at once.
func (r *Remote) Memory(addr uint64, n int) ([]byte, error) {
	var out []byte
	for len(out) < n {
		s, err := r.Ask(fmt.Sprintf("m%x,%x", addr+uint64(len(out)), min(n-len(out), 0x800)))
		if err != nil {
			return nil, err
		}
		b, err := hex.DecodeString(s)
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("memory at %x: reply %.20q, %v", addr, s, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

// Monitor runs a command of the other side's monitor and returns what it prints.
func (r *Remote) Monitor(command string) (string, error) {
	var text string
	err := r.MonitorAll([]string{command}, func(_ int, s string) { text = s })
	return text, err
}

// MonitorAll runs commands of the other side's monitor, without waiting for one
// to be answered before the next is sent, and gives what each prints to use.
func (r *Remote) MonitorAll(commands []string, use func(i int, text string)) error {
	sent := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(r.out, 64<<10)
		for _, c := range commands {
			packet := "qRcmd," + hex.EncodeToString([]byte(c))
			fmt.Fprintf(w, "$%s#%02x", packet, checksum(packet)) // Flush returns the error
		}
		sent <- w.Flush()
	}()
	for i, c := range commands {
		text, err := r.printed(c)
		if err != nil {
			return err
		}
		use(i, text)
	}
	return <-sent
}

// printed gathers what one command of the monitor prints.
func (r *Remote) printed(command string) (string, error) {
	var out []byte
	s, err := r.reply()
	for ; err == nil && s != "OK"; s, err = r.reply() {
		b, bad := hex.DecodeString(strings.TrimPrefix(s, "O"))
		if bad != nil || !strings.HasPrefix(s, "O") {
			return "", fmt.Errorf("%s: reply %.20q", command, s)
		}
		out = append(out, b...)
	}
	return string(out), err
}

// feature reads a file of the target description.
func (r *Remote) feature(name string, v any) error {
	var text strings.Builder
	for {
		s, err := r.Ask(fmt.Sprintf("qXfer:features:read:%s:%x,7e0", name, text.Len()))
		if err != nil {
			return err
		}
		if s == "" {
			return fmt.Errorf("no target description %s", name)
		}
		text.WriteString(s[1:])
		if s[0] == 'l' {
			return xml.Unmarshal([]byte(text.String()), v)
		}
	}
}

// register is the number of a register and its size in bytes.
type register struct{ number, size int }

// registers reads the target description. Registers are numbered in order of
// appearance but for those that say their number; comments hold some that do
// not exist.
func (r *Remote) registers() (map[string]register, error) {
	var target struct {
		Include []struct {
			Href string `xml:"href,attr"`
		} `xml:"include"`
	}
	if err := r.feature("target.xml", &target); err != nil {
		return nil, err
	}
	all, next := map[string]register{}, 0
	for _, i := range target.Include {
		var f struct {
			Reg []struct {
				Name   string `xml:"name,attr"`
				Bits   int    `xml:"bitsize,attr"`
				Number string `xml:"regnum,attr"`
			} `xml:"reg"`
		}
		if err := r.feature(i.Href, &f); err != nil {
			return nil, err
		}
		for _, reg := range f.Reg {
			if n, err := strconv.Atoi(reg.Number); err == nil {
				next = n
			}
			all[reg.Name] = register{next, reg.Bits / 8}
			next++
		}
	}
	return all, nil
}
