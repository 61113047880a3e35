package analyze

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/symres/symres/stack"
)

// resultJSON is the object of analyze --json.
type resultJSON struct {
	Kind          string          `json:"kind"`
	Code          string          `json:"code,omitempty"`
	Name          string          `json:"name,omitempty"`
	Title         string          `json:"title,omitempty"`
	Parameters    []parameterJSON `json:"parameters,omitempty"`
	Status        string          `json:"status,omitempty"`
	StatusName    string          `json:"status_name,omitempty"`
	Address       string          `json:"address,omitempty"`
	Access        string          `json:"access,omitempty"`
	Target        string          `json:"target,omitempty"`
	Place         string          `json:"place,omitempty"`
	TargetKind    string          `json:"target_kind,omitempty"`
	TargetPlace   string          `json:"target_place,omitempty"`
	TargetNote    string          `json:"target_note,omitempty"`
	Process       string          `json:"process,omitempty"`
	PID           uint32          `json:"pid,omitempty"`
	Thread        uint32          `json:"thread,omitempty"`
	ThreadName    string          `json:"thread_name,omitempty"`
	ThreadAddress string          `json:"thread_address,omitempty"`
	Registers     string          `json:"registers,omitempty"`
	Processor     *int            `json:"processor,omitempty"`
	Processors    int             `json:"processors,omitempty"`
	System        string          `json:"system,omitempty"`
	Version       string          `json:"version,omitempty"`
	Machine       string          `json:"machine,omitempty"`
	Time          string          `json:"time,omitempty"` // RFC 3339, in UTC
	SystemUptime  int64           `json:"system_uptime_ms,omitempty"`
	ProcessUptime int64           `json:"process_uptime_ms,omitempty"`
	Module        string          `json:"module,omitempty"`
	Symbol        string          `json:"symbol,omitempty"`
	Displacement  *int64          `json:"displacement,omitempty"`
	File          string          `json:"file,omitempty"`
	Line          uint32          `json:"line,omitempty"`
	Culprit       *culpritJSON    `json:"culprit,omitempty"`
	Bucket        string          `json:"bucket"`
	Signature     string          `json:"signature"`
	Modules       []moduleJSON    `json:"modules"`
	Stack         []stack.Frame   `json:"stack"`
	End           string          `json:"end,omitempty"`
	Missing       []string        `json:"missing"`
	Warnings      []string        `json:"warnings"`
	Comments      []string        `json:"comments,omitempty"`
}

type parameterJSON struct {
	Value   string `json:"value"`
	Meaning string `json:"meaning,omitempty"`
}

type culpritJSON struct {
	Frame        *int   `json:"frame,omitempty"`
	Module       string `json:"module"`
	Unloaded     bool   `json:"unloaded,omitempty"`
	Symbol       string `json:"symbol,omitempty"`
	Displacement int64  `json:"displacement"`
	File         string `json:"file,omitempty"`
	Line         uint32 `json:"line,omitempty"`
	Proof        string `json:"proof"`
	Guess        bool   `json:"guess,omitempty"`
}

type moduleJSON struct {
	Name     string `json:"name"`
	Image    string `json:"image,omitempty"`
	Unloaded bool   `json:"unloaded,omitempty"`
	System   bool   `json:"system,omitempty"`
	First    int    `json:"first"`
	Frames   int    `json:"frames"`
	Status   string `json:"status,omitempty"`
	Identity string `json:"identity,omitempty"`
	Proof    string `json:"proof,omitempty"`
	Verdict  string `json:"verdict,omitempty"`
	Copy     string `json:"copy,omitempty"`
}

// MarshalJSON writes the object that analyze --json prints: addresses are "0x..."
// strings, and what is not known is left out.
func (r *Result) MarshalJSON() ([]byte, error) {
	o := resultJSON{
		Kind: r.Kind.String(), Name: r.Name, Title: r.Title, Access: string(r.Fault.Access), Place: r.Place.String(),
		Process: r.Info.Process, PID: r.Info.PID, Thread: r.Thread.ID, ThreadName: r.Thread.Name, Registers: r.Thread.Origin,
		ThreadAddress: known(r.Thread.Address), Processors: r.Info.Processors, System: r.Info.System, Version: r.Version(), Machine: r.MachineName(),
		SystemUptime: r.Info.SystemUptime.Milliseconds(), ProcessUptime: r.Info.ProcessUptime.Milliseconds(), Comments: r.Info.Comments,
		Culprit: culpritOf(r.Culprit), Bucket: r.Bucket.Hash, Signature: r.Bucket.Signature, Stack: r.Frames,
		Modules: []moduleJSON{}, Missing: []string{}, Warnings: []string{},
	}
	o.fault(r)
	if r.Processor >= 0 {
		o.Processor = &r.Processor
	}
	if !r.Info.Time.IsZero() {
		o.Time = r.Info.Time.Format(time.RFC3339)
	}
	if o.Stack == nil {
		o.Stack = []stack.Frame{}
	}
	if r.End != nil {
		o.End = r.End.Error()
	}
	for i := range r.Modules {
		o.Modules = append(o.Modules, moduleOf(&r.Modules[i]))
	}
	for _, m := range r.Missing {
		o.Missing = append(o.Missing, m.String())
	}
	for _, w := range r.Warnings {
		o.Warnings = append(o.Warnings, w.Text)
	}
	return json.Marshal(o)
}

// fault takes what the target says of the fault, and where it is: the first frame
// where no address is told.
func (o *resultJSON) fault(r *Result) {
	if r.Kind != KindNone {
		o.Code = hexString(uint64(r.Code))
	}
	for _, p := range r.Parameters {
		o.Parameters = append(o.Parameters, parameterJSON{hexString(p.Value), p.Meaning})
	}
	if r.Fault.Status != 0 {
		o.Status, o.StatusName = hexString(uint64(r.Fault.Status)), r.Fault.StatusName
	}
	o.Address = known(r.Fault.Address)
	if r.Fault.Access != "" {
		o.Target, o.TargetKind, o.TargetPlace, o.TargetNote = hexString(r.Fault.Target), r.Accessed.Kind.String(), r.Accessed.String(), r.Accessed.Note
	}
	if at := r.Where(); at.Module != "" {
		o.Module, o.Symbol, o.Displacement, o.File, o.Line = at.Module, at.Symbol, &at.Displacement, at.Line.File, at.Line.Line
	}
}

func culpritOf(c *Culprit) *culpritJSON {
	if c == nil {
		return nil
	}
	o := &culpritJSON{
		Frame: &c.Frame, Module: c.Module, Unloaded: c.Unloaded, Symbol: c.Symbol, Displacement: c.Displacement,
		File: c.Line.File, Line: c.Line.Line, Proof: c.Proof.String(), Guess: c.Guess,
	}
	if c.Frame < 0 {
		o.Frame = nil
	}
	return o
}

func moduleOf(m *Module) moduleJSON {
	o := moduleJSON{Name: m.Name, Image: m.Image, Unloaded: m.Unloaded, System: m.System, First: m.First, Frames: m.Frames}
	if m.report != nil {
		o.Status = m.Status.String()
	}
	if m.Symbols != "" {
		o.Identity, o.Proof = m.Identity.String(), m.Proof.String()
	}
	if m.Copy != "" {
		o.Verdict, o.Copy = m.Verdict.String(), m.Copy
	}
	return o
}

func hexString(n uint64) string { return fmt.Sprintf("%#x", n) }

// known is hexString, or "" for 0, which is not known.
func known(n uint64) string {
	if n == 0 {
		return ""
	}
	return hexString(n)
}
