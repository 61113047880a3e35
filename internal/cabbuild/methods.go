package cabbuild

import (
	"bytes"
	"compress/flate"
	"slices"
)

// Stored keeps data as they are.
type Stored struct{}

// Type implements [Method].
func (Stored) Type() uint16 { return 0 }

// Pack implements [Method].
func (Stored) Pack(data []byte) ([]Frame, error) {
	var frames []Frame
	for chunk := range slices.Chunk(data, FrameSize) {
		frames = append(frames, Frame{chunk, len(chunk)})
	}
	return frames, nil
}

// MSZIP compresses each frame by deflate, with the frame before it as the
// dictionary.
type MSZIP struct{}

// Type implements [Method].
func (MSZIP) Type() uint16 { return 1 }

// Pack implements [Method].
func (MSZIP) Pack(data []byte) ([]Frame, error) {
	var frames []Frame
	var dict []byte
	for chunk := range slices.Chunk(data, FrameSize) {
		var b bytes.Buffer
		b.WriteString("CK")
		w, err := flate.NewWriterDict(&b, flate.DefaultCompression, dict)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(chunk); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		frames = append(frames, Frame{b.Bytes(), len(chunk)})
		dict = chunk
	}
	return frames, nil
}

// Raw is a folder of ready data blocks; the files of the folder only say what
// they should expand to.
type Raw struct {
	Code   uint16
	Frames []Frame
}

// Type implements [Method].
func (r Raw) Type() uint16 { return r.Code }

// Pack implements [Method].
func (r Raw) Pack([]byte) ([]Frame, error) { return r.Frames, nil }
