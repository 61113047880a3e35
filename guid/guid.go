// Package guid holds the GUID type that PDBs and images are matched by.
//
// Source: winnt.h (GUID); the key form is that of symbol stores (symsrv).
package guid

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrSyntax is wrapped by errors about text that is not a GUID.
var ErrSyntax = errors.New("not a GUID")

// GUID is a Windows GUID as it lies in a file: Data1, Data2 and Data3 are
// little-endian, Data4 is eight plain bytes (winnt.h). The type is comparable and
// the zero value means unknown.
type GUID [16]byte

// Key returns the 32 upper-case hex digits symbol stores use, without the age.
func (g GUID) Key() string {
	return fmt.Sprintf("%08X%04X%04X%X", binary.LittleEndian.Uint32(g[0:]),
		binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:])
}

// String returns the registry form without braces, in upper case:
// 0F7FCF88-442F-4B0E-9FB5-1DC4A754D9DE.
func (g GUID) String() string {
	k := g.Key()
	return k[0:8] + "-" + k[8:12] + "-" + k[12:16] + "-" + k[16:20] + "-" + k[20:]
}

// IsZero reports whether no bit is set.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText is String; it never fails.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText is [Parse].
func (g *GUID) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err == nil {
		*g = v
	}
	return err
}

// Parse reads a GUID written with or without braces and dashes, in any case.
// Errors wrap [ErrSyntax].
func Parse(s string) (GUID, error) {
	digits := strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 16 {
		return GUID{}, fmt.Errorf("%w: %q, want 32 hex digits", ErrSyntax, s)
	}
	var g GUID
	binary.LittleEndian.PutUint32(g[0:], binary.BigEndian.Uint32(raw[0:]))
	binary.LittleEndian.PutUint16(g[4:], binary.BigEndian.Uint16(raw[4:]))
	binary.LittleEndian.PutUint16(g[6:], binary.BigEndian.Uint16(raw[6:]))
	copy(g[8:], raw[8:])
	return g, nil
}
