package symbolicate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/symres/symres"
)

// missJSON stands for an address without an answer.
type missJSON struct {
	Query string `json:"query"`
	Error string `json:"error"`
}

// nearest answers POST /v1/nearest.
func (h *handler) nearest(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	var req nearestRequest
	if !read(w, r, &req) {
		return
	}
	err := req.check()
	var res *resolver
	if err == nil {
		res, err = h.newResolver()
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	defer res.close()
	if err := res.place(req.Modules); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	start(w)
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	if res.write(ctx, out, req.Addresses) != nil || r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // what was sent must not look whole
	}
}

// place adds modules where the request says they are. A module of unknown size
// ends where the next begins.
func (r *resolver) place(modules []nearestModule) error {
	slices.SortStableFunc(modules, func(a, b nearestModule) int { return cmp.Compare(a.Base, b.Base) })
	for i, m := range modules {
		size := cmp.Or(uint64(m.Size), min(moduleSpan, -uint64(m.Base)-1)) // at the end of the address space
		if m.Size == 0 && i+1 < len(modules) {
			size = min(size, uint64(modules[i+1].Base-m.Base))
		}
		named := module{m.PDB, m.ID}
		added, ok := named.at(uint64(m.Base), size)
		if !ok {
			return requestError("a module has no name and identifier of a PDB")
		}
		if r.session.Add(added) != nil {
			return requestError("modules lie in each other or beyond the address space")
		}
	}
	return nil
}

// write answers addresses in the order they were asked.
func (r *resolver) write(ctx context.Context, out *bufio.Writer, addrs []address) error {
	encode := json.NewEncoder(out)
	fmt.Fprint(out, `{"answers":[`)
	for i, addr := range addrs {
		if i > 0 {
			fmt.Fprint(out, ",")
		}
		r.text = 0 // written as it comes: only one answer is held
		loc, err := r.resolve(ctx, uint64(addr))
		if err := encode.Encode(answerJSON(uint64(addr), loc, err)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(out, "]}\n")
	return err
}

// answerJSON is what stands in the list for an address.
func answerJSON(addr uint64, loc *symres.Location, err error) any {
	if err == nil {
		return loc
	}
	miss := missJSON{hex(addr), "no symbol there"}
	if why := explain(err); why != nil {
		miss.Error = why.Message
	}
	return miss
}
