package sympath

import (
	"bytes"
	"encoding/json"
)

// MarshalJSON returns the object the command prints: store, location, status,
// and the error. The elapsed time is included only for network locations, so
// that the output of a local search is reproducible.
func (a Attempt) MarshalJSON() ([]byte, error) {
	o := struct {
		Store     string `json:"store"`
		Location  string `json:"location"`
		Status    Status `json:"status"`
		Error     string `json:"error,omitempty"`
		ElapsedMS int64  `json:"elapsed_ms,omitempty"`
	}{Store: a.Store, Location: a.Location, Status: a.Status}
	if a.Err != nil {
		o.Error = a.Err.Error()
	}
	if a.Origin == OriginHTTP || a.Origin == OriginUNC {
		o.ElapsedMS = a.Elapsed.Milliseconds()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a URL stays one
	err := e.Encode(o)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
