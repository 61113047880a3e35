package symbolicate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// version5 answers POST /symbolicate/v5.
func (h *handler) version5(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	var req request
	if !read(w, r, &req) {
		return
	}
	jobs, err := req.jobs()
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	start(w)
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	fmt.Fprint(out, `{"results":[`)
	for i := range jobs {
		if i > 0 {
			fmt.Fprint(out, ",")
		}
		a, _ := h.answer(ctx, &jobs[i])
		if r.Context().Err() != nil || a == nil || a.write(out, &jobs[i]) != nil {
			panic(http.ErrAbortHandler) // what was sent must not look whole
		}
	}
	fmt.Fprint(out, "]}\n")
}

// frameJSON is a frame of an answer. What begins with function_size is not in
// Mozilla's API.
type frameJSON struct {
	Frame    int      `json:"frame"`
	Module   string   `json:"module"`
	Offset   string   `json:"module_offset"`
	Function string   `json:"function,omitempty"`
	At       string   `json:"function_offset,omitempty"`
	File     string   `json:"file,omitempty"`
	Line     uint32   `json:"line,omitempty"`
	Inlines  []inline `json:"inlines,omitempty"`

	Size    string `json:"function_size,omitempty"`
	PastEnd bool   `json:"past_end,omitempty"`
	Source  string `json:"source,omitempty"`
	Proof   string `json:"proof,omitempty"`
}

// write writes the result of a job.
func (a *answers) write(out *bufio.Writer, j *job) error {
	fmt.Fprint(out, `{"stacks":[`)
	encode := json.NewEncoder(out)
	for i, stack := range j.Stacks {
		fmt.Fprint(out, [...]string{"[", ",["}[min(i, 1)])
		for k, f := range stack {
			if k > 0 {
				fmt.Fprint(out, ",")
			}
			if err := encode.Encode(a.frame(j, k, f)); err != nil {
				return err
			}
		}
		fmt.Fprint(out, "]")
	}
	fmt.Fprint(out, `],"found_modules":`)
	if err := encode.Encode(a.modules(j)); err != nil || len(a.errors) == 0 {
		fmt.Fprint(out, "}")
		return err
	}
	fmt.Fprint(out, `,"module_errors":`)
	defer fmt.Fprint(out, "}")
	return encode.Encode(a.errors)
}

// modules says of each module whether it has symbols; null for those no frame is in.
func (a *answers) modules(j *job) map[string]*bool {
	found := make(map[string]*bool, len(j.Modules))
	for i := range j.Modules {
		key := j.Modules[i].key()
		if old := found[key]; old == nil || !*old { // it may be listed twice
			found[key] = cmp.Or(a.found[i], old)
		}
	}
	return found
}

// frame is the answer to frame f, the kth of its stack.
func (a *answers) frame(j *job, k int, f frame) frameJSON {
	o := frameJSON{Frame: k, Module: "<unknown>", Offset: hex(f.offset)}
	if f.module >= 0 {
		o.Module = j.Modules[f.module].name
	}
	answer := a.of[f]
	if !answer.resolved {
		return o
	}
	o.Function, o.At = answer.name, hex(int64(answer.offset))
	o.File, o.Line, o.Inlines = answer.file, answer.line, answer.inlines
	o.PastEnd, o.Source, o.Proof = answer.past, answer.source.String(), answer.proof.String()
	if answer.size != 0 {
		o.Size = hex(answer.size)
	}
	return o
}

func hex[N int64 | uint32 | uint64](n N) string { return fmt.Sprintf("%#x", n) }
