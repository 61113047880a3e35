package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/symres/symres/sympath"
)

// uploads is the path that files are uploaded to, followed by their name.
const uploads = "/upload/"

// UploadStatus says what became of an uploaded file.
type UploadStatus string

// The statuses.
const (
	UploadAdded    UploadStatus = "added"    // it is in the store now
	UploadThere    UploadStatus = "there"    // the same file was there
	UploadConflict UploadStatus = "conflict" // another file is there, which stays
	UploadRefused  UploadStatus = "refused"  // it is no PDB or image, or too large, or its name cannot be that of a file
)

// Upload is the answer to an upload, as JSON.
type Upload struct {
	File   string       `json:"file"`
	Key    string       `json:"key,omitempty"` // read from the file
	Size   int64        `json:"size,omitempty"`
	Status UploadStatus `json:"status"`
}

// upload takes a file: PUT or POST /upload/NAME with the bytes of the file as the body.
// Its key is read from it.
func (h *handler) upload(w http.ResponseWriter, r *http.Request, log *slog.Logger) {
	may, label := rights(h.cfg.Tokens, r)
	log = log.With("token", label)
	if may&RightUpload == 0 {
		w.Header().Set("WWW-Authenticate", `Bearer realm="symbols"`)
		empty(w, http.StatusUnauthorized)
		log.Warn("an upload without the right to")
		return
	}
	select {
	case h.landings <- struct{}{}:
		defer func() { <-h.landings }()
	case <-r.Context().Done():
		reset(w)
		return
	}
	up, err := h.land(w, r, strings.TrimPrefix(r.URL.Path, uploads))
	status := map[UploadStatus]int{UploadAdded: http.StatusCreated, UploadThere: http.StatusOK, UploadConflict: http.StatusConflict,
		UploadRefused: http.StatusUnprocessableEntity}[up.Status]
	if up.Status == UploadConflict {
		h.stats.conflicts.Add(1)
	}
	log.Info("upload", "file", up.File, "key", up.Key, "status", up.Status, "err", err)
	if status == 0 {
		empty(w, http.StatusInternalServerError)
		return
	}
	h.stats.uploads.Add(1)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(up) // the client may be gone
}

// land keeps the body of a request in a temporary file, and files that.
func (h *handler) land(w http.ResponseWriter, r *http.Request, name string) (Upload, error) {
	up := Upload{File: name, Status: UploadRefused}
	if clean, err := sympath.CleanName(name); err != nil || clean != name {
		return up, cmp.Or(err, sympath.ErrBadName)
	}
	f, err := os.CreateTemp("", "symres-upload-*")
	if err != nil {
		up.Status = ""
		return up, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	size, err := io.Copy(f, io.LimitReader(patient{r.Body, http.NewResponseController(w), h.cfg.Idle}, h.cfg.MaxUpload+1))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it would end the request
	if err != nil {
		up.Status = ""
		return up, err
	}
	if size > h.cfg.MaxUpload {
		return up, errors.New("it is too large")
	}
	return h.add(r.Context(), name, f, size)
}

// add files a file. One that is there stays, whatever was sent.
func (h *handler) add(ctx context.Context, name string, f io.ReaderAt, size int64) (Upload, error) {
	up := Upload{File: name, Status: UploadRefused}
	added, err := h.cfg.Uploads.Add(ctx, name, f, size, "upload")
	if err != nil {
		if !errors.Is(err, sympath.ErrMismatch) && !errors.Is(err, sympath.ErrBadName) {
			up.Status = ""
		}
		return up, err
	}
	up.Key, up.Size, up.Status = added.ID.Key(), added.Size, UploadAdded
	if !added.New {
		same, err := h.cfg.Uploads.Same(ctx, added, name, f, size)
		if err != nil {
			up.Status = ""
			return up, err
		}
		up.Status = UploadConflict
		if same {
			up.Status = UploadThere
		}
	}
	h.stats.found(sympath.Query{File: name, ID: added.ID})
	return up, nil
}

// patient reads a body as long as something comes.
type patient struct {
	io.Reader
	control *http.ResponseController
	idle    time.Duration
}

// Read implements [io.Reader].
func (p patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(p.idle)) // where it can be set
	return p.Reader.Read(b)
}
