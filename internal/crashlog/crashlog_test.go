package crashlog_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/crashlog"
)

// known are the modules of the tests.
func known(name []byte) bool {
	switch strings.ToLower(string(name)) {
	case "app", "app.exe", "chrome.dll", "ntdll.dll", "ntdll", "docker desktop.exe", "xul.dll", "nt", "mshtml.dll":
		return true
	}
	return false
}

// named is what a reference is called in the tests.
func named(r crashlog.Ref) []byte {
	b := fmt.Appendf(nil, "<%s", r.Module)
	if r.Symbol != "" {
		b = fmt.Appendf(b, "!%s", r.Symbol)
	}
	if b = fmt.Appendf(b, "+%x", r.Offset); r.Stamp != 0 {
		b = fmt.Appendf(b, " of %x", r.Stamp)
	}
	return append(b, '>')
}

// filtered runs a log through a filter in pieces of n bytes, 0 for all at once.
func filtered(t *testing.T, log []byte, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	f := crashlog.Filter{
		Scanner: crashlog.Scanner{Known: known},
		Name: func(refs []crashlog.Ref) ([][]byte, error) {
			names := make([][]byte, len(refs))
			for i, r := range refs {
				names[i] = named(r)
			}
			return names, nil
		},
		Out: func(b []byte) error { out.Write(b); return nil },
	}
	for len(log) > 0 {
		piece := log
		if n > 0 {
			piece = log[:min(n, len(log))]
		}
		if err := f.Write(bytes.Clone(piece)); err != nil {
			t.Fatal(err)
		}
		log = log[len(piece):]
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// forms are lines as programs write them, and what is named of them.
var forms = map[string]string{
	// addresses
	"at 0x7ff6a1b2c3d4.":                      "at 0x7ff6a1b2c3d4<+7ff6a1b2c3d4>.",
	"at 0X00007FF6A1B2C3D4,":                  "at 0X00007FF6A1B2C3D4<+7ff6a1b2c3d4>,",
	"00007ff6`a1b2c3d4 7ff6`a1b2c3d4":         "00007ff6`a1b2c3d4<+7ff6a1b2c3d4> 7ff6`a1b2c3d4<+7ff6a1b2c3d4>",
	"eip=fe0c8582 esp=00000000":               "eip=fe0c8582<+fe0c8582> esp=00000000<+0>",
	"02edfe6c:  ba53fbbb  80512345":           "02edfe6c<+2edfe6c>:  ba53fbbb<+ba53fbbb>  80512345<+80512345>",
	"<0x0000000000670830 <runtime.f+0x30>":    "<0x0000000000670830<+670830> <runtime.f+0x30>",
	"é0x401000é \xff00401000\xff":             "é0x401000<+401000>é \xff00401000<+401000>\xff",
	`{"pc":"0x00007ff6a1b2c3d4","symbol":""}`: `{"pc":"0x00007ff6a1b2c3d4<+7ff6a1b2c3d4>","symbol":""}`,

	"\xef\xbb\xbfapp+0x10": "\xef\xbb\xbfapp+0x10<app+10>",

	// what looks like one
	"{C4D7561A-41E1-8A21-4C4C-44205044422E}":       "{C4D7561A-41E1-8A21-4C4C-44205044422E}",
	"20261201 12345678 1701388800123456":           "20261201 12345678 1701388800123456",
	"id 0x7ff6a1b2 time stamp: 0x5d6f8f0c":         "id 0x7ff6a1b2 time stamp: 0x5d6f8f0c",
	"code=0x80000003 Exception code: 0xc0000005":   "code=0x80000003 Exception code: 0xc0000005",
	"C:\\x\\00401000\\y.00401000 00401000.dll":     "C:\\x\\00401000\\y.00401000 00401000.dll",
	"0x 0xg 0x123456789abcdef01 deadbee deadbeefe": "0x 0xg 0x123456789abcdef01 deadbee deadbeefe",
	"f-0x10 a0x401000 0x401000_":                   "f-0x10 a0x401000 0x401000_",

	// modules and symbols
	"app+0x10 C:\\Program Files\\App.exe+0x1A2b":  "app+0x10<app+10> C:\\Program Files\\App.exe+0x1A2b<App.exe+1a2b>",
	" 3  chrome.dll + 0x29ea39":                   " 3  chrome.dll + 0x29ea39<chrome.dll+29ea39>",
	" 4  other.dll + 0x29ea39 bar+0x1":            " 4  other.dll + 0x29ea39 bar+0x1",
	"in Docker Desktop.exe+0x9":                   "in Docker Desktop.exe+0x9<Docker Desktop.exe+9>",
	"#01: ???[C:\\ff\\xul.dll +0x6B1A4A]":         "#01: ???[C:\\ff\\xul.dll +0x6B1A4A<xul.dll+6b1a4a>]",
	"xul.dll@0x12ab | xul.dll@0x3":                "xul.dll@0x12ab<xul.dll+12ab> | xul.dll@0x3<xul.dll+3>",
	"0|3|chrome.dll||||0x29ea39":                  "0|3|chrome.dll||||0x29ea39<chrome.dll+29ea39>",
	"0|3|chrome.dll|f|f.cc|3|0x29":                "0|3|chrome.dll|f|f.cc|3|0x29",
	"nt!KeBugCheckEx+0x107":                       "nt!KeBugCheckEx+0x107<nt!KeBugCheckEx+107>",
	"app!v<int, char (*)(int)>::f+0x3, say!x+0x1": "app!v<int, char (*)(int)>::f+0x3<app!v<int, char (*)(int)>::f+3>, say!x+0x1",

	// Chromium, Node, Go, Rust
	"\t(No symbol) [0x00007FF6B35F91BA]":                                       "\t(No symbol) [0x00007FF6B35F91BA<+7ff6b35f91ba>]",
	"\tGetHandleVerifier [0x0x7ff6f19a1eb5+80197]":                             "\tGetHandleVerifier [0x0x7ff6f19a1eb5+80197<+7ff6f19a1eb5>]",
	"f [0x6c30ae5a+0x23a] (C:\\f.cc:12)":                                       "f [0x6c30ae5a+0x23a<+6c30ae5a>] (C:\\f.cc:12)",
	`Stacktrace:\n\t(No symbol) [0x00675358]\n`:                                `Stacktrace:\n\t(No symbol) [0x00675358<+675358>]\n`,
	" 1: 00007FF763CCC36F node::OnFatalError+1343":                             " 1: 00007FF763CCC36F<+7ff763ccc36f> node::OnFatalError+1343",
	"PC=0x7ff6a1b2c3d4 m=0 sigcode=0":                                          "PC=0x7ff6a1b2c3d4<+7ff6a1b2c3d4> m=0 sigcode=0",
	"\tC:/go/cgocall.go:157 +0x4a fp=0xc000121a80 sp=0xc000121a48 pc=0xb0434a": "\tC:/go/cgocall.go:157 +0x4a fp=0xc000121a80<+c000121a80> sp=0xc000121a48<+c000121a48> pc=0xb0434a<+b0434a>",
	"   0:     0x7ff732d4681e - <unknown>":                                     "   0:     0x7ff732d4681e<+7ff732d4681e> - <unknown>",

	// events of Windows
	"Faulting module name: ntdll.dll, version: 10.0.1.1, time stamp: 0x5d6f8f0c\r\nException code: 0xc0000005\r\nFault offset: 0x0000000000012345\r\n": "Faulting module name: ntdll.dll, version: 10.0.1.1, time stamp: 0x5d6f8f0c\r\nException code: 0xc0000005\r\nFault offset: 0x0000000000012345<ntdll.dll+12345 of 5d6f8f0c>\r\n",
	"Faulting module name: ntdll.dll, version: 1, Fault offset: 0x12345, Faulting process id: 0x1414":                                                  "Faulting module name: ntdll.dll, version: 1, Fault offset: 0x12345<ntdll.dll+12345>, Faulting process id: 0x1414",
	`"Faulting module name: ntdll.dll, version: 1, time stamp: 0x8fd91b1c\r\nException code: 0xc0000005\r\nFault offset: 0x000bd2f1\r\n"`:              `"Faulting module name: ntdll.dll, version: 1, time stamp: 0x8fd91b1c\r\nException code: 0xc0000005\r\nFault offset: 0x000bd2f1<ntdll.dll+bd2f1 of 8fd91b1c>\r\n"`,
	"Faulting application iexplore.exe, version 6.0, faulting module mshtml.dll, version 6.0, fault address 0x000a5c4e.":                               "Faulting application iexplore.exe, version 6.0, faulting module mshtml.dll, version 6.0, fault address 0x000a5c4e<mshtml.dll+a5c4e>.",
	"Faulting module name: unknown, version: 0.0.0.0, time stamp: 0x00000000\nFault offset: 0x00007ff6a1b2c3d4":                                        "Faulting module name: unknown, version: 0.0.0.0, time stamp: 0x00000000\nFault offset: 0x00007ff6a1b2c3d4<+7ff6a1b2c3d4>",
	"Event Name: APPCRASH\nP1: app.exe\nP4: ntdll.dll\nP5: 6.1\nP6: 4e211485\nP7: c0000005\nP8: 0000b9bc\nP9: \n":                                      "Event Name: APPCRASH\nP1: app.exe\nP4: ntdll.dll\nP5: 6.1\nP6: 4e211485\nP7: c0000005\nP8: 0000b9bc<ntdll.dll+b9bc of 4e211485>\nP9: \n",
	"Event Name: BEX64\nP4: ntdll.dll\nP7: 0000b9bc\nP8: c0000409\n":                                                                                   "Event Name: BEX64\nP4: ntdll.dll\nP7: 0000b9bc<ntdll.dll+b9bc>\nP8: c0000409\n",
	"  Fault Module Name:\tntdll.dll\n  Fault Module Timestamp:\t4a5bdadb\n  Exception Offset:\t000000000005305d\n":                                    "  Fault Module Name:\tntdll.dll\n  Fault Module Timestamp:\t4a5bdadb\n  Exception Offset:\t000000000005305d<ntdll.dll+5305d of 4a5bdadb>\n",
	"Fault offset: 0x12345": "Fault offset: 0x12345",
}

// TestForms: each form is found, with the place its name goes to, however it is cut.
func TestForms(t *testing.T) {
	for log, want := range forms {
		for _, n := range []int{0, 1, 7} {
			if diff := cmp.Diff(want, string(filtered(t, []byte(log), n))); diff != "" {
				t.Errorf("%q in pieces of %d: %s", log, n, diff)
			}
		}
		if diff := cmp.Diff(utf16LE(want), filtered(t, utf16LE(log), 3)); diff != "" && !strings.Contains(log, "\xff") {
			t.Errorf("%q in UTF-16: %s", log, diff)
		}
	}
}

func utf16LE(s string) []byte {
	b := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// TestEvents: the fields of one event belong together, those of two do not.
func TestEvents(t *testing.T) {
	between := strings.Repeat("another line of a log\n", 200)
	for name, log := range map[string]string{
		"far apart": "Faulting module name: ntdll.dll, version: 1\n" + between + "Fault offset: 0x12345\n",
		"another":   "Faulting module name: ntdll.dll\nFaulting application name: x\nFault offset: 0x12345\n",
		"no crash":  "Event Name: CLR20r3\nP4: ntdll.dll\nP8: 12\n",
	} {
		if got := filtered(t, []byte(log), 0); string(got) != log {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestLongLines: a line may be as long as a log; only the last piece of it is held.
func TestLongLines(t *testing.T) {
	log := strings.Repeat("word 0x7ff6a1b2c3d4 app+0x10 ", 40_000) + strings.Repeat("f", 300_000) + " ntdll.dll+0x1"
	whole := filtered(t, []byte(log), 0)
	if n := bytes.Count(whole, []byte("<")); n != 80_001 {
		t.Errorf("%d references, want 80001", n)
	}
	if got := filtered(t, []byte(log), 999); !bytes.Equal(got, whole) {
		t.Error("in pieces it is another text")
	}
	held := 0
	f := crashlog.Filter{Name: func(r []crashlog.Ref) ([][]byte, error) { return make([][]byte, len(r)), nil },
		Out: func(b []byte) error { held -= len(b); return nil }}
	for range 1000 {
		if err := f.Write(bytes.Repeat([]byte("x"), 10_000)); err != nil {
			t.Fatal(err)
		}
		if held += 10_000; held > 100_000 {
			t.Fatalf("%d bytes are held", held)
		}
	}
}

// TestFind: references of a text of its own, in their order.
func TestFind(t *testing.T) {
	s := crashlog.Scanner{Known: known}
	got := s.Find([]byte("app+0x10 at 0x7ff6a1b2c3d4"))
	want := []crashlog.Ref{{Start: 0, End: 8, Module: "app", Offset: 0x10}, {Start: 12, End: 26, Offset: 0x7ff6a1b2c3d4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func ExampleFilter() {
	f := crashlog.Filter{
		Scanner: crashlog.Scanner{Known: func(name []byte) bool { return string(name) == "app.exe" }},
		Name: func(refs []crashlog.Ref) ([][]byte, error) {
			names := make([][]byte, len(refs))
			for i, r := range refs {
				names[i] = fmt.Appendf(nil, " (%s!main+0x%x)", r.Module, r.Offset-0x1000)
			}
			return names, nil
		},
		Out: func(text []byte) error {
			_, err := os.Stdout.Write(text)
			return err
		},
	}
	fmt.Println(f.Write([]byte("crash in app.exe+0x10")), f.Write([]byte("1a, code 0xc0000005\n")), f.Close())
	// Output:
	// crash in app.exe+0x101a (app.exe!main+0x1a), code 0xc0000005
	// <nil> <nil> <nil>
}

// FuzzFilter: whatever the bytes are, those of the log come out, in their order and
// with nothing between them but names; and it does not matter how they came in.
func FuzzFilter(f *testing.F) {
	for log := range forms {
		f.Add([]byte(log), uint8(5))
	}
	f.Add(utf16LE("at 0x7ff6a1b2c3d4\r\n"), uint8(3))
	f.Add([]byte("\xff\xfe0\x00x"), uint8(1))
	f.Add([]byte("app+0x10 \x00\x00\xff\xc3\x28 0x401000\x00"), uint8(2))
	f.Add(append(bytes.Repeat([]byte("a"), 1500), " app+0x1 0x7ff6`a1b2c3d4"...), uint8(200))
	f.Fuzz(func(t *testing.T, log []byte, n uint8) {
		if len(log) < 4096 && n > 0 { // long lines are cut before they are whole
			log = bytes.Repeat(append(bytes.Clone(log), ' '), 1+int(n)*40/(len(log)+1))
		}
		out := filtered(t, log, 0)
		if again := filtered(t, log, int(n)+1); !bytes.Equal(out, again) {
			t.Fatalf("in pieces of %d: %q\nwhole: %q", n, again, out)
		}
		mark := []byte("\x01<name>")
		var kept bytes.Buffer
		fl := crashlog.Filter{
			Scanner: crashlog.Scanner{Known: known},
			Name: func(refs []crashlog.Ref) ([][]byte, error) {
				names := make([][]byte, len(refs))
				last := 0
				for i, r := range refs {
					if r.Start < last || r.End <= r.Start {
						t.Fatalf("reference %+v begins before %d", r, last)
					}
					names[i], last = mark, r.End
				}
				return names, nil
			},
			Out: func(b []byte) error {
				if !bytes.Equal(b, mark) && string(b) != string(utf16LE(string(mark))[2:]) {
					kept.Write(b)
				}
				return nil
			},
		}
		if err := fl.Write(log); err != nil {
			t.Fatal(err)
		}
		if err := fl.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(kept.Bytes(), log) {
			t.Fatalf("%q became %q", log, kept.Bytes())
		}
	})
}

// BenchmarkFilter: a log with an address in every tenth line.
func BenchmarkFilter(b *testing.B) {
	line := "2026-12-01 01:02:03.456 INFO [worker-7] request 8f14e45fceea167a5a36dedd4bea2543 done in 17 ms, fine\n"
	log := []byte(strings.Repeat(strings.Repeat(line, 9)+"   3:     0x7ff6a1b2c3d4 - app+0x1234\n", 1000))
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		found := 0
		f := crashlog.Filter{Scanner: crashlog.Scanner{Known: known}, Out: func([]byte) error { return nil },
			Name: func(r []crashlog.Ref) ([][]byte, error) { found += len(r); return make([][]byte, len(r)), nil }}
		if err := f.Write(log); err != nil || f.Close() != nil || found != 2000 {
			b.Fatal(err, found)
		}
	}
}
