package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/symres/symres"
	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/sympath"
)

// hexString is the form of numbers that are addresses.
func hexString(n uint64) string { return fmt.Sprintf("%#x", n) }

// hexKnown is hexString with nothing for 0, which means unknown.
func hexKnown(n uint64) string {
	if n == 0 {
		return ""
	}
	return hexString(n)
}

// rawBytes returns what JSON text cannot hold of a name: all of it in base64,
// where it is not UTF-8.
func rawBytes(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

// attemptObject is one place that was tried.
type attemptObject struct {
	Store     string `json:"store"`
	Location  string `json:"location"`
	Status    string `json:"status"`
	Error     string `json:"error,omitempty"`
	ElapsedMS int64  `json:"elapsed_ms,omitempty"`
}

func attemptObjects(attempts []sympath.Attempt) []attemptObject {
	var out []attemptObject
	for _, a := range attempts {
		o := attemptObject{Store: a.Store, Location: a.Location, Status: a.Status.String()}
		if a.Err != nil {
			o.Error = a.Err.Error()
		}
		if a.Origin == sympath.OriginHTTP || a.Origin == sympath.OriginUNC { // the output of a local run is repeatable
			o.ElapsedMS = a.Elapsed.Milliseconds()
		}
		out = append(out, o)
	}
	return out
}

// attemptsOf returns the attempts an error carries.
func attemptsOf(err error) []attemptObject {
	var load *symres.LoadError
	var miss *sympath.NotFoundError
	switch {
	case errors.As(err, &load):
		return attemptObjects(load.Report.Attempts)
	case errors.As(err, &miss):
		return attemptObjects(miss.Attempts)
	}
	return nil
}

// reportObject is the story of one load.
type reportObject struct {
	HeaderError string               `json:"header_error,omitempty"`
	From        string               `json:"identity_from,omitempty"`
	SymbolsFrom string               `json:"symbols_from,omitempty"`
	Image       string               `json:"image,omitempty"`
	PDB         string               `json:"pdb,omitempty"`
	Evidence    []identify.Evidence  `json:"evidence,omitempty"`
	Verdict     string               `json:"verdict,omitempty"`
	Pages       []identify.PageRange `json:"pages,omitempty"`
	Attempts    []attemptObject      `json:"attempts,omitempty"`
	Notes       []string             `json:"notes,omitempty"`
	Next        identify.Step        `json:"next,omitzero"`
}

// pagesObject is what accompanies a proof that rests on pages.
type pagesObject struct {
	Compared int `json:"compared"`
	Matched  int `json:"matched"`
}

// symbolsFrom says whether the target itself names the PDB, or the copy of its
// image does, or nothing but the file's name.
func symbolsFrom(r *symres.Report) string {
	switch {
	case r.PDBID.IsZero() && r.Loaded():
		return "name"
	case r.PDBID.IsZero():
		return ""
	case r.From < identify.RungCopy:
		return "target"
	}
	return "copy"
}

// moduleObject is a line of modules and of reload.
type moduleObject struct {
	Name      string        `json:"name"`
	Image     string        `json:"image,omitempty"`
	Path      string        `json:"path,omitempty"`
	Base      string        `json:"base"`
	Size      string        `json:"size"`
	Timestamp string        `json:"timestamp,omitempty"`
	Checksum  string        `json:"checksum,omitempty"`
	PDB       string        `json:"pdb,omitempty"`
	Key       string        `json:"key,omitempty"`
	Status    string        `json:"status,omitempty"`
	Proof     string        `json:"proof,omitempty"`
	Identity  string        `json:"identity,omitempty"`
	Pages     *pagesObject  `json:"pages,omitempty"`
	Header    string        `json:"header,omitempty"`
	Origin    string        `json:"origin,omitempty"`
	Unloaded  bool          `json:"unloaded,omitempty"`
	Report    *reportObject `json:"report,omitempty"`
}

func newModuleObject(r *symres.Report) moduleObject {
	m := r.Module
	o := moduleObject{
		Name: m.Name, Image: m.Image, Path: m.Path, Base: hexString(m.Base), Size: hexString(m.Size),
		Timestamp: hexKnown(uint64(stampOf(r))), Checksum: hexKnown(uint64(checksumOf(r))), Status: r.Status.String(),
	}
	if road, _, _ := strings.Cut(m.Origin, " ("); road == "VAD" || road == "loader lists" {
		o.Origin = m.Origin // modules of a process come by either
	}
	if r.Status == symres.StatusDeferred {
		if cv := m.CodeView; cv != nil {
			o.PDB, o.Key = lastPart(cv.Path), cv.ID().Key()
		}
		return o
	}
	o.Key, o.Header = r.PDBID.Key(), headerState(r)
	if r.Loaded() {
		o.PDB, o.Proof, o.Identity = lastPart(r.PDB), r.Proof.String(), r.Identity.String()
	}
	if p := r.Pages; p != nil && p.Resident > 0 {
		o.Pages = &pagesObject{p.Resident, p.Matched}
	}
	o.Report = newReportObject(r)
	return o
}

func newReportObject(r *symres.Report) *reportObject {
	o := &reportObject{Image: r.Image, PDB: r.PDB, Attempts: attemptObjects(r.Attempts), Notes: r.Notes,
		Evidence: r.Evidence, SymbolsFrom: symbolsFrom(r), Next: r.Next}
	if r.HeaderErr != nil {
		o.HeaderError = r.HeaderErr.Error()
	}
	if o.SymbolsFrom != "" && !r.PDBID.IsZero() {
		o.From = r.From.String()
	}
	if r.Pages != nil {
		o.Verdict, o.Pages = r.Pages.Verdict.String(), r.Pages.Ranges
	}
	return o
}

// stampOf returns the time stamp of the loader entry or else of the header.
func stampOf(r *symres.Report) uint32 {
	if r.Module.TimeDateStamp == 0 && r.Header != nil {
		return r.Header.TimeDateStamp
	}
	return r.Module.TimeDateStamp
}

func checksumOf(r *symres.Report) uint32 {
	if r.Module.CheckSum == 0 && r.Header != nil {
		return r.Header.CheckSum
	}
	return r.Module.CheckSum
}

// headerState says in one word what became of reading the image header: ok,
// invalid, or the reason of the fault. It is empty without memory to read.
func headerState(r *symres.Report) string {
	var fault *memsource.Fault
	switch {
	case r.HeaderErr == nil && r.Header == nil:
		return ""
	case r.HeaderErr == nil:
		return "ok"
	case errors.As(r.HeaderErr, &fault):
		return reasonWord(fault.Reason)
	}
	return "invalid"
}

// reasonWord is the spelling of a reason that scripts rely on.
func reasonWord(r memsource.Reason) string {
	words := map[memsource.Reason]string{
		memsource.PagedOut: "paged-out", memsource.FileBacked: "file-backed", memsource.Compressed: "compressed",
		memsource.DemandZero: "demand-zero", memsource.NotMapped: "not-mapped", memsource.NotInDump: "not-in-dump",
		memsource.TableNotInDump: "table-not-in-dump", memsource.WrongContext: "wrong-context",
		memsource.NonCanonical: "non-canonical", memsource.NoAccess: "no-access", memsource.Truncated: "truncated",
		memsource.Canceled: "canceled", memsource.IO: "io",
	}
	if word, ok := words[r]; ok {
		return word
	}
	return "unknown"
}

// lastPart returns the file name of a location of any style.
func lastPart(location string) string {
	return location[strings.LastIndexAny(location, `\/`)+1:]
}
