package analyze

import (
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// Header is the result for a kernel dump of which no more than the header can be
// used: of a machine or kind that is not read, or damaged. cause says why, and goes
// into Missing. The result has no stack.
func Header(h crashdump.Header, cause error) *Result {
	r := &Result{Machine: unwind.Machine(h.Machine), Bits: h.Bits, Processor: -1, Info: target.HeaderInfo(h)}
	r.Thread.Err = cause
	if h.BugCheckCode != 0 {
		r.bugCheck(target.NewBugCheck(h.BugCheckCode, h.BugCheckParameters))
	}
	r.Missing = []Missing{{Kind: MissingRecord, Why: "no more than the header can be used", Err: cause}}
	r.Bucket = bucketOf(r)
	return r
}
