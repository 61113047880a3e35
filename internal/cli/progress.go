package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/symres/symres/internal/cli/text"
	"github.com/symres/symres/sympath"
)

// progress shows what becomes of files on their way: bars on a terminal, below
// all other lines, and elsewhere lines that are told when their time comes. It
// is safe for concurrent use: searches report from goroutines of their own.
type progress struct {
	screen io.Writer // the terminal, nil elsewhere

	mu       sync.Mutex
	bars     *bars // nil while nothing arrives
	files    map[string]*arrival
	warnings []string
	warned   map[string]bool            // places and what is wrong with them
	pending  map[sympath.Query][]string // what happened before the next attempt
	unkept   map[sympath.Query]bool     // a cache could not keep the file, and none has since
	stories  map[string][]string        // what happened in an attempt, by its location
	reads    map[string]string          // what was read of files where they lie
}

// arrival is a file on its way.
type arrival struct {
	since time.Time
	done  int64
	bar   *bar // nil until it took a while
}

// patience is how long a file may take before a bar is shown for it.
const patience = 300 * time.Millisecond

func newProgress(screen io.Writer) *progress {
	return &progress{
		screen: screen, files: map[string]*arrival{}, warned: map[string]bool{},
		pending: map[sympath.Query][]string{}, unkept: map[sympath.Query]bool{}, stories: map[string][]string{}, reads: map[string]string{},
	}
}

// trace is what stores report to.
func (p *progress) trace() *sympath.Trace { return &sympath.Trace{Attempt: p.attempt, Event: p.event} }

func (p *progress) event(q sympath.Query, e sympath.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case sympath.EventStart:
		if p.files[e.Location] == nil {
			p.files[e.Location] = &arrival{since: time.Now()}
		}
	case sympath.EventProgress:
		p.advance(e)
	case sympath.EventRead:
		if p.files[e.Location] == nil {
			p.files[e.Location] = &arrival{since: time.Now()}
		}
		p.reads[e.Location] = fmt.Sprintf("SYMSRV:  read %s of %s", megabytes(e.Done, e.Total), e.Location)
		p.advance(e)
	case sympath.EventRetry:
		p.delay(q, fmt.Sprintf("SYMSRV:  %s - %v; trying again in %v", e.Location, e.Err, e.Wait.Round(time.Millisecond)))
	case sympath.EventWait:
		p.delay(q, "SYMSRV:  another process is fetching it into "+e.Location)
	case sympath.EventPublish:
		delete(p.unkept, q)
		p.pending[q] = append(p.pending[q], "SYMSRV:  PATH: "+e.Location)
	case sympath.EventQuarantine:
		p.warnings = append(p.warnings, fmt.Sprintf("put away as %s: %v", e.Location, e.Err))
	case sympath.EventWarning:
		p.unkept[q] = true
		if about := e.Location + "\x00" + root(e.Err); !p.warned[about] {
			p.warned[about] = true
			p.warnings = append(p.warnings, fmt.Sprintf("%s: %v", e.Location, e.Err))
		}
	}
}

// megabytes says how much of a file is here.
func megabytes(held, total int64) string {
	return fmt.Sprintf("%.1f of %.0f MB", float64(held)/1e6, float64(total)/1e6)
}

// root is what is wrong, without the names of files: a disk that is full is
// told of once, not for each file that does not go there.
func root(err error) string {
	for err != nil {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
	return ""
}

// delay tells why it takes so long: at once where somebody waits for it.
func (p *progress) delay(q sympath.Query, line string) {
	if p.screen == nil {
		p.pending[q] = append(p.pending[q], line)
		return
	}
	p.write(p.screen, []byte(text.EscapeLine(line)+"\n"))
}

// attempt files what happened under the attempt that it led to.
func (p *progress) attempt(q sympath.Query, a sympath.Attempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	story, word := p.pending[q], "Downloaded successfully"
	if p.unkept[q] {
		word = "Read, and not kept"
	}
	delete(p.pending, q)
	delete(p.unkept, q)
	if f := p.files[a.Location]; f != nil {
		delete(p.files, a.Location)
		p.drop(f)
		if took := time.Since(f.since); a.Status == sympath.StatusFound {
			story = append(story, fmt.Sprintf("SYMSRV:  %s, took %d ms for %d bytes%s.",
				word, took.Milliseconds(), f.done, rate(f.done, took)))
		}
	}
	if len(story) > 0 {
		p.stories[a.Location] = append(p.stories[a.Location], story...)
	}
}

// story returns what happened in an attempt, once.
func (p *progress) story(a sympath.Attempt) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	story := p.stories[a.Location]
	delete(p.stories, a.Location)
	return story
}

// take returns the warnings, once.
func (p *progress) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.warnings
	p.warnings = nil
	return all
}

// advance moves the bar of a file, or makes it when the file takes long.
func (p *progress) advance(e sympath.Event) {
	f := p.files[e.Location]
	if f == nil {
		return
	}
	f.done = e.Done
	if p.screen == nil || f.bar == nil && time.Since(f.since) < patience {
		return
	}
	if p.bars == nil {
		p.bars = newBars(p.screen)
	}
	if f.bar == nil {
		f.bar = p.bars.add(lastPart(e.Location), f.since)
	}
	p.bars.set(f.bar, e.Done, e.Total)
}

// rate is the bytes a second of what took long enough to say so.
func rate(n int64, took time.Duration) string {
	if took < 100*time.Millisecond {
		return ""
	}
	return ", " + byteCount(int64(float64(n)/took.Seconds())) + "/s"
}

// drop takes a bar off the screen; the last one gives the screen back.
func (p *progress) drop(f *arrival) {
	if f.bar == nil {
		return
	}
	if p.bars.remove(f.bar) == 0 {
		p.bars.close()
		p.bars = nil
	}
}

// stop gives the screen back, and returns what was read of files where they lie.
func (p *progress) stop() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for location, f := range p.files {
		delete(p.files, location)
		p.drop(f)
	}
	return slices.Sorted(maps.Values(p.reads))
}

// over is w for lines that bars must not write over.
func (p *progress) over(w io.Writer) io.Writer { return above{p, w} }

type above struct {
	*progress
	w io.Writer
}

func (a above) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.write(a.w, b)
}

// write writes lines above the bars, or to w where there are none.
func (p *progress) write(w io.Writer, b []byte) (int, error) {
	if p.bars != nil {
		return p.bars.above(w, b)
	}
	return w.Write(b)
}
