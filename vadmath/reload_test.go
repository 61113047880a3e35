package vadmath_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/symres/symres/vadmath"
)

func TestReload(t *testing.T) {
	for _, c := range []struct {
		text string
		want vadmath.Reload
	}{
		{".reload /f ExplorerFrame.dll=000006fb`37a60000,1e000",
			vadmath.Reload{Image: "ExplorerFrame.dll", Base: 0x6fb37a60000, Size: 0x1e000, Force: true}},
		{".reload notepad.exe=000007f7`8e9e0000,32000", vadmath.Reload{Image: "notepad.exe", Base: 0x7f78e9e0000, Size: 0x32000}},
		{".reload /f fs_rec.sys=fe0c8000,2000,3b7d82d3",
			vadmath.Reload{Image: "fs_rec.sys", Base: 0xfe0c8000, Size: 0x2000, TimeDateStamp: 0x3b7d82d3, Force: true}},
		{".reload cscobj.dll=00000000`6c230000,3c000", vadmath.Reload{Image: "cscobj.dll", Base: 0x6c230000, Size: 0x3c000, Wide: true}},
		{".reload fs_rec.sys", vadmath.Reload{Image: "fs_rec.sys"}},
		{".reload =1=00000000", vadmath.Reload{Image: "=1"}},
		{".reload /f a==00000000", vadmath.Reload{Image: "a=", Force: true}},
		{".reload a=00000000`00000000", vadmath.Reload{Image: "a", Wide: true}},
		{".reload .reload a", vadmath.Reload{Image: ".reload a"}},
		{".reload my app=1.exe=00400000", vadmath.Reload{Image: "my app=1.exe", Base: 0x400000}},
		{".reload x.dll=00400000,0,00000005", vadmath.Reload{Image: "x.dll", Base: 0x400000, TimeDateStamp: 5}},
		{".reload x.dll=ffffffff`fffff000,1000", vadmath.Reload{Image: "x.dll", Base: 0xfffffffffffff000, Size: 0x1000}},
	} {
		if got := c.want.String(); got != c.text {
			t.Errorf("String = %s, want %s", got, c.text)
		}
		if got, err := vadmath.ParseReload(c.text); got != c.want || err != nil {
			t.Errorf("ParseReload(%s) = %+v, %v; want %+v", c.text, got, err, c.want)
		}
	}
}

