package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// bars are the last lines of a terminal, one for each file on its way. They
// are drawn anew ten times a second. Safe for concurrent use.
type bars struct {
	screen io.Writer
	quit   chan struct{}
	ended  sync.WaitGroup

	mu    sync.Mutex
	all   []*bar
	drawn int // lines on the screen
}

// bar is the line of one file; bars.mu guards it.
type bar struct {
	name        string
	since       time.Time
	done, total int64 // total is -1 when nobody knows
}

const (
	redraw     = 100 * time.Millisecond
	eraseBelow = "\x1b[J" // from the cursor to the end of the screen
)

func newBars(screen io.Writer) *bars {
	b := &bars{screen: screen, quit: make(chan struct{})}
	b.ended.Go(b.run)
	return b
}

func (b *bars) run() {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.above(nil, nil)
		case <-b.quit:
			return
		}
	}
}

func (b *bars) add(name string, since time.Time) *bar {
	one := &bar{name: barName(name), since: since, total: -1}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, one)
	return one
}

func (b *bars) set(one *bar, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one.done, one.total = done, total
}

// remove takes a bar away and returns how many are left.
func (b *bars) remove(one *bar) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.DeleteFunc(b.all, func(other *bar) bool { return other == one })
	return len(b.all)
}

// close gives the screen back, as it was without bars.
func (b *bars) close() {
	close(b.quit)
	b.ended.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = nil
	io.WriteString(b.screen, b.erase())
}

// above writes lines to w, which is on the same screen, and the bars below
// them. With a nil w it only draws the bars.
func (b *bars) above(w io.Writer, lines []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	io.WriteString(b.screen, b.erase())
	if w != nil {
		n, err = w.Write(lines)
	}
	width := b.width()
	for _, one := range b.all {
		io.WriteString(b.screen, one.line(width)+"\n")
	}
	b.drawn = len(b.all)
	return n, err
}

// erase takes the bars off the screen.
func (b *bars) erase() string {
	up := ""
	if b.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA\r", b.drawn)
	}
	b.drawn = 0
	return up + eraseBelow
}

// width is how many columns a line may have without being broken in two.
func (b *bars) width() int {
	if f, ok := b.screen.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 1 {
			return w - 1
		}
	}
	return 79
}

func (one *bar) line(width int) string {
	took := time.Since(one.since)
	speed := float64(one.done) / max(took.Seconds(), 0.001)
	line := one.name + " " + one.gauge() + " " + mib(float64(one.done))
	if one.total >= 0 {
		line += " / " + mib(float64(one.total))
	}
	line += fmt.Sprintf(" %s/s %v", mib(speed), took.Truncate(time.Second))
	return line[:min(len(line), width)] // all of it is ASCII
}

// gauge is how much has come, in ASCII.
func (one *bar) gauge() string {
	const cells = 12
	if one.total <= 0 {
		return "[" + strings.Repeat("?", cells) + "]"
	}
	full := int(min(one.done, one.total) * cells / one.total)
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", cells-full) + "]"
}

func mib(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	for n >= 1024 && len(units) > 1 {
		n, units = n/1024, units[1:]
	}
	return fmt.Sprintf("%.1f %s", n, units[0])
}

// barName makes names one width, and of characters that have one.
func barName(name string) string {
	const width = 22
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	if len(ascii) > width {
		ascii = ascii[:width-3] + "..."
	}
	return fmt.Sprintf("%-*s", width, ascii)
}
