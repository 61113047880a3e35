package ranged

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// Head says of what file a part is. Parts of files that differ in any of it are never
// mixed.
type Head struct {
	File      string `json:"file"`
	Key       string `json:"key"`
	Origin    string `json:"origin"`   // the server or share
	Location  string `json:"location"` // of the file there
	Size      int64  `json:"size"`
	Validator string `json:"validator"` // changes with the file
}

// Part is the blocks of a file that are here. It is a directory of two files: data is
// as long as the file and has holes where nothing was fetched; map has a head of 4 KB
// and then for each block its number and CRC-32C, 4 bytes each, little-endian.
//
// Nothing is synced. A block counts if its checksum holds when it is first used in a
// process, so entries without data, and data without entries, cost no more than
// fetching the block again. Several processes may add to the map: entries are appended,
// and an entry that is torn spoils those after it at worst.
//
// Its methods are for one goroutine at a time, but for read.
type Part struct {
	head  Head
	root  *os.Root // nil: a temporary file
	dir   string
	data  *os.File
	log   *os.File // nil: a temporary file
	state []uint8
	crcs  []uint32 // of blocks whose entry was read
	count int64
}

const (
	stateLogged = 1 // has an entry that was not checked yet
	stateGood   = 2

	mapMagic = "symres part 1\n"
	mapHead  = 4 << 10
	entry    = 8
	maxSize  = 1 << 42

	dataName, mapName, newMap = "data", "map", "map.new"
)

var errDamaged = errors.New("damaged head of the map of a partial file")

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Temporary returns a part that ends with the process.
func Temporary(size int64) (*Part, error) {
	f, err := os.CreateTemp("", "symres-part-*.tmp")
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" {
		os.Remove(f.Name())
	}
	return newPart(Head{Size: size}, f), nil
}

func newPart(h Head, data *os.File) *Part {
	n := (h.Size + Block - 1) / Block
	return &Part{head: h, data: data, state: make([]uint8, n), crcs: make([]uint32, n)}
}

// Create begins a part in a directory below root, in the place of any other there.
func Create(root *os.Root, dir string, h Head) (*Part, error) {
	if h.Size <= 0 || h.Size > maxSize {
		return nil, fmt.Errorf("a partial file of %d bytes", h.Size)
	}
	head, err := h.encode()
	if err != nil {
		return nil, err
	}
	remove(root, dir)
	if err := root.MkdirAll(local(dir), 0o700); err != nil {
		return nil, err
	}
	data, err := root.OpenFile(local(path.Join(dir, dataName)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	p := newPart(h, data)
	p.root, p.dir = root, dir
	if err = data.Truncate(h.Size); err == nil {
		p.log, err = root.OpenFile(local(path.Join(dir, mapName)), os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	}
	if err == nil {
		_, err = p.log.Write(head)
	}
	if err != nil {
		return nil, errors.Join(err, p.closeFiles(), remove(root, dir))
	}
	return p, nil
}

// encode returns the first bytes of the map.
func (h Head) encode() ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	head := make([]byte, mapHead)
	n := copy(head, mapMagic)
	if n+4+len(text) > mapHead {
		return nil, errors.New("the names of a partial file are too long")
	}
	binary.LittleEndian.PutUint32(head[n:], checksum(text))
	copy(head[n+4:], text)
	return head, nil
}

// ReadHead reads the head of a part without opening it.
func ReadHead(fsys fs.FS, dir string) (h Head, err error) {
	f, err := fsys.Open(path.Join(dir, mapName))
	if err != nil {
		return h, err
	}
	defer f.Close()
	head := make([]byte, mapHead)
	if _, err := io.ReadFull(f, head); err != nil {
		return h, errDamaged
	}
	return decode(head)
}

// Status is what can be told of a part without opening it.
type Status struct {
	Head
	Held int64     // bytes of it that are here, or a little more
	Used time.Time // to within a day
}

// Stat looks at a part.
func Stat(fsys fs.FS, dir string) (s Status, err error) {
	if s.Head, err = ReadHead(fsys, dir); err != nil {
		return s, err
	}
	fi, err := fs.Stat(fsys, path.Join(dir, mapName))
	if err != nil {
		return s, err
	}
	s.Held, s.Used = min(s.Size, (fi.Size()-mapHead)/entry*Block), fi.ModTime()
	return s, nil
}

// used notes that the part is used.
func (p *Part) used() {
	fi, err := p.log.Stat()
	if now := time.Now(); err == nil && now.Sub(fi.ModTime()) > time.Hour {
		_ = p.root.Chtimes(local(path.Join(p.dir, mapName)), now, now)
	}
}

func decode(head []byte) (h Head, err error) {
	text, ok := bytes.CutPrefix(head, []byte(mapMagic))
	if !ok || len(text) < 4 {
		return h, errDamaged
	}
	sum, text := binary.LittleEndian.Uint32(text), bytes.TrimRight(text[4:], "\x00")
	if checksum(text) != sum || json.Unmarshal(text, &h) != nil || h.Size <= 0 || h.Size > maxSize {
		return Head{}, errDamaged
	}
	return h, nil
}

// Open opens a part to be read and added to. Damage in its map costs the blocks it
// concerns; a damaged head is an error.
func Open(root *os.Root, dir string) (*Part, error) {
	p, err := openPart(root, dir, os.O_RDWR)
	if err == nil {
		p.used()
	}
	return p, err
}

func openPart(root *os.Root, dir string, access int) (*Part, error) {
	h, err := ReadHead(root.FS(), dir)
	if err != nil {
		return nil, err
	}
	data, err := openRegular(root, path.Join(dir, dataName), access)
	if err != nil {
		return nil, err
	}
	p := newPart(h, data)
	p.root, p.dir = root, dir
	if p.log, err = openRegular(root, path.Join(dir, mapName), access|os.O_APPEND); err == nil {
		err = p.load(access != os.O_RDONLY)
	}
	if err != nil {
		return nil, errors.Join(err, p.closeFiles())
	}
	return p, nil
}

func openRegular(root *os.Root, name string, flag int) (*os.File, error) {
	fi, err := root.Lstat(local(name))
	if err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, err
	}
	return root.OpenFile(local(name), flag, 0)
}

// load reads the entries of the map, and mends its end if it is to be added to.
func (p *Part) load(mend bool) error {
	fi, err := p.data.Stat()
	if err == nil && fi.Size() != p.head.Size {
		err = fmt.Errorf("a partial file of %d bytes, not %d", fi.Size(), p.head.Size)
	}
	if err != nil {
		return err
	}
	if fi, err = p.log.Stat(); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for at := int64(mapHead); at+entry <= fi.Size(); {
		n, err := p.log.ReadAt(buf[:min(int64(len(buf)), (fi.Size()-at)/entry*entry)], at)
		if err != nil && err != io.EOF || n < entry {
			return err
		}
		n = n / entry * entry
		p.take(buf[:n])
		at += int64(n)
	}
	if torn := (fi.Size() - mapHead) % entry; mend && torn > 0 { // what follows is to stand in its place again
		_, err = p.log.Write(make([]byte, entry-torn))
	}
	return err
}

func (p *Part) take(entries []byte) {
	for ; len(entries) >= entry; entries = entries[entry:] {
		b := binary.LittleEndian.Uint32(entries)
		if int64(b) >= int64(len(p.state)) {
			continue
		}
		if p.state[b] == 0 {
			p.count++
		}
		p.state[b], p.crcs[b] = stateLogged, binary.LittleEndian.Uint32(entries[4:])
	}
}

// Check reads all blocks of a part and returns how many bytes are good, and how many
// blocks are damaged. With repair these are taken out of the map, which is written
// anew: processes that have the part open go on, and what they add is fetched again by
// others.
func Check(root *os.Root, dir string, repair bool) (good, bad int64, err error) {
	p, err := openPart(root, dir, os.O_RDONLY)
	if err != nil {
		return 0, 0, err
	}
	for b, state := range p.state {
		if p.has(int64(b)) {
			good += min(Block, p.head.Size-int64(b)*Block)
		} else if state != 0 {
			bad++
		}
	}
	if bad > 0 && repair {
		err = p.rewrite()
	}
	return good, bad, errors.Join(err, p.closeFiles())
}

func (p *Part) rewrite() error {
	log, err := p.head.encode()
	if err != nil {
		return err
	}
	for b, state := range p.state {
		if state != 0 {
			log = appendEntry(log, uint32(b), p.crcs[b])
		}
	}
	name := local(path.Join(p.dir, newMap))
	if err := p.root.WriteFile(name, log, 0o600); err != nil {
		return err
	}
	return p.root.Rename(name, local(path.Join(p.dir, mapName)))
}

func appendEntry(log []byte, block, sum uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(log, block), sum)
}

