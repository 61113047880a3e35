package vadmath

import (
	"fmt"
	"strings"
)

var errNoVPNs = fmt.Errorf("%w: no Start VPN and End VPN", ErrSyntax)

// block is the detailed form of one descriptor, spread over lines:
//
//	VAD @ e000012601be1080
//	  Start VPN:      37d9bd30  End VPN: 37d9bd3e  Control Area:  e00001260197b8d0
//	   ImageMap ViewShare EXECUTE_WRITECOPY
//	        File: \Windows\System32\ExplorerFrame.dll
//	Reload command: .reload ExplorerFrame.dll=000006fb`37a60000,1e000
type block struct {
	entry      Entry
	text       string // its first line, for errors
	start, end bool   // the VPNs were seen
	err        error  // the first thing wrong
}

// startsBlock recognises the first line of a block, or the second when the
// first was not pasted.
func (l *listing) startsBlock(f []string) bool {
	if len(f) >= 3 && f[0] == "VAD" && f[1] == "@" {
		return true
	}
	vpns := len(f) >= 6 && f[0] == "Start" && strings.TrimSuffix(f[1], ":") == "VPN" && f[3] == "End"
	return vpns && (l.block == nil || l.block.start)
}

// inBlock handles one line of the open block.
func (l *listing) inBlock(text string, f []string) bool {
	l.block.line(text, f)
	if l.block.entry.Command != (Reload{}) {
		return l.endBlock()
	}
	return true
}

func (b *block) line(text string, f []string) {
	e := &b.entry
	switch {
	case len(f) == 0:
	case f[0] == "VAD" && len(f) > 2:
		c := columns{rest: f[2]}
		e.Address = c.hex()
		b.fail(c.err)
	case f[0] == "Start":
		b.vpns(f)
	case f[0] == "File:" && e.File == "":
		e.File = strings.TrimSpace(strings.TrimPrefix(text, "File:"))
	case f[0] == "Reload" && strings.HasPrefix(text, "Reload command:"):
		command, err := ParseReload(text)
		b.fail(err)
		e.Command, e.Type = command, TypeImage
	case f[0][0] == '\\' && e.File == "":
		e.File = text
	case strings.HasPrefix(text, "Flags (") && strings.Contains(text, "Image"):
		e.Type = TypeImage
	default:
		b.flags(f)
	}
}

// vpns reads the line that holds both page numbers, with or without colons.
func (b *block) vpns(f []string) {
	for i := 0; i+2 < len(f); i++ {
		if strings.TrimSuffix(f[i+1], ":") != "VPN" {
			continue
		}
		c := columns{rest: f[i+2]}
		switch f[i] {
		case "Start":
			b.entry.Pages.Start, b.start = VPN(c.hex()), true
		case "End":
			b.entry.Pages.End, b.end = VPN(c.hex()), true
		}
		b.fail(c.err)
	}
}

// flags reads the commit charge, the flag words and the protection.
func (b *block) flags(f []string) {
	for i, w := range f {
		switch {
		case w == "Charge" && i+1 < len(f):
			c := columns{rest: f[i+1]} // hex; in decimal behind it
			if v := c.hex(); c.err == nil && v>>63 == 0 {
				b.entry.Commit = int64(v)
			}
		case w == "ImageMap":
			b.entry.Type = TypeImage
		case w == "PrivateMemory":
			b.entry.Type = TypePrivate
		case w == ViewShare.String():
			b.entry.View = ViewShare
		case w == ViewUnmap.String():
			b.entry.View = ViewUnmap
		case isProtection(w) && b.entry.Protection == "":
			b.entry.Protection = w
		}
	}
}

func (b *block) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// endBlock yields the open block, if there is one.
func (l *listing) endBlock() bool {
	b := l.block
	if b == nil {
		return true
	}
	l.block = nil
	switch {
	case b.err != nil:
	case !b.start || !b.end:
		b.err = errNoVPNs
	case b.entry.Pages.End < b.entry.Pages.Start:
		b.err = ErrReversed
	}
	return l.emit(b.entry, b.err, b.text)
}
