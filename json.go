package symres

import (
	"encoding/json"
	"fmt"

	"github.com/symres/symres/pdb"
)

// hexJSON is the JSON of an address or offset: "0xfe0c8310".
func hexJSON(n uint64) string { return fmt.Sprintf("%#x", n) }

// symbolJSON is what the command's lookup --json prints.
type symbolJSON struct {
	Address  string `json:"address,omitempty"`
	TLS      string `json:"tls_offset,omitempty"`
	RVA      string `json:"rva,omitempty"`
	Module   string `json:"module"`
	Name     string `json:"name"`
	Raw      string `json:"raw"`
	Kind     Kind   `json:"kind"`
	Size     uint32 `json:"size,omitempty"`
	Value    any    `json:"value,omitempty"`
	Source   Source `json:"source"`
	Forward  string `json:"forwarder,omitempty"`
	Proof    string `json:"proof"`
	Identity string `json:"identity"`
}

// MarshalJSON writes the object that lookup --json prints: addresses are
// "0x..." strings, and what the symbol does not have is left out.
func (s Symbol) MarshalJSON() ([]byte, error) {
	o := symbolJSON{
		Module: s.Module, Name: s.Name, Raw: s.Raw, Kind: s.Kind, Size: s.Size,
		Source: s.Source, Forward: s.Forwarder, Proof: s.Proof.String(), Identity: s.Identity.String(),
	}
	o.Address, o.TLS = s.placeJSON()
	if o.Address != "" && !s.Absolute {
		o.RVA = hexJSON(uint64(s.RVA))
	}
	if s.Kind == KindConstant {
		o.Value = numberJSON(s.Value)
	}
	return json.Marshal(o)
}

// placeJSON is where the symbol is, as an address or an offset in the storage of a
// thread, or neither.
func (s *Symbol) placeJSON() (address, tls string) {
	switch {
	case !s.Kind.hasAddress(), s.Unplaced:
		return "", ""
	case s.ThreadLocal:
		return "", hexJSON(s.Address)
	}
	return hexJSON(s.Address), ""
}

// numberJSON is a number where JSON has such, and else its text.
func numberJSON(n pdb.Number) any {
	if v, ok := n.Int64(); ok {
		return v
	}
	if v, ok := n.Uint64(); ok {
		return v
	}
	return n.String()
}

// locationJSON is what the command's nearest --json prints.
type locationJSON struct {
	Query        string      `json:"query"`
	Module       string      `json:"module"`
	Name         string      `json:"name"`
	Raw          string      `json:"raw"`
	Address      string      `json:"address,omitempty"`
	TLS          string      `json:"tls_offset,omitempty"`
	Displacement int64       `json:"displacement"`
	Size         uint32      `json:"size,omitempty"`
	PastEnd      bool        `json:"past_end,omitempty"`
	Aliases      []string    `json:"aliases,omitempty"`
	Frames       []frameJSON `json:"frames,omitempty"`
	Source       Source      `json:"source"`
	Proof        string      `json:"proof"`
	Identity     string      `json:"identity"`
}

type frameJSON struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     uint32 `json:"line,omitempty"`
	Column   uint32 `json:"column,omitempty"`
	Inlined  bool   `json:"inlined,omitempty"`
}

// MarshalJSON writes the object that nearest --json prints.
func (l Location) MarshalJSON() ([]byte, error) {
	o := locationJSON{
		Query: hexJSON(l.Query), Module: l.Module, Name: l.Name, Raw: l.Raw,
		Displacement: int64(l.Displacement), Size: l.Size, PastEnd: l.PastEnd, Aliases: l.Aliases,
		Source: l.Source, Proof: l.Proof.String(), Identity: l.Identity.String(),
	}
	o.Address, o.TLS = l.placeJSON()
	for _, f := range l.Frames {
		o.Frames = append(o.Frames, frameJSON(f))
	}
	return json.Marshal(o)
}
