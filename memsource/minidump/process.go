package minidump

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/memsource"
)

// Process is what the dump says about the process (MINIDUMP_MISC_INFO). Zero
// fields are unknown. It is plain data.
type Process struct {
	ID           uint32
	Created      time.Time     // UTC, to the second
	Uptime       time.Duration // from then until the dump was written, to the second
	User, Kernel time.Duration // of the processor, to the second
}

const (
	miscSize   = 24 // up to what is used
	hasID      = 1  // MINIDUMP_MISC1_*
	hasTimes   = 2
	maxComment = 64 << 10
)

// Process returns what the dump says about the process. The error wraps
// [ErrNoStream] if it has no such stream, or [ErrFormat].
func (f *File) Process() (Process, error) {
	if f.user != nil {
		b, err := f.userEvent()
		if err != nil {
			return Process{}, err
		}
		return Process{ID: le32(b[4:])}, nil
	}
	_, b, err := f.head(MiscInfoStream, miscSize)
	if err != nil {
		return Process{}, err
	}
	var p Process
	flags := le32(b[4:])
	if flags&hasID != 0 {
		p.ID = le32(b[8:])
	}
	if created := le32(b[12:]); flags&hasTimes != 0 && created != 0 {
		p.Created = time.Unix(int64(created), 0).UTC()
		p.Uptime = max(0, f.header.TimeStamp.Sub(p.Created))
		p.User, p.Kernel = time.Duration(le32(b[16:]))*time.Second, time.Duration(le32(b[20:]))*time.Second
	}
	return p, nil
}

// SystemUptime returns how long the system had run: the interrupt time of
// KUSER_SHARED_DATA, where that page was saved, as in full dumps and by programs
// that ask for it. It is 0 where it was not; the error is a [*memsource.Fault].
func (f *File) SystemUptime() (time.Duration, error) {
	// The page is at this address in every process; the time is at 8, its high
	// half twice, which differ while it is being written (KSYSTEM_TIME, ntddk.h).
	const interruptTime = 0x7ffe0008
	if !f.system.Platform.Windows() {
		return 0, fmt.Errorf("system uptime: %w", ErrNoStream)
	}
	var b [12]byte
	if err := memsource.ReadFull(f.Memory(), b[:], interruptTime); err != nil {
		return 0, err
	}
	ticks := uint64(binary.LittleEndian.Uint32(b[4:]))<<32 | uint64(le32(b[:]))
	if le32(b[4:]) != le32(b[8:]) || ticks > maxTicks {
		return 0, fmt.Errorf("minidump: interrupt time %#x: %w", ticks, ErrFormat)
	}
	return time.Duration(ticks) * 100, nil
}

// maxTicks is the longest time of 100 ns units that a Duration holds.
const maxTicks = 1<<63/100 - 1

// Comments returns the comments in the dump, such as those of procdump, up to
// the first NUL, with line feeds as line ends. If a comment cannot be read, the
// error wraps [ErrFormat] and the comments before it are returned.
func (f *File) Comments() ([]string, error) {
	var out []string
	for _, c := range []struct {
		kind   StreamType
		width  int // bytes of a character
		decode func([]byte) string
	}{{CommentStreamA, 1, wtext.FromBytes}, {CommentStreamW, 2, wtext.FromUTF16}} {
		s, err := f.stream(c.kind)
		if err != nil {
			continue
		}
		b, err := f.bytes(c.kind.String(), uint64(s.Offset), uint64(min(s.Size, maxComment)))
		if err != nil {
			return out, err
		}
		if text := comment(b, c.width, c.decode); text != "" {
			out = append(out, text)
		}
	}
	return out, nil
}

// comment decodes the lines of a text, without the carriage returns and the empty
// lines around it.
func comment(b []byte, width int, decode func([]byte) string) string {
	var lines []string
	var line []byte
	for unit := range slices.Chunk(b, width) {
		c := unit[0]
		if len(unit) < width || width == 2 && unit[1] != 0 {
			c = ' ' // no control character
		}
		if c == 0 {
			break
		}
		switch c {
		case '\n':
			lines, line = append(lines, decode(line)), nil
		case '\r':
		default:
			line = append(line, unit...)
		}
	}
	return strings.Trim(strings.Join(append(lines, decode(line)), "\n"), "\n")
}

// threadNameSize is sizeof(MINIDUMP_THREAD_NAME): the thread, and 64 bits of where
// its name is.
const threadNameSize = 12

// ThreadNames checks the list of thread names; [File.Threads] returns the names
// that can be read. The error wraps [ErrNoStream] if there is no list, or
// [ErrFormat] if it is damaged.
func (f *File) ThreadNames() error {
	_, err := f.threadNames()
	return err
}

// threadNames returns the names of threads, of those that can be read, and the first
// error. All of them together are no larger than the file.
func (f *File) threadNames() (map[uint32]string, error) {
	t, failed := f.counted(ThreadNamesStream, threadNameSize, maxThreads)
	if failed != nil {
		return nil, failed
	}
	names, left := map[uint32]string{}, f.size
	for b, err := range f.rows(t) {
		if err != nil {
			return names, cmp.Or(failed, err)
		}
		name, err := f.text(le64(b[4:]), &left)
		if failed = cmp.Or(failed, err); err == nil && name != "" {
			names[le32(b)] = name
		}
	}
	return names, failed
}
