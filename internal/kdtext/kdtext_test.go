package kdtext_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres/internal/kdtext"
)

// transcript has the forms of the lines, with numbers of our own.
const transcript = `
kd> .process
Implicit process is now fffffa80` + "`" + `00001000
kd> lm
start             end                 module name
00000000` + "`" + `10000000 00000000` + "`" + `10002000   one      T (no symbols)           
fffff800` + "`" + `02a00000 fffff800` + "`" + `02a05000   nt         (private pdb symbols)  z:\s1\ntkrnlmp.pdb

Unloaded modules:
fffff880` + "`" + `01800000 fffff880` + "`" + `0180e000   two.sys
kd> !vad fffffa8000002000
fffffa8000002000 ( 0)         10       1f         3 Mapped  Exe  EXECUTE_WRITECOPY  \one.dll

Total VADs:     1  average level:    1  maximum depth: 0
kd> !pte 7fffffde000
contains 0000000000192067  contains 0000123600000080
pfn 192       ---DA--UWEV  not valid
                            PageFile:  0
                            Offset: 1236
kd> !thread
    THREAD fffffa8000003000  Cid 0b50.0b54  Teb: 0000000000000000 Win32Thread: 0000000000000000 WAIT: (x) y
        fffff880` + "`" + `03a0cc70 fffff800` + "`" + `02a01099 : 0 0 0 0 : nt!One+0xc
`

func ExampleParse() {
	fmt.Printf("%s", kdtext.Parse(transcript).Marshal())
	// Output:
	// frame fffffa8000003000 00	fffff88003a0cc70 fffff80002a01099 nt!One+0xc
	// module fffff80002a00000	fffff80002a05000 nt
	// module fffff80002a00000 symbols	private pdb symbols
	// pte fffffa8000001000 7fffffde000	pagefile 0 1236
	// pte fffffa8000001000 7fffffde000 contents	123600000080
	// thread fffffa8000003000	b50 b54 0 WAIT
	// unloaded fffff88001800000	fffff8800180e000 two.sys
	// user fffffa8000001000 10000000	10002000 one
	// user fffffa8000001000 10000000 symbols	no symbols
	// vad fffffa8000002000	0 10 1f 3 MappedExe EXECUTE_WRITECOPY \one.dll
	// vads fffffa8000002000	1 1 0
}

func TestDiff(t *testing.T) {
	a, b := kdtext.Facts{"module 1": "x", "module 2": "y"}, kdtext.Facts{"module 1": "x", "module 2": "z", "vad 3": "w"}
	got := kdtext.Diff(a, b, []kdtext.Reason{{Key: "vad *"}, {Key: "module"}})
	if want := []string{`module 2: "y", "z"`, "module: nothing differs there any more"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	wide := kdtext.Diff(a, b, []kdtext.Reason{{Key: "*"}})
	if want := []string{`module 1: "x" is excused by "*", but both agree`}; !slices.Equal(wide, want) {
		t.Errorf("%q, want %q", wide, want)
	}
	if got := kdtext.Diff(a, b, nil); len(got) != 2 || !strings.Contains(got[1], "nothing") {
		t.Errorf("%q", got)
	}
	if got := b.Of("vad"); len(got) != 1 || got["vad 3"] != "w" {
		t.Errorf("%v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(transcript)
	f.Fuzz(func(t *testing.T, text string) {
		facts := kdtext.Parse(text)
		for key, v := range facts {
			if strings.ContainsAny(key+v, "\n\t") {
				delete(facts, key) // such a line no debugger prints
			}
		}
		if got := kdtext.Unmarshal(facts.Marshal()); !maps.Equal(got, facts) {
			t.Errorf("%v, want %v", got, facts)
		}
	})
}
