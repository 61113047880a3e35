package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/sympath"
)

// A manifest lists files by name and key, as symchk /om writes it: one
// name,key,1 a line. Lines of fetch --json are read as well, so that what one
// machine misses another can fetch.

// maxManifest bounds the size of a manifest that is read.
const maxManifest = 64 << 20

// addManifest plans for the lines of a manifest.
func (p *plan) addManifest(ctx context.Context, f *file) error {
	if f.Size() > maxManifest {
		return unusable(fmt.Errorf("%s: %w", f.path, errNoManifest))
	}
	lines := bufio.NewScanner(io.NewSectionReader(f, 0, f.Size()))
	lines.Buffer(nil, maxInputLine)
	n := 0
	var wanted []sympath.Query
	for lines.Scan() && ctx.Err() == nil {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		q, err := manifestLine(line)
		if err != nil {
			return unusable(fmt.Errorf("%s:%d: %w", f.path, n, err))
		}
		wanted = append(wanted, q)
	}
	if err := errors.Join(lines.Err(), ctx.Err()); err != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, err))
	}
	for _, q := range wanted {
		p.want([]sympath.Query{q}, q.ID.Kind() == sympath.IDImage)
	}
	return nil
}

// manifestLine reads name,key,1 or name/key or a line of fetch --json.
func manifestLine(line string) (sympath.Query, error) {
	if strings.HasPrefix(line, "{") {
		var r fetched
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return sympath.Query{}, errNoManifest
		}
		line = r.Query
	}
	name, key := splitManifest(line)
	file, err := sympath.CleanName(name)
	if err != nil || file != name || key == "" {
		return sympath.Query{}, errNoManifest
	}
	id, ok := sympath.ParseKey(file, key)
	if !ok {
		return sympath.Query{}, fmt.Errorf("%s: %q is no key of a symbol store", file, key)
	}
	return sympath.Query{File: file, ID: id}, nil
}

// splitManifest takes name/key, name,key,1 and name,key apart. A name may have
// commas.
func splitManifest(line string) (name, key string) {
	if i := strings.LastIndexByte(line, '/'); i >= 0 {
		return line[:i], line[i+1:]
	}
	words := strings.Split(line, ",")
	if len(words) > 2 {
		words = words[:len(words)-1]
	}
	last := len(words) - 1
	return strings.TrimSpace(strings.Join(words[:last], ",")), strings.TrimSpace(words[last])
}

// writeManifest lists what is needed, on standard output or in a file.
func (p *plan) writeManifest(to string) error {
	if len(p.wanted) == 0 {
		return notFound(errors.New("nothing that a server could be asked for"))
	}
	if to != "-" {
		var text bytes.Buffer
		for _, q := range p.wanted {
			fmt.Fprintf(&text, "%s,%s,1\n", q.File, q.ID.Key())
		}
		if err := os.WriteFile(to, text.Bytes(), 0o666); err != nil {
			return unusable(err)
		}
		return nil
	}
	for _, q := range p.wanted {
		if p.console.json {
			p.console.object(struct {
				Query string `json:"query"`
			}{q.File + "/" + q.ID.Key()})
			continue
		}
		p.console.line("%s,%s,1", q.File, q.ID.Key())
	}
	return nil
}

// importDir files everything that lies in a folder into the cache.
func (f *fetch) importDir(ctx context.Context, dir string) error {
	if f.cache == nil {
		return unusable(errors.New("--import: no cache to put files in; give --cache DIR"))
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".symres":
			return fs.SkipDir
		case d.Type().IsRegular() && importable(path):
			f.tell(f.importFile(ctx, path))
		}
		return f.console.failed
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return unusable(err)
	}
	return f.markStore()
}

// markStore has the cache read as a symbol store when a path names it without
// srv*: symsrv knows one by its pingme.txt.
func (f *fetch) markStore() error {
	if f.good == 0 {
		return nil
	}
	mark, err := os.OpenFile(filepath.Join(f.cache.Dir(), "pingme.txt"), os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return unusable(err)
	}
	return mark.Close()
}

// compressedExts are the extensions of files that symbol stores hold, with
// what makecab makes of each.
func compressedExts() map[string]string {
	return map[string]string{
		".pd_": ".pdb", ".db_": ".dbg", ".ex_": ".exe", ".dl_": ".dll", ".sy_": ".sys", ".dr_": ".drv", ".oc_": ".ocx",
		".cp_": ".cpl", ".ac_": ".acm", ".ef_": ".efi", ".sc_": ".scr", ".mu_": ".mui",
	}
}

// importable tells what is or should be a symbol or image file from what else
// lies in a folder.
func importable(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	for packed, plain := range compressedExts() {
		if ext == packed || ext == plain {
			return true
		}
	}
	f, err := openFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.kind == filekind.PE || f.kind == filekind.PDB || f.kind == filekind.Portable
}

// importName is the name that a file is filed under. A compressed one lost its
// last letter, which the folder of a symbol store has.
func importName(path string) string {
	base := filepath.Base(path)
	stem, packed := strings.CutSuffix(base, "_")
	if !packed {
		return base
	}
	if stored := filepath.Base(filepath.Dir(filepath.Dir(path))); len(stored) == len(base) && strings.EqualFold(stored[:len(stem)], stem) {
		return stored
	}
	ext := filepath.Ext(base)
	return strings.TrimSuffix(base, ext) + compressedExts()[strings.ToLower(ext)]
}

// importFile files one file under the identity it has.
func (f *fetch) importFile(ctx context.Context, path string) fetched {
	out := fetched{Query: filepath.Base(path), Status: fetchRefused}
	file, err := openFile(path)
	if err != nil {
		out.Reason = err.Error()
		return out
	}
	defer file.Close()
	added, err := f.cache.Add(ctx, importName(path), file, file.Size(), path)
	if err != nil {
		out.Reason = err.Error()
		return out
	}
	return fetched{
		Query: importName(path) + "/" + added.ID.Key(), Status: fetchCached, Path: added.Location, Bytes: added.Size, New: added.New,
	}
}
