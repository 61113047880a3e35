package cabbuild

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// FrameSize is how many expanded bytes a data block holds, in bytes; the last
// one of a folder may hold fewer.
const FrameSize = 32 << 10

// ErrInvalid means a cabinet was asked for that the format cannot express.
var ErrInvalid = errors.New("cabbuild: not possible in a cabinet")

// Cabinet describes a cabinet. Like all types of this package it is a plain
// value, safe for concurrent use while nobody changes it.
type Cabinet struct {
	Folders []Folder
	// Reserve holds the sizes in bytes of the areas reserved in the header,
	// in each folder entry and in each data block.
	Reserve Reserve
	// Prev and Next name the neighbours in a set; "" means there is none.
	Prev, Next string
	// NoChecksums leaves the checksums of data blocks 0.
	NoChecksums bool
	// SumReserve counts the reserved area of data blocks into checksums, as
	// [MS-CAB] says and cabextract does not expect.
	SumReserve bool
}

// Reserve holds sizes of reserved areas in bytes.
type Reserve struct {
	Header       uint16
	Folder, Data uint8
}

// Folder is a run of files compressed as one stream.
type Folder struct {
	Method Method
	Files  []File
}

// File is one file of a folder.
type File struct {
	Name string
	Data []byte
	// UTF8 marks the name as UTF-8.
	UTF8 bool
	// Spanned is the folder index to record when not 0: 0xFFFD, 0xFFFE or
	// 0xFFFF for files that lie partly in another cabinet.
	Spanned uint16
}

// Method compresses a folder.
type Method interface {
	// Type is the method's code in the folder entry.
	Type() uint16
	// Pack splits data into frames and compresses them.
	Pack(data []byte) ([]Frame, error)
}

// Frame is the payload of one data block and the bytes it expands to.
type Frame struct {
	Packed []byte
	Size   int
}

// Bytes builds the cabinet. The error wraps [ErrInvalid] or comes from a
// [Method].
func (c Cabinet) Bytes() ([]byte, error) {
	var files, blocks []byte
	var entries []folderEntry
	for i, f := range c.Folders {
		e, packed, err := c.folder(f)
		if err != nil {
			return nil, fmt.Errorf("folder %d: %w", i, err)
		}
		e.offset = len(blocks)
		entries = append(entries, e)
		blocks = append(blocks, packed...)
		files = append(files, f.entries(uint16(i))...)
	}
	head := c.optional()
	fileTable := 36 + len(head) + len(entries)*(8+int(c.Reserve.Folder))
	data := fileTable + len(files)
	out := c.header(fileTable, data+len(blocks))
	out = append(out, head...)
	for _, e := range entries {
		out = binary.LittleEndian.AppendUint32(out, uint32(data+e.offset))
		out = binary.LittleEndian.AppendUint16(out, e.blocks)
		out = binary.LittleEndian.AppendUint16(out, e.method)
		out = append(out, filler(int(c.Reserve.Folder))...)
	}
	return append(append(out, files...), blocks...), nil
}

type folderEntry struct {
	offset         int
	blocks, method uint16
}

// folder packs one folder into data blocks.
func (c Cabinet) folder(f Folder) (folderEntry, []byte, error) {
	var all []byte
	for _, file := range f.Files {
		all = append(all, file.Data...)
	}
	frames, err := f.Method.Pack(all)
	if err != nil {
		return folderEntry{}, nil, err
	}
	if len(frames) > 0xFFFF {
		return folderEntry{}, nil, fmt.Errorf("%w: %d data blocks", ErrInvalid, len(frames))
	}
	var out []byte
	for _, fr := range frames {
		if len(fr.Packed) > 0xFFFF || fr.Size > 0xFFFF {
			return folderEntry{}, nil, fmt.Errorf("%w: data block of %d bytes", ErrInvalid, len(fr.Packed))
		}
		out = append(out, c.block(fr)...)
	}
	return folderEntry{blocks: uint16(len(frames)), method: f.Method.Type()}, out, nil
}

func (c Cabinet) block(f Frame) []byte {
	head := binary.LittleEndian.AppendUint16(nil, uint16(len(f.Packed)))
	head = binary.LittleEndian.AppendUint16(head, uint16(f.Size))
	reserved := filler(int(c.Reserve.Data))
	summed := head
	if c.SumReserve {
		summed = append(summed[:4:4], reserved...)
	}
	var sum uint32
	if !c.NoChecksums {
		sum = Checksum(summed, Checksum(f.Packed, 0))
	}
	out := binary.LittleEndian.AppendUint32(nil, sum)
	out = append(append(out, head...), reserved...)
	return append(out, f.Packed...)
}

// entries returns the file entries of folder i.
func (f Folder) entries(i uint16) []byte {
	var out []byte
	offset := 0
	for _, file := range f.Files {
		var attrs uint16 = 0x20
		if file.UTF8 {
			attrs |= 0x80
		}
		index := i
		if file.Spanned != 0 {
			index = file.Spanned
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(len(file.Data)))
		out = binary.LittleEndian.AppendUint32(out, uint32(offset))
		for _, v := range []uint16{index, (2000-1980)<<9 | 11<<5 | 1, 0, attrs} {
			out = binary.LittleEndian.AppendUint16(out, v)
		}
		out = append(append(out, file.Name...), 0)
		offset += len(file.Data)
	}
	return out
}

// header returns the fixed part.
func (c Cabinet) header(fileTable, size int) []byte {
	files := 0
	for _, f := range c.Folders {
		files += len(f.Files)
	}
	out := append([]byte("MSCF"), 0, 0, 0, 0)
	for _, v := range []uint32{uint32(size), 0, uint32(fileTable), 0} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	out = append(out, 3, 1)
	for _, v := range []uint16{uint16(len(c.Folders)), uint16(files), c.flags(), 0x1234, 0} {
		out = binary.LittleEndian.AppendUint16(out, v)
	}
	return out
}

func (c Cabinet) flags() uint16 {
	var f uint16
	if c.Prev != "" {
		f |= 1
	}
	if c.Next != "" {
		f |= 2
	}
	if c.Reserve != (Reserve{}) {
		f |= 4
	}
	return f
}

// optional returns the parts of the header that its flags announce.
func (c Cabinet) optional() []byte {
	var out []byte
	if c.Reserve != (Reserve{}) {
		out = binary.LittleEndian.AppendUint16(out, c.Reserve.Header)
		out = append(out, c.Reserve.Folder, c.Reserve.Data)
		out = append(out, filler(int(c.Reserve.Header))...)
	}
	for _, name := range []string{c.Prev, c.Next} {
		if name != "" {
			out = append(append(out, name...), 0)
			out = append(out, "disk\x00"...)
		}
	}
	return out
}

// filler returns n bytes that are not zero.
func filler(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(0xA5 + i)
	}
	return b
}

// Checksum is the checksum of data blocks ([MS-CAB] 3.1), begun at sum.
func Checksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}
