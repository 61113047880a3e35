package serve

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"net/http"
	"time"
)

//go:embed page.html
var pageText string

// page answers with what there is to know, for people.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	page, err := template.New("page").Funcs(template.FuncMap{"size": size, "ago": ago}).Parse(pageText)
	var out bytes.Buffer
	if err == nil {
		err = page.Execute(&out, h.view(r))
	}
	if err != nil {
		h.cfg.Logger.Error("page", "err", err)
		empty(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	text(w, "text/html; charset=utf-8", out.Bytes())
}

// view is what the page shows.
type view struct {
	status
	Title, URL string
	Rate       string // share of files that were found
	Up         time.Duration
	Holds      bool
}

func (h *handler) view(r *http.Request) view {
	v := view{status: h.snapshot(r.Context()), Title: h.cfg.Title, URL: "http://" + r.Host, Rate: "-"}
	if r.TLS != nil {
		v.URL = "https://" + r.Host
	}
	if asked := v.Hits + v.Misses; asked > 0 {
		v.Rate = fmt.Sprintf("%.1f %%", 100*float64(v.Hits)/float64(asked))
	}
	v.Up, v.Holds = time.Duration(v.Uptime)*time.Millisecond, v.holds
	return v
}

// size writes bytes as people read them.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f KB", float64(n)/1e3)
}

// ago says how long ago something was.
func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() }
