package vadmath_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/vadmath"
)

func parse(text string) (entries []vadmath.Entry, errs []error) {
	for e, err := range vadmath.ParseListing(strings.NewReader(text)) {
		if err != nil {
			errs = append(errs, err)
		} else {
			entries = append(entries, e)
		}
	}
	return entries, errs
}

// In the form the page on paged-out PEBs prints, an IA-64 target.
const ia64Listing = `3: kd> !vad e000012601a35e70
VAD             level      start      end    commit
e0000126019f9790 ( 6)      3fff0    3fff7        -1 Private      READONLY
e000012601be1080 ( 7)   37d9bd30 37d9bd3e         2 Mapped  Exe  EXECUTE_WRITECOPY  <-- these are DLLs
e000012601acba20 (12)   37d9bec0 37d9bece         2 Mapped  Exe  EXECUTE_WRITECOPY
e000012601acba80 ( 8)   37d9c910 37d9c924         3 Mapped  Exe  EXECUTE_WRITECOPY

Total VADs:   201  average level:    8  maximum depth: 16
3: kd> ? 37d9bd3e-37d9bd30+1      <-- computes the number of pages
Evaluate expression: 15 = 00000000` + "`" + `0000000f
`

const ia64Block = `3: kd> !vad e000012601be1080 1

VAD @ e000012601be1080
  Start VPN:      37d9bd30  End VPN: 37d9bd3e  Control Area:  e00001260197b8d0
  First ProtoPte: e0000006013e00a0  Last PTE fffffffffffffffc  Commit Charge         2 (2.)
  Secured.Flink          0  Blink           0  Banked/Extend:        0
  File Offset   0
   ImageMap ViewShare EXECUTE_WRITECOPY

ControlArea @ e00001260197b8d0
        File: \Windows\System32\ExplorerFrame.dll
3: kd> dd 82741bf8
`

