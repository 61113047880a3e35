package sympath

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// record is what the side folder of a cache holds about an entry, a refused
// file or a miss, as JSON.
type record struct {
	File   string    `json:"file"`
	Key    string    `json:"key"`
	Size   int64     `json:"size,omitempty"`
	SHA256 string    `json:"sha256,omitempty"`
	Source string    `json:"source,omitempty"` // where it came from, or was not
	Reason string    `json:"reason,omitempty"`
	Made   time.Time `json:"made"`
	Until  time.Time `json:"until,omitzero"`
}

// maxRecord bounds the size of a record that is read.
const maxRecord = 64 << 10

// tempName returns an unguessable name for a file that is being written.
func tempName() string { return path.Join(tempDir, ".tmp-"+rand.Text()) }

// writeRecord puts a record in place in one step. It need not be durable: a
// record that is missing or torn is one that was never made.
func writeRecord(root *os.Root, name string, r record) error {
	r.Made = time.Now().UTC()
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(local(path.Dir(name)), 0o700); err != nil {
		return err
	}
	if err := root.MkdirAll(local(tempDir), 0o700); err != nil {
		return err
	}
	temp := tempName()
	err = root.WriteFile(local(temp), data, 0o600)
	if err == nil {
		err = root.Rename(local(temp), local(name))
	}
	if err != nil {
		root.Remove(local(temp))
	}
	return err
}

func (c *Cache) readRecord(name string) (record, os.FileInfo, bool) {
	f, err := c.fs().Open(name)
	if err != nil {
		return record{}, nil, false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() > maxRecord {
		return record{}, nil, false
	}
	data := make([]byte, fi.Size())
	var r record
	if _, err := f.Read(data); err != nil || json.Unmarshal(data, &r) != nil {
		return record{}, nil, false
	}
	return r, fi, true
}

// metaName is the record of the entry at name, file\key\file in any spelling.
func metaName(name string) string {
	dir, _ := path.Split(name)
	key := path.Base(dir)
	return path.Join(metaDir, strings.ToLower(path.Base(name)), strings.ToUpper(key)+".json")
}

func (c *Cache) meta(name string) (record, bool) {
	r, _, ok := c.readRecord(metaName(name))
	return r, ok
}

// A miss is remembered for one server, file and key.
func missName(server string, q Query) string {
	sum := sha256.Sum256([]byte(server + "\x00" + q.flightKey()))
	return path.Join(missDir, hex.EncodeToString(sum[:16])+".json")
}

// flightKey is the same for two queries that one file answers.
func (q Query) flightKey() string { return strings.ToLower(q.File) + "/" + strings.ToUpper(q.ID.Key()) }

// remember notes that a server does not have a file.
func (c *Cache) remember(server string, q Query, reason error) error {
	ttl := c.opts.missTTL(server)
	if ttl < 0 {
		return nil
	}
	root, err := c.open()
	if err != nil {
		return err
	}
	defer root.Close()
	return writeRecord(root, missName(server, q), record{
		File: q.File, Key: q.ID.Key(), Source: server, Reason: reason.Error(), Until: time.Now().Add(ttl).UTC(),
	})
}

func (o *Options) missTTL(server string) time.Duration {
	switch {
	case o.MissTTL != 0:
		return o.MissTTL
	case strings.EqualFold(strings.TrimRight(server, "/"), MicrosoftServer):
		return 24 * time.Hour
	}
	return time.Hour
}

// missed returns what is remembered of a file that a server does not have. A
// record from the future is one of a clock that was wrong.
func (c *Cache) missed(server string, q Query) (record, bool) {
	if c.opts.Refresh {
		return record{}, false
	}
	r, fi, ok := c.readRecord(missName(server, q))
	now := time.Now()
	if !ok || r.Source != server || fi.ModTime().After(now) || r.Made.After(now) ||
		r.Until.Sub(r.Made) > c.opts.missTTL(server)+time.Second || !now.Before(r.Until) {
		return record{}, false
	}
	return r, true
}

// touch marks an entry as used, once a day at most, for [Cache.Trim].
func (c *Cache) touch(name string) {
	meta := metaName(name)
	fi, err := fs.Stat(c.fs(), meta)
	now := time.Now()
	if c.opts.ReadOnly || err != nil || now.Sub(fi.ModTime()) < 24*time.Hour {
		return
	}
	if root, err := c.open(); err == nil {
		root.Chtimes(local(meta), now, now)
		root.Close()
	}
}
