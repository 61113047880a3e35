package identify

import (
	"errors"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

// moduleJSON is the object that modules and reload print.
type moduleJSON struct {
	Name      string      `json:"name"`
	Image     string      `json:"image,omitempty"`
	Path      string      `json:"path,omitempty"`
	Base      Size        `json:"base"`
	Size      Size        `json:"size"`
	Timestamp Stamp       `json:"timestamp,omitzero"`
	Checksum  CheckSum    `json:"checksum,omitzero"`
	PDB       string      `json:"pdb,omitempty"`
	Key       string      `json:"key,omitempty"`
	Status    *Status     `json:"status,omitempty"`
	Proof     Proof       `json:"proof,omitzero"`
	Identity  Identity    `json:"identity,omitzero"`
	Pages     *countsJSON `json:"pages,omitempty"`
	Header    string      `json:"header,omitempty"`
	Origin    string      `json:"origin,omitempty"`
	System    string      `json:"system,omitempty"` // where it is not Windows
	Report    *storyJSON  `json:"report,omitempty"`
}

// countsJSON accompanies a proof that rests on pages.
type countsJSON struct {
	Compared int `json:"compared"`
	Matched  int `json:"matched"`
}

// storyJSON is the story of one load.
type storyJSON struct {
	HeaderError string            `json:"header_error,omitempty"`
	From        Rung              `json:"identity_from,omitzero"`
	SymbolsFrom SymbolSource      `json:"symbols_from,omitzero"`
	Image       string            `json:"image,omitempty"`
	PDB         string            `json:"pdb,omitempty"`
	Evidence    []Evidence        `json:"evidence,omitempty"`
	Verdict     *Verdict          `json:"verdict,omitempty"`
	Pages       []PageRange       `json:"pages,omitempty"`
	Attempts    []sympath.Attempt `json:"attempts,omitempty"`
	Notes       []string          `json:"notes,omitempty"`
	Next        Step              `json:"next,omitzero"`
}

func (m *Module) object() moduleJSON {
	return moduleJSON{
		Name: m.Name, Image: m.Image, Path: m.Path, Base: Size(m.Base), Size: Size(m.Size),
		Timestamp: Stamp(m.TimeDateStamp), Checksum: CheckSum(m.CheckSum), System: m.System,
	}
}

// MarshalJSON returns the object that `symres modules` prints, with the facts
// of the target's list.
func (m Module) MarshalJSON() ([]byte, error) { return marshal(m.object()) }

// MarshalJSON returns the object that modules and reload print.
func (r *Report) MarshalJSON() ([]byte, error) {
	o := r.Module.object()
	o.Timestamp, o.Checksum, o.Status = Stamp(r.TimeDateStamp()), CheckSum(r.CheckSum()), &r.Status
	if r.Module.OfProcess {
		o.Origin = r.Module.Origin
	}
	if r.Status == StatusDeferred {
		if cv := r.Module.CodeView; cv != nil {
			o.PDB, o.Key = baseName(cv.Path), cv.ID().Key()
		}
		return marshal(o)
	}
	o.Key, o.Header = r.PDBID.Key(), headerWord(r)
	if r.Carried() {
		o.Proof, o.Identity = r.Proof, r.Identity
	}
	if r.Loaded() {
		o.PDB, o.Proof, o.Identity = baseName(r.PDB), r.Proof, r.Identity
	}
	if p := r.Pages; p != nil && p.Resident > 0 {
		o.Pages = &countsJSON{p.Resident, p.Matched}
	}
	o.Report = r.story()
	return marshal(o)
}

func (r *Report) story() *storyJSON {
	s := &storyJSON{Image: r.Image, PDB: r.PDB, Attempts: r.Attempts, Notes: r.Notes, Evidence: r.Evidence,
		SymbolsFrom: r.SymbolsFrom(), Next: r.Next}
	if r.HeaderErr != nil {
		s.HeaderError = r.HeaderErr.Error()
	}
	if !r.PDBID.IsZero() {
		s.From = r.From
	}
	if r.Pages != nil {
		s.Verdict, s.Pages = &r.Pages.Verdict, r.Pages.Ranges
	}
	return s
}

// headerWord says in one word what became of reading the image header: ok,
// invalid, or the reason of the fault. It is empty without memory to read.
func headerWord(r *Report) string {
	fault, ok := errors.AsType[*memsource.Fault](r.HeaderErr)
	switch {
	case r.HeaderErr == nil && r.Header == nil:
		return ""
	case r.HeaderErr == nil:
		return "ok"
	case ok:
		word, _ := fault.Reason.MarshalText() // which never fails
		return string(word)
	}
	return "invalid"
}
