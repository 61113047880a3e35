package pdb

// InlineRange is a range of code of an inline site.
type InlineRange struct {
	Chunk, Start, End  uint32
	File, Line, Column uint32 // Line counts from the inlined function
}

// NoFile is the file of a range in the file of the inlined function.
const NoFile = noFile

// RunAnnotations decodes binary annotations.
func RunAnnotations(b string) []InlineRange {
	var list []InlineRange
	for a := runAnnotations([]byte(b)); a.step(); {
		o := a.out
		list = append(list, InlineRange{o.chunk, o.start, o.end, o.pos.file, o.pos.line, o.pos.column})
	}
	return list
}
