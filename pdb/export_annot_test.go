package pdb

import "github.com/symres/symres/internal/codeview"

// InlineRange is a range of code of an inline site.
type InlineRange struct {
	Chunk, Start, End  uint32
	File, Line, Column uint32 // Line counts from the inlined function
}

// NoFile is the file of a range in the file of the inlined function.
const NoFile = codeview.NoFile

// RunAnnotations decodes binary annotations.
func RunAnnotations(b string) []InlineRange {
	var list []InlineRange
	for a := codeview.RunAnnotations([]byte(b)); a.Step(); {
		o := a.Out
		list = append(list, InlineRange{o.Chunk, o.Start, o.End, o.Pos.File, o.Pos.Line, o.Pos.Column})
	}
	return list
}