func TestParseListing_olderDebuggers(t *testing.T) {
	got, errs := parse(ia64Listing)
	want := []vadmath.Entry{
		{Address: 0xe0000126019f9790, Level: 6, Pages: vadmath.Pages{Start: 0x3fff0, End: 0x3fff7}, Commit: -1,
			Type: vadmath.TypePrivate, Protection: "READONLY", Line: 3},
		{Address: 0xe000012601be1080, Level: 7, Pages: vadmath.Pages{Start: 0x37d9bd30, End: 0x37d9bd3e}, Commit: 2,
			Type: vadmath.TypeImage, Protection: "EXECUTE_WRITECOPY", Line: 4},
		{Address: 0xe000012601acba20, Level: 12, Pages: vadmath.Pages{Start: 0x37d9bec0, End: 0x37d9bece}, Commit: 2,
			Type: vadmath.TypeImage, Protection: "EXECUTE_WRITECOPY", Line: 5},
		{Address: 0xe000012601acba80, Level: 8, Pages: vadmath.Pages{Start: 0x37d9c910, End: 0x37d9c924}, Commit: 3,
			Type: vadmath.TypeImage, Protection: "EXECUTE_WRITECOPY", Line: 6},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(errs) > 0 {
		t.Errorf("errors %v, entries (-want +got)\n%s", errs, diff)
	}
	var reload []string
	for _, e := range got {
		r, err := e.Reload(vadmath.Page8K)
		reload = append(reload, fmt.Sprintf("%s %v", r, err))
	}
	const commands = ".reload /f =00000000`7ffe0000,10000 <nil>|.reload /f =000006fb`37a60000,1e000 <nil>|" +
		".reload /f =000006fb`37d80000,1e000 <nil>|.reload /f =000006fb`39220000,2a000 <nil>"
	if strings.Join(reload, "|") != commands {
		t.Errorf("commands %s", strings.Join(reload, "|"))
	}
}

func TestParseListing_newerDebuggers(t *testing.T) {
	const text = `VAD             Level         Start             End              Commit
ffffdf02ef26f440  8           7ffe0           7ffe0               1 Private      READONLY
ffffe78d3f154d80  4       7ff5e30b0       7ff5e30b0               0 Mapped         READONLY           Pagefile section, shared commit 0x1
ffffe78d3f14c5e0  0       7ffdc7590       7ffdc7787              16 Mapped  Exe    EXECUTE_WRITECOPY  \Windows\System32\ntdll.dll` + "\r" + `
ffffe78d3f14c5e1  4       7ffdc7590       7ffdc7787               3 Mapped         READWRITE WRITECOMBINE \Program Files (x86)\a b\c.dat
ffffe78d3f14c5e2  5           10000           1ffff               0 Private Phys   NO_ACCESS

Total VADs: 27, average level: 4, maximum depth: 4
Total private commit: 0x49 pages (292 KB)
`
	got, errs := parse(text)
	var lines []string
	for _, e := range got {
		lines = append(lines, fmt.Sprintf("%d %x-%x %d %s %q %q %q %q", e.Level, uint64(e.Pages.Start), uint64(e.Pages.End),
			e.Commit, e.Type, e.Protection, e.File, e.Image(), e.Note))
	}
	want := []string{
		`8 7ffe0-7ffe0 1 private "READONLY" "" "" ""`,
		`4 7ff5e30b0-7ff5e30b0 0 mapped "READONLY" "" "" "Pagefile section, shared commit 0x1"`,
		`0 7ffdc7590-7ffdc7787 16 image "EXECUTE_WRITECOPY" "\\Windows\\System32\\ntdll.dll" "ntdll.dll" ""`,
		`4 7ffdc7590-7ffdc7787 3 mapped "READWRITE WRITECOMBINE" "\\Program Files (x86)\\a b\\c.dat" "c.dat" ""`,
		`5 10000-1ffff 0 private "NO_ACCESS" "" "" ""`,
	}
	if diff := cmp.Diff(want, lines); diff != "" || len(errs) > 0 {
		t.Errorf("errors %v, entries (-want +got)\n%s", errs, diff)
	}
	if r, err := got[2].Reload(vadmath.Page4K); err != nil || r.String() != ".reload /f ntdll.dll=00007ffd`c7590000,1f8000" {
		t.Errorf("command %s, %v", r, err)
	}
}

func TestParseListing_block(t *testing.T) {
	got, errs := parse(ia64Block)
	want := []vadmath.Entry{{
		Address: 0xe000012601be1080, Pages: vadmath.Pages{Start: 0x37d9bd30, End: 0x37d9bd3e}, Commit: 2,
		Type: vadmath.TypeImage, View: vadmath.ViewShare, Protection: "EXECUTE_WRITECOPY", File: `\Windows\System32\ExplorerFrame.dll`, Line: 3,
	}}
	if diff := cmp.Diff(want, got); diff != "" || len(errs) > 0 {
		t.Fatalf("errors %v, entries (-want +got)\n%s", errs, diff)
	}
	r, err := got[0].Reload(vadmath.Page8K)
	if err != nil || r.String() != ".reload /f ExplorerFrame.dll=000006fb`37a60000,1e000" || r.Warnings() != nil {
		t.Errorf("command %s, %v, warnings %v", r, err, r.Warnings())
	}
}

func TestParseListing_newerBlock(t *testing.T) {
	const text = "kd> !vad 7f78e9e000f 1\n" + `VAD @ ffffe000012a4b10
  Start VPN        7f78e9e0  End VPN        7f78ea11  Control Area  ffffe00001b2c3d0
  FirstProtoPte ffffc00002a3b4c0  LastPte fffffffffffffffc  Commit Charge         1f (0n31)
   ImageMap ViewShare EXECUTE_WRITECOPY
ControlArea  @ ffffe00001b2c3d0
  Flags (a0) Image File

      \Windows\System32\notepad.exe

Segment @ ffffc00002a3b000
Reload command: .reload notepad.exe=000007f7` + "`" + `8e9e0000,32000
Start VPN: 10 End VPN: 11
`
	got, errs := parse(text)
	if len(got) != 2 || len(errs) != 0 {
		t.Fatalf("%d entries, %v", len(got), errs)
	}
	e := got[0]
	if e.Image() != "notepad.exe" || e.Type != vadmath.TypeImage || e.Commit != 0x1f || e.Command.Size != 0x32000 {
		t.Errorf("entry %+v", e)
	}
	if s, ok := e.PageSize(); s != vadmath.Page4K || !ok {
		t.Errorf("page size %#x, %v", s, ok)
	}
	if r, err := e.Reload(vadmath.Page4K); err != nil || r.Base != e.Command.Base || r.Size != e.Command.Size {
		t.Errorf("computed %v, %v; the debugger printed %v", r, err, e.Command)
	}
	if _, ok := got[1].PageSize(); ok || got[1].Pages != (vadmath.Pages{Start: 0x10, End: 0x11}) || got[1].Line != 13 {
		t.Errorf("block without its first line: %+v", got[1])
	}
}

func TestParseListing_errors(t *testing.T) {
	const header = "VAD     level      start      end    commit\n"
	for _, c := range []struct {
		name, text string
		line       int
		want       error
	}{
		{"reversed", header + "82741bf8 ( 1)  78045  78000  8 Mapped  Exe  EXECUTE_WRITECOPY", 2, vadmath.ErrReversed},
		{"number over 64 bits", header + "82741bf8 ( 1)  12345678123456781  1 8 Private", 2, vadmath.ErrOverflow},
		{"cut off", header + "82741bf8 ( 1)  78000  7", 2, vadmath.ErrReversed},
		{"not a number", header + "82741bf8 ( 1)  78000  7804x  8 Private", 2, vadmath.ErrSyntax},
		{"unknown type", header + "82741bf8 ( 1)  78000  78045  8 Stolen", 2, vadmath.ErrSyntax},
		{"commit", header + "82741bf8 ( 1)  78000  78045  8x Private", 2, vadmath.ErrSyntax},
		{"level", "82741bf8 (99999999999)  78000  78045  8 Private", 1, vadmath.ErrOverflow},
		{"block without VPNs", "VAD @ e000012601be1080\n File: \\a.dll\n", 1, vadmath.ErrSyntax},
		{"block with one VPN", "\nVAD @ e000012601be1080\n Start VPN: 1\n", 2, vadmath.ErrSyntax},
		{"reversed block", "Start VPN: 2 End VPN: 1", 1, vadmath.ErrReversed},
		{"bad command", "Start VPN: 1 End VPN: 2\nReload command: .reload x", 1, nil},
		{"bad VPN in block", "Start VPN: 1x End VPN: 2", 1, vadmath.ErrSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			const good = "\n\n" + header + "82741bf9 ( 1)  78000  78045  8 Mapped  Exe  EXECUTE_WRITECOPY\n"
			entries, errs := parse(c.text + good)
			if n := len(entries); n == 0 || entries[n-1].Address != 0x82741bf9 {
				t.Errorf("entries %v: the row after the damage is lost", entries)
			}
			if c.want == nil {
				if len(errs) != 0 {
					t.Errorf("errors %v", errs)
				}
				return
			}
			var le *vadmath.ListingError
			if len(errs) != 1 || !errors.As(errs[0], &le) || !errors.Is(errs[0], c.want) || le.Line != c.line {
				t.Errorf("errors %v, want one on line %d: %v", errs, c.line, c.want)
			}
		})
	}
}

