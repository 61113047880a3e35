package symbolicate

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/symres/symres"
	"github.com/symres/symres/guid"
	"github.com/symres/symres/pe"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/vadmath"
)

// The limits of a request.
const (
	maxBody    = 8 << 20
	maxJobs    = 10
	maxModules = 64
	maxFrames  = 5000 // of a job
)

// requestError says what is wrong with a request, in words of ours alone.
type requestError string

func (e requestError) Error() string { return string(e) }

// request is the body of /symbolicate/v5: jobs, or one job without the list.
type request struct {
	Jobs    []job `json:"jobs"`
	Version int   `json:"version"`
	job
}

// job is stacks over a list of modules.
type job struct {
	Modules []module `json:"memoryMap"`
	Stacks  stacks   `json:"stacks"`
}

// jobs returns what is asked, or an error for what exceeds the limits.
func (r *request) jobs() ([]job, error) {
	jobs := r.Jobs
	if jobs == nil {
		jobs = []job{r.job}
	}
	if r.Version != 0 && r.Version != 5 {
		return nil, requestError("version is not 5")
	}
	if len(jobs) > maxJobs {
		return nil, requestError("more than 10 jobs")
	}
	for i := range jobs {
		if err := jobs[i].check(); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

func (j *job) check() error {
	if len(j.Modules) > maxModules {
		return requestError("more than 64 modules in a job")
	}
	for _, stack := range j.Stacks {
		for _, f := range stack {
			if f.module < -1 || f.module >= len(j.Modules) {
				return requestError("a frame has an index of no module")
			}
		}
	}
	return nil
}

// module is a PDB by name and debug identifier.
type module struct{ name, id string }

// UnmarshalJSON reads ["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"].
func (m *module) UnmarshalJSON(b []byte) error {
	var pair []string
	if err := json.Unmarshal(b, &pair); err != nil || len(pair) != 2 {
		return requestError("a module is not a list of a name and an identifier")
	}
	m.name, m.id = pair[0], pair[1]
	return nil
}

// key is how answers speak of the module.
func (m *module) key() string { return m.name + "/" + m.id }

// at is the module at a base address, or false if its name or identifier cannot be
// that of a PDB.
func (m *module) at(base, size uint64) (symres.Module, bool) {
	cv, ok := parseID(m.id)
	if name, err := sympath.CleanName(m.name); !ok || err != nil || name != m.name {
		return symres.Module{}, false
	}
	cv.Path = m.name
	return symres.Module{Image: m.name, Name: strings.TrimSuffix(m.name, ".pdb"), Base: base, Size: size, CodeView: cv}, true
}

// parseID reads a debug identifier: the digits of the GUID, then the age in hex.
func parseID(id string) (*pe.CodeView, bool) {
	if len(id) <= 32 || len(id) > 40 {
		return nil, false
	}
	g, err := guid.Parse(id[:32])
	if err != nil {
		return nil, false
	}
	age, err := strconv.ParseUint(id[32:], 16, 32)
	return &pe.CodeView{Kind: pe.CodeViewRSDS, GUID: g, Age: uint32(age)}, err == nil
}

// frame is an RVA in a module; module -1 is none.
type frame struct {
	module int
	offset int64
}

// stacks are lists of frames, no more than a job may have.
type stacks [][]frame

// UnmarshalJSON reads [[[0, 11723767], [-1, 65802]], ...].
func (s *stacks) UnmarshalJSON(b []byte) error {
	if bytes.Count(b, []byte("[")) > 2*maxFrames+1 { // a list each for frames, stacks and all
		return requestError("more than 5,000 frames in a job")
	}
	var list [][][]int64
	if err := json.Unmarshal(b, &list); err != nil {
		return requestError("stacks are not lists of lists of a module and an offset")
	}
	n := 0
	*s = make(stacks, len(list))
	for i, stack := range list {
		if n += len(stack); n > maxFrames {
			return requestError("more than 5,000 frames in a job")
		}
		for _, pair := range stack {
			if len(pair) != 2 || pair[1] < -1 {
				return requestError("a frame is not a module and an offset")
			}
			(*s)[i] = append((*s)[i], frame{int(pair[0]), pair[1]})
		}
	}
	return nil
}

// nearestRequest is the body of /v1/nearest.
type nearestRequest struct {
	Modules   []nearestModule `json:"modules"`
	Addresses []address       `json:"addresses"`
}

type nearestModule struct {
	PDB  string  `json:"pdb"`
	ID   string  `json:"id"`
	Base address `json:"base"`
	Size address `json:"size"`
}

// address is a number, or hex digits in a string as all our JSON has them.
type address uint64

// UnmarshalJSON reads "0x7ff600000000".
func (a *address) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		return requestError("an address is not a string of hex digits")
	}
	n, err := vadmath.ParseAddr(text)
	if err != nil {
		return requestError("an address is not a string of hex digits")
	}
	*a = address(n)
	return nil
}

// check refuses what exceeds the limits.
func (r *nearestRequest) check() error {
	switch {
	case len(r.Modules) > maxModules:
		return requestError("more than 64 modules")
	case len(r.Addresses) > maxJobs*maxFrames:
		return requestError("more than 50,000 addresses")
	}
	return nil
}