func TestParseReload_asTyped(t *testing.T) {
	want := vadmath.Reload{Image: "ExplorerFrame.dll", Base: 0x6fb37a60000, Size: 0x1e000}
	for _, s := range []string{
		"ExplorerFrame.dll=6fb`37a60000,1e000", " .RELOAD  ExplorerFrame.dll=0x6fb37a60000,0n122880\r\n",
		"Reload command: .reload ExplorerFrame.dll=000006fb`37a60000,1e000", "ExplorerFrame.dll = 6fb`37a60000,1e000h",
	} {
		if got, err := vadmath.ParseReload(s); got != want || err != nil {
			t.Errorf("ParseReload(%q) = %+v, %v", s, got, err)
		}
	}
	if got, err := vadmath.ParseReload(".reload /f /F a=1"); err != nil || !got.Force {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseReload_errors(t *testing.T) {
	for s, want := range map[string]error{
		"": vadmath.ErrSyntax, ".reload": vadmath.ErrSyntax, ".reload /f": vadmath.ErrSyntax, "=1000": vadmath.ErrSyntax,
		".reload /u a.dll": vadmath.ErrSyntax, ".reload /i a.dll=1": vadmath.ErrSyntax, "a.dll=": vadmath.ErrSyntax,
		"a.dll=x": vadmath.ErrSyntax, "a.dll=1,,2": vadmath.ErrSyntax, "a.dll=1,2,3,4": vadmath.ErrSyntax,
		"a.dll=1;.shell calc": vadmath.ErrSyntax, "a;b.dll=1": vadmath.ErrSyntax, "a\nb=1": vadmath.ErrSyntax,
		"a.dll=1,2,100000000": vadmath.ErrSyntax, "a.dll=ffffffff`fffff000,1001": vadmath.ErrOverflow,
		"a.dll=10000000000000000": vadmath.ErrOverflow,
	} {
		if got, err := vadmath.ParseReload(s); !errors.Is(err, want) || got != (vadmath.Reload{}) {
			t.Errorf("ParseReload(%q) = %+v, %v; want %v", s, got, err, want)
		}
	}
}

// A name from a target must not smuggle a second command to the prompt.
func TestReload_hostileName(t *testing.T) {
	r := vadmath.Reload{Image: "a;.shell calc\n\"x\x1b/u\u202e*.dll", Base: 0x10000, Size: 0x1000}
	text := r.String()
	if strings.ContainsAny(text, ";\n\"\x1b\u202e*") || text != ".reload a_.shell calc__x__u__.dll=00010000,1000" {
		t.Errorf("String = %q", text)
	}
}

func TestReload_warnings(t *testing.T) {
	if got := (vadmath.Reload{Base: 0x6fb37a60000}).Warnings(); got != nil {
		t.Errorf("aligned: %v", got)
	}
	got := (vadmath.Reload{Base: 0x6fb37a7c000}).Warnings()
	if len(got) != 1 || !strings.Contains(got[0], "000006fb`37a7c000 is 0xc000 past") {
		t.Errorf("the slip of the documentation: %v", got)
	}
}

func FuzzParseReload(f *testing.F) {
	for _, s := range []string{
		".reload /f ExplorerFrame.dll=6fb`37a60000,1e000", "notepad.exe=000007f7`8e9e0000,32000", ".reload a b=1=0`1,0,5",
		".reload fs_rec.sys", "x=ffffffff`ffffffff,1", "a=0n10,0y1,0t7", "/f /f x=0,1", "=1=0", "a==0", "x=0`0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := vadmath.ParseReload(s)
		if err != nil {
			if !errors.Is(err, vadmath.ErrSyntax) && !errors.Is(err, vadmath.ErrOverflow) {
				t.Fatalf("ParseReload(%q): error of no kind: %v", s, err)
			}
			return
		}
		text := r.String()
		if again, err := vadmath.ParseReload(text); again != r || err != nil {
			t.Fatalf("ParseReload(%q) = %+v\nprinted %q\nread back %+v, %v", s, r, text, again, err)
		}
		if strings.ContainsAny(text, ";\n\r\"") {
			t.Fatalf("%q prints the unsafe %q", s, text)
		}
	})
}

// FuzzReload reads back what String writes of any value. What ParseReload could
// have returned comes back as it is; of another value the text is the same again.
func FuzzReload(f *testing.F) {
	f.Add("a.dll", uint64(1), uint64(0x1000), uint32(5), true, false)
	f.Add("=1", uint64(0), uint64(0), uint32(0), false, false)
	f.Add("/f .reload x", uint64(0), uint64(0), uint32(0), false, true)
	f.Add(" a;b ", uint64(1)<<32, uint64(0), uint32(0), true, true)
	f.Fuzz(func(t *testing.T, image string, base, size uint64, stamp uint32, force, wide bool) {
		r := vadmath.Reload{Image: image, Base: base, Size: size, TimeDateStamp: stamp, Force: force, Wide: wide}
		text := r.String()
		got, err := vadmath.ParseReload(text)
		if strings.Trim(image, " ") == "" || size != 0 && base+(size-1) < base {
			if err == nil {
				t.Fatalf("%+v prints %q, which is read as %+v", r, text, got)
			}
			return
		}
		want := r
		want.Wide = wide && base>>32 == 0
		if want.Image = got.Image; got != want || err != nil {
			t.Fatalf("%+v prints %q, read back %+v, %v", r, text, got, err)
		}
		plain := !strings.ContainsFunc(image, func(r rune) bool { return r != '=' && r != '.' && !unicode.IsLetter(r) || r == unicode.ReplacementChar })
		if again := got.String(); plain && (got.Image != image || again != text) {
			t.Fatalf("%+v prints %q, then %q", r, text, again)
		}
	})
}
