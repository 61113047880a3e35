package smb2

import (
	"encoding/binary"
	"io"
	"io/fs"
	"strings"
	"time"
	"unicode/utf16"
)

// Share is a share of a server. Safe for concurrent use.
type Share struct {
	conn    *Conn
	tree    uint32
	encrypt bool
}

const (
	shareEncrypts = 0x8000 // MS-SMB2 2.2.10

	accessRead       = 1          // FILE_READ_DATA, FILE_LIST_DIRECTORY
	accessAttributes = 0x80       // FILE_READ_ATTRIBUTES
	accessWait       = 0x00100000 // SYNCHRONIZE

	attributeDirectory = 0x10
)

// Mount connects to a share, \\server\share.
func (c *Conn) Mount(name string) (*Share, error) {
	path := utf16le(name)
	le := binary.LittleEndian
	body := le.AppendUint16(nil, 9)
	body = le.AppendUint16(body, 0)
	body = le.AppendUint16(body, headerSize+8)
	body = append(le.AppendUint16(body, uint16(len(path))), path...)
	p, err := c.simple(commandTreeConnect, 0, false, body)
	if err != nil {
		return nil, err
	}
	if len(p.body()) < 16 {
		return nil, c.broken("a short answer to TREE_CONNECT")
	}
	s := &Share{conn: c, tree: p.tree(), encrypt: le.Uint32(p.body()[4:])&shareEncrypts != 0}
	if s.encrypt && c.keys.open == nil {
		return nil, c.broken("encryption without a key; the share wants a login with a password")
	}
	return s, nil
}

// broken ends the connection for an answer that is no answer.
func (c *Conn) broken(why string) error {
	c.Abort(protocolError("%s", why))
	return c.Err()
}

func (s *Share) do(command uint16, body []byte) (packet, error) {
	return s.conn.simple(command, s.tree, s.encrypt, body)
}

// File is an open file or directory.
type File struct {
	share  *Share
	id     []byte
	info   Info
	listed []fs.FileInfo // entries that were read and not asked for yet
	over   bool          // there are no more
}

// Open opens a file or directory for reading; "" is the root of the share, and
// backslashes separate names. A name that may not be opened, or is not there,
// is a [*StatusError].
func (s *Share) Open(name string) (*File, error) {
	return s.create(name, accessRead|accessAttributes|accessWait)
}

// Stat says what a file is like.
func (s *Share) Stat(name string) (fs.FileInfo, error) {
	f, err := s.create(name, accessAttributes|accessWait)
	if err != nil {
		return nil, err
	}
	return f.info, f.Close()
}

// create is MS-SMB2 2.2.13: open what is there, and let others do as they like.
func (s *Share) create(name string, access uint32) (*File, error) {
	const (
		impersonation = 2
		shareAll      = 7
		openExisting  = 1
		fixed         = 56
	)
	le, path := binary.LittleEndian, utf16le(name)
	body := make([]byte, fixed, fixed+len(path)+1)
	le.PutUint16(body, fixed+1)
	le.PutUint32(body[4:], impersonation)
	le.PutUint32(body[24:], access)
	le.PutUint32(body[32:], shareAll)
	le.PutUint32(body[36:], openExisting)
	le.PutUint16(body[44:], headerSize+fixed)
	le.PutUint16(body[46:], uint16(len(path)))
	if body = append(body, path...); len(path) == 0 {
		body = append(body, 0)
	}
	p, err := s.do(commandCreate, body)
	if err != nil {
		return nil, err
	}
	b := p.body()
	if len(b) < 88 {
		return nil, s.conn.broken("a short answer to CREATE")
	}
	info := Info{
		name: name[strings.LastIndexByte(name, '\\')+1:], size: int64(le.Uint64(b[48:])),
		modified: fromFiletime(le.Uint64(b[24:])), attributes: le.Uint32(b[56:]),
	}
	if info.size < 0 {
		return nil, s.conn.broken("a file of a negative size")
	}
	return &File{share: s, id: b[64:80], info: info}, nil
}

// Info returns what the file was like when it was opened.
func (f *File) Info() fs.FileInfo { return f.info }

// Close gives the file back.
func (f *File) Close() error {
	body := make([]byte, 24)
	binary.LittleEndian.PutUint16(body, 24)
	copy(body[8:], f.id)
	_, err := f.share.do(commandClose, body)
	return err
}

