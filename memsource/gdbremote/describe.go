package gdbremote

import (
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Bounds of a target description. That of QEMU's x86 is 30 KB in one file.
const (
	maxDescription = 1 << 20
	maxFiles       = 64
	maxRegister    = 1 << 12
)

// register is the number of a register, by which the stub is asked for it.
type register struct{ number int }

// describe reads the target description: the architecture and the numbers of
// the registers. Registers without a number follow the one before them.
func (l *link) describe() error {
	d := &description{link: l, regs: map[string]register{}, seen: map[string]bool{}}
	err := d.file("target.xml")
	l.arch, l.regs = d.arch, d.regs
	return err
}

type description struct {
	*link
	arch string
	regs map[string]register
	next int
	size int
	seen map[string]bool
}

// file reads one file and those it includes, where they stand.
func (d *description) file(name string) error {
	if d.seen[name] || len(d.seen) == maxFiles {
		return nil
	}
	d.seen[name] = true
	text, err := d.fetch(name)
	if err != nil {
		return err
	}
	in := xml.NewDecoder(strings.NewReader(text))
	in.Strict = true
	for {
		token, err := in.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrProtocol, path.Base(name), err)
		}
		if start, ok := token.(xml.StartElement); ok {
			if err := d.element(in, start); err != nil {
				return err
			}
		}
	}
}

// element takes what matters; the decoder skips comments, in which QEMU keeps
// registers that do not exist.
func (d *description) element(in *xml.Decoder, start xml.StartElement) error {
	attribute := func(name string) string {
		for _, a := range start.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	switch start.Name.Local {
	case "architecture":
		if err := in.DecodeElement(&d.arch, &start); err != nil {
			return fmt.Errorf("%w: architecture: %w", ErrProtocol, err)
		}
		d.arch = strings.TrimSpace(d.arch)
	case "include":
		return d.file(attribute("href"))
	case "reg":
		if n, err := strconv.ParseUint(attribute("regnum"), 0, 16); err == nil {
			d.next = int(n)
		}
		if len(d.regs) < maxRegister {
			d.regs[attribute("name")] = register{d.next}
		}
		d.next++
	}
	return nil
}

// fetch reads a file of the description piece by piece.
func (d *description) fetch(name string) (string, error) {
	if strings.ContainsAny(name, "$#}*:") { // what cannot be sent, or would end the name
		return "", fmt.Errorf("%w: file name %.40q", ErrProtocol, name)
	}
	var text strings.Builder
	for {
		reply, err := d.ask(fmt.Sprintf("qXfer:features:read:%s:%x,%x", name, text.Len(), max(d.request, leastRequest)))
		switch {
		case err != nil:
			return "", err
		case refused(reply) != "" || reply == "":
			return text.String(), nil // a stub without the file it named
		case reply[0] != 'l' && reply[0] != 'm':
			return "", fmt.Errorf("%w: %.20q for a piece of %.40q", ErrProtocol, reply, name)
		}
		text.WriteString(reply[1:])
		if d.size += len(reply) - 1; d.size > maxDescription {
			return "", fmt.Errorf("%w: a target description of more than %d bytes", ErrProtocol, maxDescription)
		}
		if reply[0] == 'l' || len(reply) == 1 {
			return text.String(), nil
		}
	}
}
