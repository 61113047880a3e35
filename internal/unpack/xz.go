package unpack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const xzMagic = "\xfd7zXZ\x00"

// xz reads the container of the .xz file format (tukaani.org, version 1.2.1), whose
// data the library expands: its own reader of the container takes as much memory
// for the dictionary as a header asks for, up to 4 GB.
type xz struct {
	r     *counted
	check func() hash.Hash // of the stream; nil: there is none
	block io.Reader        // what is being expanded; nil between blocks
	sum   hash.Hash
	start int64 // where the data of the block began
	open  bool  // inside a stream
	err   error
}

// counted counts what is read, byte by byte where that is asked for.
type counted struct {
	r *bufio.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func newXZ(r io.Reader) *xz { return &xz{r: &counted{r: bufio.NewReaderSize(r, 64<<10)}} }

// Read implements [io.Reader].
func (x *xz) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.block == nil {
			x.err = x.next()
			continue
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			x.block = nil
			err = x.endBlock()
		}
		x.err = err
		if n > 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// next goes on to the next block. At the end of the last stream it is io.EOF.
func (x *xz) next() error {
	if !x.open {
		return x.stream()
	}
	size, err := x.r.ReadByte()
	switch {
	case err != nil:
		return unexpected(err)
	case size != 0:
		return x.startBlock(size)
	}
	x.open = false
	return x.index()
}

// stream reads the header of a stream, behind the padding of the one before.
func (x *xz) stream() error {
	for {
		b, err := x.r.ReadByte()
		if err != nil {
			return err // of the end too, which may be here and nowhere else
		}
		if b == xzMagic[0] {
			break
		}
		if b != 0 {
			return errors.New("no stream header")
		}
	}
	var h [11]byte
	if _, err := io.ReadFull(x.r, h[:]); err != nil {
		return unexpected(err)
	}
	if string(h[:5]) != xzMagic[1:] || h[5] != 0 || crc32.ChecksumIEEE(h[5:7]) != binary.LittleEndian.Uint32(h[7:]) {
		return errors.New("no stream header")
	}
	checks := map[byte]func() hash.Hash{
		0: nil, 1: func() hash.Hash { return crc32.NewIEEE() },
		4: func() hash.Hash { return crc64.New(crc64.MakeTable(crc64.ECMA)) }, 10: sha256.New,
	}
	check, ok := checks[h[6]]
	if !ok {
		return fmt.Errorf("integrity check %#x is not known", h[6])
	}
	x.check, x.open = check, true
	return nil
}

// startBlock reads the header of a block, whose size is coded so.
func (x *xz) startBlock(size byte) error {
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.r, h[1:]); err != nil {
		return unexpected(err)
	}
	end := len(h) - 4
	if crc32.ChecksumIEEE(h[:end]) != binary.LittleEndian.Uint32(h[end:]) {
		return errors.New("checksum of a block header")
	}
	dictionary, err := xzDictionary(h[1:end])
	if err != nil {
		return err
	}
	x.start = x.r.n
	x.sum = nil
	if x.check != nil {
		x.sum = x.check()
	}
	x.block, err = lzma.Reader2Config{DictCap: dictionary}.NewReader2(x.r)
	return err
}

// xzDictionary returns the size of the dictionary that a block header asks for.
// The one filter it may have is LZMA2: that of others nobody makes memory images.
func xzDictionary(h []byte) (int, error) {
	const packed, unpacked, reserved, lzma2 = 0x40, 0x80, 0x3c, 0x21
	flags := h[0]
	r := bytes.NewReader(h[1:])
	for _, present := range []byte{packed, unpacked} {
		if flags&present != 0 {
			if _, err := binary.ReadUvarint(r); err != nil {
				return 0, unexpected(err)
			}
		}
	}
	id, err1 := binary.ReadUvarint(r)
	n, err2 := binary.ReadUvarint(r)
	code, err3 := r.ReadByte()
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, unexpected(err)
	}
	if flags&3 != 0 || flags&reserved != 0 || id != lzma2 || n != 1 {
		return 0, fmt.Errorf("filter %#x, flags %#x: only LZMA2 is expanded", id, flags)
	}
	size := uint64(2|code&1) << (code/2 + 11)
	if code > 40 || size > maxDictionary {
		return 0, fmt.Errorf("a dictionary of %d MB is more than the %d MB that are given to it", size>>20, maxDictionary>>20)
	}
	return max(int(size), lzma.MinDictCap), nil
}

// endBlock reads the padding and the check behind the data of a block.
func (x *xz) endBlock() error {
	pad := -(x.r.n - x.start) & 3
	sum := []byte{}
	if x.sum != nil {
		sum = x.sum.Sum(nil)
		if len(sum) < sha256.Size { // the CRCs are stored the other way round
			for i, j := 0, len(sum)-1; i < j; i, j = i+1, j-1 {
				sum[i], sum[j] = sum[j], sum[i]
			}
		}
	}
	b := make([]byte, int(pad)+len(sum))
	if _, err := io.ReadFull(x.r, b); err != nil {
		return unexpected(err)
	}
	if !bytes.Equal(b[pad:], sum) {
		return errors.New("integrity check of a block")
	}
	return nil
}

// index reads the index behind the blocks, of which nothing is needed, and the
// footer of the stream. The first byte of the index was read.
func (x *xz) index() error {
	start := x.r.n - 1
	n, err := binary.ReadUvarint(x.r)
	for i := uint64(0); i < 2*n && err == nil; i++ {
		_, err = binary.ReadUvarint(x.r)
	}
	if err != nil {
		return unexpected(err)
	}
	pad := -(x.r.n - start) & 3
	b := make([]byte, pad+4+12)
	if _, err := io.ReadFull(x.r, b); err != nil {
		return unexpected(err)
	}
	if string(b[len(b)-2:]) != "YZ" {
		return errors.New("no stream footer")
	}
	return nil
}

// unexpected makes an end of the file that is none.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