func TestParseListing_nothingFound(t *testing.T) {
	for _, text := range []string{
		"", "hello\nworld\n", "82741bf8  00000001 00000002 00000003 00000004\n", "VAD level start end commit\n",
		"3: kd> dd 1000\n00001000  1 2 3 4 5 6\n",
	} {
		entries, errs := parse(text)
		if len(entries) != 0 || len(errs) != 1 || !errors.Is(errs[0], vadmath.ErrNoEntries) {
			t.Errorf("%q: %v, %v", text, entries, errs)
		}
	}
}

func TestParseListing_readError(t *testing.T) {
	broken := errors.New("broken pipe")
	r := io.MultiReader(strings.NewReader("82741bf8 ( 1) 1 2 8 Private\n"), iotest.ErrReader(broken))
	n := 0
	var last error
	for _, err := range vadmath.ParseListing(r) {
		n++
		last = err
	}
	if n != 2 || !errors.Is(last, broken) {
		t.Errorf("%d values, last error %v", n, last)
	}
}

func TestParseListing_longLines(t *testing.T) {
	row := "ffffe78d3f14c5e0  4  10  11  0 Mapped  Exe  EXECUTE_WRITECOPY  \\"
	entries, errs := parse(row + strings.Repeat("a", 1<<20) + "\n" + row + "b.dll\n")
	if len(entries) != 2 || len(errs) != 0 || len(entries[0].File) > 64<<10 || entries[1].Image() != "b.dll" {
		t.Errorf("%d entries, errors %v", len(entries), errs)
	}
}

func TestParseListing_stops(t *testing.T) {
	for range vadmath.ParseListing(strings.NewReader(ia64Listing + ia64Block)) {
		break // a sequence that went on would panic
	}
}

func TestMerge(t *testing.T) {
	entries, errs := parse(ia64Listing + ia64Block)
	if len(entries) != 5 || len(errs) != 0 {
		t.Fatalf("%d entries, %v", len(entries), errs)
	}
	merged := vadmath.Merge(entries)
	if len(merged) != 4 || merged[1].Image() != "ExplorerFrame.dll" || merged[1].Level != 7 || merged[2].Image() != "" {
		t.Errorf("merged %+v", merged)
	}
}

func FuzzParseListing(f *testing.F) {
	f.Add(ia64Listing)
	f.Add(ia64Block)
	f.Add("VAD Level Start End Commit\nffffe78d3f154d80  4 7ff5e30b0 7ff5e30b0 0 Mapped READONLY Pagefile section, shared commit 0x1\n")
	f.Add("VAD @ 1\nStart VPN 1 End VPN 2\nReload command: .reload a=1,2\n")
	f.Add("82741bf8 (99999999999)  78000  78045  8 Private")
	f.Fuzz(func(t *testing.T, text string) {
		last, n := 0, 0
		for e, err := range vadmath.ParseListing(strings.NewReader(text)) {
			n++
			if err != nil {
				continue
			}
			if e.Line <= last || e.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("entry of line %d after one of line %d", e.Line, last)
			}
			last = e.Line
			if e.Pages.End < e.Pages.Start || len(e.File) > len(text) {
				t.Fatalf("entry %+v", e)
			}
			checkReload(t, e)
		}
		if n == 0 {
			t.Fatal("neither an entry nor the reason why not")
		}
	})
}

// checkReload compares the command with the pages by another arithmetic.
func checkReload(t *testing.T, e vadmath.Entry) {
	r, err := e.Reload(vadmath.Page8K)
	if err != nil {
		if e.Pages.End < 1<<51-1 {
			t.Fatalf("%x: %v", e.Pages, err)
		}
		return
	}
	if r.Base>>13 != uint64(e.Pages.Start) || (r.Base+(r.Size-1))>>13 != uint64(e.Pages.End) {
		t.Fatalf("%x gives %s", e.Pages, r)
	}
}
