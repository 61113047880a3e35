package stack

import (
	"encoding/json"
	"fmt"

	"github.com/symres/symres/pdb"
)

// frameJSON is what the command's stack --json prints for a frame.
type frameJSON struct {
	Thread       uint32     `json:"thread"`
	Frame        int        `json:"frame"`
	PC           string     `json:"pc"`
	SP           string     `json:"sp"`
	Return       string     `json:"return,omitempty"`
	Module       string     `json:"module,omitempty"`
	Unloaded     bool       `json:"unloaded,omitempty"`
	Name         string     `json:"name,omitempty"`
	Raw          string     `json:"raw,omitempty"`
	Displacement *int64     `json:"displacement,omitempty"`
	PastEnd      bool       `json:"past_end,omitempty"`
	Frames       []callJSON `json:"frames,omitempty"`
	Machine      string     `json:"machine"`
	Rule         string     `json:"rule"`
	Bytes        string     `json:"bytes"`
	Proof        string     `json:"proof"`
	Source       string     `json:"source,omitempty"`
	Identity     string     `json:"identity,omitempty"`
	Lacks        string     `json:"lacks,omitempty"`
	Error        string     `json:"error,omitempty"`
	Args         []argJSON  `json:"args,omitempty"`
	ArgsError    string     `json:"args_error,omitempty"`
}

// argJSON is a parameter or a local variable.
type argJSON struct {
	Name     string `json:"name"`
	Type     string `json:"type,omitempty"`
	Kind     string `json:"kind"`
	Function string `json:"function,omitempty"`
	Value    string `json:"value,omitempty"`
	Text     string `json:"text,omitempty"`
	Place    string `json:"place,omitempty"`
	Address  string `json:"address,omitempty"`
	Status   string `json:"status,omitempty"`
	Error    string `json:"error,omitempty"`
	Proof    string `json:"proof"`
}

// callJSON is a function at the frame's address, as nearest --json has it.
type callJSON struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     uint32 `json:"line,omitempty"`
	Column   uint32 `json:"column,omitempty"`
	Inlined  bool   `json:"inlined,omitempty"`
}

// hexJSON is the JSON of an address.
func hexJSON(n uint64) string { return fmt.Sprintf("%#x", n) }

// MarshalJSON writes the object that stack --json prints: addresses are "0x..."
// strings, and what the frame does not have is left out. The displacement is
// that of PC from the symbol or, without one, from the base of the module.
func (f Frame) MarshalJSON() ([]byte, error) {
	o := frameJSON{
		Thread: f.Thread, Frame: f.Index, PC: hexJSON(f.PC), SP: hexJSON(f.SP()), Module: f.ModuleName(), Unloaded: f.Unloaded != nil,
		Frames: callsJSON(f.Location.Frames), Machine: f.Machine.String(), Rule: f.Rule.String(), Bytes: f.Origin.Bytes.String(),
		Proof: f.Proof().String(), Lacks: text(f.Lacks), Error: text(f.Err),
		Args: argsJSON(f.Variables), ArgsError: text(f.VariablesErr),
	}
	if f.Return != 0 {
		o.Return = hexJSON(f.Return)
	}
	if d := f.Displacement(); o.Module != "" {
		o.Displacement = &d
	}
	if f.Named() {
		l := &f.Location
		o.Name, o.Raw, o.PastEnd, o.Source, o.Identity = l.Name, l.Raw, l.PastEnd, l.Source.String(), l.Identity.String()
	}
	return json.Marshal(o)
}

func callsJSON(frames []pdb.Frame) (calls []callJSON) {
	for _, f := range frames {
		calls = append(calls, callJSON(f))
	}
	return calls
}

func argsJSON(list []Variable) (args []argJSON) {
	for i := range list {
		v := &list[i]
		a := argJSON{Name: v.Name, Type: v.Type, Kind: v.Kind(), Function: v.Function, Text: v.Text, Place: v.Place, Proof: v.Proof.String()}
		if v.Known {
			a.Value = hexJSON(v.Value)
		}
		if v.InMemory {
			a.Address = hexJSON(v.Address)
		}
		if a.Status = v.status(); a.Status != "" {
			a.Error = text(v.Err)
		}
		args = append(args, a)
	}
	return args
}

// text is an error in words, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