// ReadAt implements [io.ReaderAt], except that it may read less without an
// error: what one answer brings.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	c, le := f.share.conn, binary.LittleEndian
	if len(p) == 0 {
		return 0, nil
	}
	n := min(len(p), c.maxRead)
	credits, err := c.take((n + creditSize - 1) / creditSize)
	if err != nil {
		return 0, err
	}
	n = min(n, credits*creditSize)
	body := make([]byte, 49)
	le.PutUint16(body, 49)
	body[2] = headerSize + 16
	le.PutUint32(body[4:], uint32(n))
	le.PutUint64(body[8:], uint64(off))
	copy(body[16:], f.id)
	answer, err := c.do(commandRead, f.share.tree, f.share.encrypt, credits, body)
	if err != nil {
		return 0, endOf(err, statusEndOfFile)
	}
	b := answer.body()
	if len(b) < 16 {
		return 0, c.broken("a short answer to READ")
	}
	data, ok := answer.part(uint64(b[2]), uint64(le.Uint32(b[4:])))
	if !ok || len(data) > n || len(data) == 0 {
		return 0, c.broken("another part of a file than was asked for")
	}
	return copy(p, data), nil
}

// endOf makes [io.EOF] of the statuses that say so.
func endOf(err error, statuses ...uint32) error {
	status, ok := err.(*StatusError)
	for _, s := range statuses {
		if ok && status.Code == s {
			return io.EOF
		}
	}
	return err
}

// maxEntries bounds a directory.
const maxEntries = 1 << 20

// ReadDir is that of [fs.ReadDirFile].
func (f *File) ReadDir(n int) ([]fs.FileInfo, error) {
	for !f.over && (n <= 0 || len(f.listed) < n) {
		more, err := f.list()
		f.over = err == io.EOF
		if err != nil && err != io.EOF {
			return nil, err
		}
		if f.listed = append(f.listed, more...); len(f.listed) > maxEntries {
			return nil, f.share.conn.broken("a directory that does not end")
		}
	}
	if n <= 0 {
		n = len(f.listed)
	} else if len(f.listed) == 0 {
		return nil, io.EOF
	}
	out := f.listed[:min(n, len(f.listed))]
	f.listed = f.listed[len(out):]
	return out, nil
}

// list reads as many entries as one answer brings.
func (f *File) list() ([]fs.FileInfo, error) {
	const directoryInformation = 1
	le := binary.LittleEndian
	body := make([]byte, 32, 34)
	le.PutUint16(body, 33)
	body[2] = directoryInformation
	copy(body[8:], f.id)
	le.PutUint16(body[24:], headerSize+32)
	le.PutUint16(body[26:], 2)
	le.PutUint32(body[28:], creditSize)
	p, err := f.share.do(commandQueryDirectory, append(body, '*', 0))
	if err != nil {
		return nil, endOf(err, statusNoMoreFiles, statusNoSuchFile)
	}
	if len(p.body()) < 8 {
		return nil, f.share.conn.broken("a short answer to QUERY_DIRECTORY")
	}
	buffer, ok := p.part(uint64(le.Uint16(p.body()[2:])), uint64(le.Uint32(p.body()[4:])))
	var entries []fs.FileInfo
	if ok {
		entries, ok = parseEntries(buffer)
	}
	if !ok {
		return nil, f.share.conn.broken("a list of files that runs out of its message")
	}
	return entries, nil
}

// parseEntries reads FileDirectoryInformation (MS-FSCC 2.4.10). Names that
// are none, and those of the directory itself and its parent, are left out.
func parseEntries(b []byte) ([]fs.FileInfo, bool) {
	le := binary.LittleEndian
	var out []fs.FileInfo
	for {
		if len(b) < 64 {
			return nil, false
		}
		size, n := int64(le.Uint64(b[40:])), uint64(le.Uint32(b[60:]))
		if n > uint64(len(b)-64) || n%2 != 0 || size < 0 {
			return nil, false
		}
		name := fromUTF16(b[64:][:n])
		if name != "." && name != ".." && name != "" && !strings.ContainsAny(name, "/\\\x00") {
			out = append(out, Info{name: name, size: size, modified: fromFiletime(le.Uint64(b[24:])), attributes: le.Uint32(b[56:])})
		}
		next := uint64(le.Uint32(b))
		switch {
		case next == 0:
			return out, true
		case next < 64+n || next > uint64(len(b)):
			return nil, false
		}
		b = b[next:]
	}
}

func fromUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// Info is an [fs.FileInfo] of a share.
type Info struct {
	name       string
	size       int64
	modified   time.Time
	attributes uint32
}

// Name implements [fs.FileInfo].
func (i Info) Name() string { return i.name }

// Size implements [fs.FileInfo].
func (i Info) Size() int64 { return i.size }

// ModTime implements [fs.FileInfo].
func (i Info) ModTime() time.Time { return i.modified }

// IsDir implements [fs.FileInfo].
func (i Info) IsDir() bool { return i.attributes&attributeDirectory != 0 }

// Sys implements [fs.FileInfo].
func (i Info) Sys() any { return nil }

// Mode implements [fs.FileInfo].
func (i Info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
