package identify_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/symres/symres/sympath"
)

// serving is a server that has one file under every name.
type serving []byte

func (serving) Name() string           { return "https://server" }
func (serving) Origin() sympath.Origin { return sympath.OriginHTTP }

func (s serving) Fetch(_ context.Context, q sympath.Query, sink *sympath.Sink) error {
	location := "https://server/" + q.File
	sink.Attempt(sympath.Attempt{Store: s.Name(), Location: location, Origin: s.Origin(), Status: sympath.StatusFound})
	if err := sink.Begin(location, int64(len(s))); err != nil {
		return err
	}
	if _, err := bytes.NewReader(s).WriteTo(sink); err != nil {
		return fmt.Errorf("%s: %w", location, err)
	}
	return sink.Commit()
}
