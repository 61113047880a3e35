package fingerprint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/symres/symres/internal/fingerprint"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/pedisk"
	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource/memtest"
)

func load(t testing.TB, file []byte, base uint64) *fingerprint.Image {
	t.Helper()
	r := bytes.NewReader(file)
	h, err := pedisk.ReadHeaders(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	image, err := fingerprint.Load(r, h, base)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// inMemory is a file as the loader has it at base.
func inMemory(t testing.TB, file []byte, base uint64) []byte {
	t.Helper()
	b, err := memtest.Image(file)
	if err == nil {
		b, err = b.At(base)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compare holds the given pages, all when there are none, against a file.
func compare(t testing.TB, file, memory []byte, base uint64, pages ...int) *fingerprint.Result {
	t.Helper()
	c := fingerprint.NewComparer(load(t, file, base))
	if pages == nil {
		c.Add(0, memory)
	}
	for _, n := range pages {
		c.Add(uint64(n)*fingerprint.PageSize, memory[n*fingerprint.PageSize:][:fingerprint.PageSize])
	}
	return c.Result()
}

// picture is one letter a page.
func picture(r *fingerprint.Result) string {
	var b []byte
	for _, p := range r.Pages {
		b = append(b, ".=+X-"[p.State])
	}
	return string(b)
}

func Example() {
	file, err := fixture.Read("wide/x64/wide.sys")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := bytes.NewReader(file)
	headers, err := pedisk.ReadHeaders(r, r.Size())
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := fingerprint.Load(r, headers, 0xfffff80004000000)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := fingerprint.NewComparer(image)
	c.Add(0x1000, file[headers.Sections[0].RawOffset:][:0x2000]) // two pages of code
	result := c.Result()
	fmt.Println(result.Resident, "of", result.Code, "pages,", result.Matched, "match:", result.Verdict(true, true))
	// Output: 2 of 43 pages, 2 match: confirmed
}

// TestCompare_relocated has whole images of every machine at another base: what
// the loader did to the pages is done to the file.
func TestCompare_relocated(t *testing.T) {
	for name, base := range map[string]uint64{"x86": 0xf8420000, "x64": 0xfffff80312340000, "arm": 0x8342f000, "arm64": 0xfffff80712345000} {
		t.Run(name, func(t *testing.T) {
			file := fixture.Bytes(t, "wide/"+name+"/wide.sys")
			memory := inMemory(t, file, base)
			r := compare(t, file, memory, base)
			if r.Differing != 0 || r.Matched != r.Code || r.Code < 38 || r.Verdict(false, false) != fingerprint.Confirmed {
				t.Errorf("%s: %d of %d pages match, %d differ, verdict %v", picture(r), r.Matched, r.Code, r.Differing, r.Verdict(false, false))
			}
			relocated := 0
			for _, p := range r.Pages {
				if p.State == fingerprint.Fixups && p.Reasons&fingerprint.Relocated != 0 {
					relocated++
				}
			}
			if relocated == 0 {
				t.Error("no page was relocated")
			}
			// The same pages at a base that is not theirs.
			if r := compare(t, file, memory, base+0x10000); r.Differing < relocated {
				t.Errorf("at another base: %s, want %d pages that differ", picture(r), relocated)
			}
		})
	}
}

// TestCompare_low_alignment has several sections in a page, some of them not
// comparable.
func TestCompare_low_alignment(t *testing.T) {
	const base = 0xfe0c8000
	file := fixture.Bytes(t, "fs_rec/x86/good/fs_rec.sys")
	memory := inMemory(t, file, base)
	if r := compare(t, file, memory, base); picture(r) != "++" {
		t.Errorf("%s", picture(r))
	}
	for _, c := range []struct {
		name string
		rva  int
		want string
	}{
		{"header", 0x90, "++"}, {"code", 0x300, "X+"}, {"import table", 0x310 + 0x20, "++"}, {"record", 0x478, "X+"},
		{"data", 0x508, "++"}, {"INIT", 0x590, "++"}, {"INIT, second page", 0x1200, "++"}, {"PAGE", 0x1810, "+X"}, {"relocations", 0x1890, "++"},
	} {
		if c.name == "code" {
			c.rva = 0x290
		}
		changed := bytes.Clone(memory)
		changed[c.rva] ^= 0x55
		if r := compare(t, file, changed, base); picture(r) != c.want {
			t.Errorf("%s at %x changed: %s, want %s", c.name, c.rva, picture(r), c.want)
		}
	}
}

func TestCompare_patches(t *testing.T) {
	const base = 0xf8420000
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	for _, c := range []struct {
		name   string
		change func(b []byte)
		state  fingerprint.State
		reason fingerprint.Reason
	}{
		{"nothing", func([]byte) {}, fingerprint.Fixups, fingerprint.Relocated},
		{"breakpoint", func(b []byte) { b[0x1234] = 0xcc }, fingerprint.Fixups, fingerprint.Breakpoint},
		{"hook", func(b []byte) { copy(b[0x1234:], "\xe9\x01\x02\x03\x04") }, fingerprint.Differs, 0},
		{"zeros", func(b []byte) { clear(b[0x1000:0x2000]) }, fingerprint.Skipped, fingerprint.Zeroed},
		{"many INT3", func(b []byte) {
			for i := 0x1200; i < 0x1300; i += 8 {
				b[i] = 0xcc
			}
		}, fingerprint.Differs, 0},
	} {
		memory := bytes.Clone(inMemory(t, file, base))
		c.change(memory)
		p := compare(t, file, memory, base).Pages[1]
		if p.State != c.state || p.Reasons&c.reason != c.reason {
			t.Errorf("%s: %v (%v), want %v (%v)", c.name, p.State, p.Reasons, c.state, c.reason)
		}
		if c.reason == fingerprint.Breakpoint && p.Class != fingerprint.Weak {
			t.Errorf("%s: class %v, want weak", c.name, p.Class)
		}
	}
}

// TestCompare_lock_prefixes patches the prefixes of a page of code as a
// 32-bit kernel does on one processor.
func TestCompare_lock_prefixes(t *testing.T) {
	const base = 0xf8420000
	file := bytes.Clone(fixture.Bytes(t, "wide/x86/wide.sys"))
	h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	code := file[h.Sections[0].RawOffset:]
	code[0x101], code[0x141] = 0xf0, 0x90
	memory := bytes.Clone(inMemory(t, file, base))
	for i, b := range map[int]byte{0x1101: 0x90, 0x1141: 0xf0} {
		if memory[i] != b^0xf0^0x90 {
			t.Skipf("SKIPPED, NOT PASSED: a relocation covers %x; choose another byte", i)
		}
		memory[i] = b
	}
	if p := compare(t, file, memory, base).Pages[1]; p.State != fingerprint.Fixups || p.Reasons&fingerprint.LockPrefix == 0 || p.Class != fingerprint.Weak {
		t.Errorf("%v (%v), class %v", p.State, p.Reasons, p.Class)
	}
}

// counter counts the reads of every byte.
type counter struct {
	io.ReaderAt
	seen []byte
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		c.seen[off+int64(i)]++
	}
	return c.ReaderAt.ReadAt(p, off)
}

// TestComparer_reads_once counts the reads of the file's section bytes: none of
// pages that are not resident, and no byte twice.
func TestComparer_reads_once(t *testing.T) {
	const base = 0xf8420000
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	memory := inMemory(t, file, base)
	r := &counter{bytes.NewReader(file), make([]byte, len(file))}
	h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	image, err := fingerprint.Load(r, h, base)
	if err != nil {
		t.Fatal(err)
	}
	clear(r.seen)
	c := fingerprint.NewComparer(image)
	resident := []int{1, 2, 3, 7, 9, 10, 30, 31, 40}
	for _, n := range resident {
		c.Add(uint64(n)*0x1000, memory[n*0x1000:][:0x800]) // in two pieces
		c.Add(uint64(n)*0x1000+0x800, memory[n*0x1000+0x800:][:0x800])
	}
	if res := c.Result(); res.Matched != len(resident) || res.Differing != 0 {
		t.Errorf("%s: %d match", picture(res), res.Matched)
	}
	total := 0
	for off, n := range r.seen {
		if n > 1 {
			t.Fatalf("the byte at %#x of the file was read %d times", off, n)
		}
		total += int(n)
	}
	const margins = 14 * 9
	if total < len(resident)*0x1000 || total > len(resident)*0x1000+margins {
		t.Errorf("%d bytes read for %d pages", total, len(resident))
	}
}

func TestVerdict(t *testing.T) {
	const base = 0xfffff80312340000
	file := fixture.Bytes(t, "wide/x64/wide.sys")
	memory := inMemory(t, file, base)
	other := bytes.Clone(memory)
	other[0x2345] ^= 1
	for _, c := range []struct {
		name         string
		memory       []byte
		pages        []int
		bound, agree bool
		want         fingerprint.Verdict
	}{
		{"nothing resident, nothing known", memory, []int{0}, false, false, fingerprint.Unverified},
		{"nothing resident, fields agree", memory, []int{0}, false, true, fingerprint.Likely},
		{"one page, nothing binds the file", memory, []int{3}, false, true, fingerprint.Likely},
		{"one page, checksum", memory, []int{3}, true, true, fingerprint.Confirmed},
		{"the data section alone, checksum", memory, []int{0x23}, true, true, fingerprint.Likely},
		{"a page that differs, checksum", other, []int{1, 2, 3}, true, true, fingerprint.Mismatch},
		{"that page away", other, []int{1, 3}, false, true, fingerprint.Likely},
		{"everything", memory, nil, false, false, fingerprint.Confirmed},
	} {
		r := compare(t, file, c.memory, base, c.pages...)
		if got := r.Verdict(c.bound, c.agree); got != c.want {
			t.Errorf("%s: %v (%s), want %v", c.name, got, picture(r), c.want)
		}
	}
}

// TestLoad_refuses has files whose own words make no sense.
func TestLoad_refuses(t *testing.T) {
	file := fixture.Bytes(t, "wide/x86/wide.sys")
	h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	at := int64(0)
	for _, s := range h.Sections {
		if s.Name == ".reloc" {
			at = int64(s.RawOffset)
		}
	}
	for _, c := range []struct {
		name   string
		change func(file []byte, h *peimage.Headers)
		want   error
	}{
		{"relocations stripped", func(_ []byte, h *peimage.Headers) { h.Characteristics |= 1 }, fingerprint.ErrBase},
		{"block of four bytes", func(b []byte, _ *peimage.Headers) { b[at+4] = 4; b[at+5] = 0 }, peimage.ErrFormat},
		{"block beyond the directory", func(b []byte, _ *peimage.Headers) { binary.LittleEndian.PutUint32(b[at+4:], 1<<30) }, peimage.ErrFormat},
		{"unknown kind", func(b []byte, _ *peimage.Headers) { b[at+9] |= 0xf0 }, peimage.ErrFormat},
		{"SizeOfImage", func(_ []byte, h *peimage.Headers) { h.SizeOfImage = 0xffffffff }, peimage.ErrFormat},
	} {
		b, headers := bytes.Clone(file), *h
		c.change(b, &headers)
		if _, err := fingerprint.Load(bytes.NewReader(b), &headers, 0xf8420000); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := fingerprint.Load(bytes.NewReader(file), h, h.ImageBase); err != nil {
		t.Errorf("at its own base: %v", err)
	}
}

// FuzzCompare holds damaged files against the memory of the whole one. Nothing
// that was not resident is judged, and the counts add up.
func FuzzCompare(f *testing.F) {
	f.Add(fixture.Bytes(f, "fs_rec/x86/good/fs_rec.sys"), uint64(0xfe0c8000), uint16(0x3c))
	f.Add(fixture.Bytes(f, "fs_rec/x64/good/fs_rec.sys"), uint64(0xfffff80003a00000), uint16(0x180))
	f.Fuzz(func(t *testing.T, file []byte, base uint64, cut uint16) {
		h, err := pedisk.ReadHeaders(bytes.NewReader(file), int64(len(file)))
		if err != nil || h.SizeOfImage > 1<<22 {
			return
		}
		image, err := fingerprint.Load(bytes.NewReader(file), h, base)
		if err != nil {
			return
		}
		c := fingerprint.NewComparer(image)
		c.Add(uint64(cut), file[min(int(cut), len(file)):])
		r := c.Result()
		seen := 0
		for n, p := range r.Pages {
			in := n*0x1000 < len(file) && (n+1)*0x1000 > int(cut)
			if !in && p.State != fingerprint.Absent {
				t.Fatalf("page %d is not resident and came out as %v", n, p.State)
			}
			if p.Class != fingerprint.Skip && p.State != fingerprint.Absent {
				seen++
			}
			if (p.State == fingerprint.Differs) != (p.Bytes > 0) {
				t.Fatalf("page %d: %+v", n, p)
			}
		}
		if r.Resident != seen || r.Matched+r.Differing > r.Resident || r.Resident > r.Code {
			t.Fatalf("%d resident pages counted, %+v", seen, r)
		}
	})
}