// Head returns what the part is of.
func (p *Part) Head() Head { return p.head }

// Count returns how many blocks are here, some of which may turn out to be damaged.
func (p *Part) Count() int64 { return p.count }

// has reports whether a block is here. The first time it reads it.
func (p *Part) has(b int64) bool {
	if p.state[b] != stateLogged {
		return p.state[b] == stateGood
	}
	buf := make([]byte, min(Block, p.head.Size-b*Block))
	if _, err := p.data.ReadAt(buf, b*Block); err != nil || checksum(buf) != p.crcs[b] {
		p.state[b] = 0
		p.count--
		return false
	}
	p.state[b] = stateGood
	return true
}

// read reads bytes of blocks that are here.
func (p *Part) read(b []byte, off int64) error {
	_, err := p.data.ReadAt(b, off)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// put writes blocks from first on, and then their entries.
func (p *Part) put(b []byte, first int64) error {
	if _, err := p.data.WriteAt(b, first*Block); err != nil {
		return err
	}
	var log []byte
	for i := first; len(b) > 0; i++ {
		n := min(Block, len(b))
		p.crcs[i] = checksum(b[:n])
		if p.state[i] == 0 {
			p.count++
		}
		p.state[i] = stateGood
		log = appendEntry(log, uint32(i), p.crcs[i])
		b = b[n:]
	}
	if p.log != nil {
		_, _ = p.log.Write(log) // without entries the blocks last as long as the process
	}
	return nil
}

// Discard takes the part away for all who come. Who has it open can read on.
func (p *Part) Discard() {
	if p.root != nil {
		_ = remove(p.root, p.dir)
	}
}

// Close closes the files, and the root they were opened below.
func (p *Part) Close() error {
	err := p.closeFiles()
	if p.root != nil {
		err = errors.Join(err, p.root.Close())
	}
	return err
}

func (p *Part) closeFiles() error {
	err := p.data.Close()
	if p.log != nil {
		return errors.Join(err, p.log.Close())
	}
	if runtime.GOOS == "windows" {
		err = errors.Join(err, os.Remove(p.data.Name()))
	}
	return err
}

// Remove takes away a part.
func Remove(root *os.Root, dir string) error { return remove(root, dir) }

// remove takes the map first: data without one is nothing.
func remove(root *os.Root, dir string) error {
	var errs []error
	for _, name := range []string{path.Join(dir, mapName), path.Join(dir, dataName), path.Join(dir, newMap), dir} {
		if err := root.Remove(local(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func local(name string) string { return filepath.FromSlash(name) }
