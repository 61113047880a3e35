package pdb

import (
	"io"
	"slices"

	"github.com/symres/symres/guid"
	"github.com/symres/symres/internal/codeview"
	"github.com/symres/symres/internal/msf"
	"github.com/symres/symres/internal/wire"
)

// PortableID returns the GUID of a portable PDB of size bytes: symbol stores file
// it under the GUID and FFFFFFFF in the place of an age. It reads no more than the
// heads of the file. Errors satisfy errors.Is(err, [ErrFormat]) or come from
// reading; a file of another kind gives a [*KindError].
//
// Source: ECMA-335 II.24.2.1 (metadata root) and the #Pdb stream of the portable
// PDB format of dotnet/runtime, which begins with the id: GUID and 4 bytes more.
func PortableID(r io.ReaderAt, size int64) (guid.GUID, error) {
	head := make([]byte, max(0, min(size, portableHead)))
	if err := msf.ReadFull(r, head, 0); err != nil {
		return guid.GUID{}, err
	}
	if kind := Sniff(head); kind != FormatPortable {
		return guid.GUID{}, &KindError{Format: kind}
	}
	off, n, err := portableStream(head)
	if err != nil {
		return guid.GUID{}, err
	}
	var id guid.GUID
	if n < uint32(len(id)) || int64(off)+int64(len(id)) > size {
		return guid.GUID{}, damage(secPortable, int64(off), "#Pdb stream of %d bytes in a file of %d", n, size)
	}
	return id, msf.ReadFull(r, id[:], int64(off))
}

const (
	secPortable  = "metadata root"
	portableHead = 4 << 10 // real ones have a version of 12 bytes and six streams
	maxVersion   = 255     // bytes of the version (ECMA-335)
)

// portableStream returns where the stream #Pdb lies: u32 offset, u32 bytes and a
// name padded to 4, for each stream behind a version of as many bytes as say.
func portableStream(head []byte) (off, n uint32, err error) {
	c := wire.New(secPortable, head)
	c.Skip(12) // signature, version of the format, reserved
	version := c.U32()
	if version > maxVersion+1 {
		return 0, 0, damage(secPortable, 12, "version of %d bytes", version)
	}
	c.Skip(int(version+3) &^ 3)
	c.U16() // flags
	for range c.U16() {
		off, n = c.U32(), c.U32()
		var name []byte
		for len(name) < 32 {
			part := c.Bytes(4)
			name = append(name, part...)
			if c.Err() != nil || slices.Contains(part, 0) {
				break
			}
		}
		if c.Err() != nil {
			break
		}
		if string(codeview.UntilNUL(name)) == "#Pdb" {
			return off, n, nil
		}
	}
	if c.Err() != nil {
		return 0, 0, cursorErr(c.Err())
	}
	return 0, 0, damage(secPortable, 0, "no stream #Pdb")
}
