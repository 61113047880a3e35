package undname_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/pdb/undname"
)

// growing returns names that double in output with each level: a type that
// names the type before it twice.
func growing(levels int) string {
	var b strings.Builder
	b.WriteString("?f@@YAXP6AXPAH@Z")
	for i := range levels {
		d := string(rune('0' + i + 1))
		b.WriteString("P6AX" + d + d + "@Z")
	}
	b.WriteString("@Z")
	return b.String()
}

func TestLimits(t *testing.T) {
	deep := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for name, raw := range map[string]string{
		"pointers":          "?x@@3" + strings.Repeat("PA", 100_000) + "HA",
		"templates":         "?x@@3" + deep("V?$A@", "H", "@@", 20_000) + "A",
		"function pointers": "?x@@3" + deep("P6AX", "H", "@Z", 20_000) + "A",
		"enclosing":         strings.Repeat("?x@?1?", 20_000),
		"initializers":      strings.Repeat("??__E", 20_000),
		"udt returning":     "?" + strings.Repeat("?_P", 30_000),
		"constants":         "?x@@3V?$A@" + strings.Repeat("$1?x@@3V?$A@", 10_000),
		"aggregates":        "?x@@3V?$A@$" + strings.Repeat("2UA@@", 20_000),
		"subobjects":        "?x@@3V?$A@$" + strings.Repeat("6", 100_000),
		"dimensions":        "?x@@3PAYPPPPPPPP@" + strings.Repeat("0", 100_000) + "HA",
		"too long":          "?" + strings.Repeat("a", undname.MaxInput) + "@@3HA",
		"output":            "?" + strings.Repeat("a", undname.MaxOutput+1) + "@@3HA",
		"growth":            growing(9),
	} {
		t.Run(name, func(t *testing.T) {
			for _, style := range []undname.Style{undname.StyleMicrosoft, undname.StyleLLVM} {
				got, err := undname.Undecorate(raw, style, 0)
				if name == "growth" {
					if err != nil || len(got) < 1000 {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					continue
				}
				if got != raw || err == nil {
					t.Errorf("style %d: %d bytes, error %v; want the name back and an error", style, len(got), err)
				}
				if nodes, steps := undname.Work(raw, style); nodes > 3*len(raw)+16 || steps > undname.MaxSteps {
					t.Errorf("style %d: %d nodes, %d steps for %d bytes", style, nodes, steps, len(raw))
				}
			}
		})
	}
}

func TestLimitError(t *testing.T) {
	for raw, want := range map[string]error{
		"?x@@3" + strings.Repeat("PA", undname.MaxDepth+1) + "HA":   undname.ErrLimit,
		"?" + strings.Repeat("a", undname.MaxOutput+1) + "@@3HA":    undname.ErrLimit,
		"?x@@3" + strings.Repeat("PA", undname.MaxDepth-10) + "HA":  nil,
		"?x@@3" + strings.Repeat("PA", undname.MaxDepth-10) + "H":   undname.ErrSyntax,
		"?" + strings.Repeat("a", undname.MaxOutput-10) + "@@3HA":   nil,
		"?x@@3V?$A@" + strings.Repeat("V?$A@", 300) + "@@@@@@@@@@@": undname.ErrLimit,
	} {
		_, err := undname.Full(raw, 0)
		if !errors.Is(err, want) {
			t.Errorf("%.40s (%d bytes): %v, want %v", raw, len(raw), err, want)
		}
	}
}

// TestWorkIsLinear doubles inputs of every growing kind and counts the work.
func TestWorkIsLinear(t *testing.T) {
	for name, make := range map[string]func(n int) string{
		"parameters": func(n int) string { return "?f@@YAX" + strings.Repeat("PAUa@@", n) + "@Z" },
		"references": func(n int) string { return "?f@@YAXPAH" + strings.Repeat("0", n) + "@Z" },
		"scopes":     func(n int) string { return "?x@" + strings.Repeat("n@", n) + "@3HA" },
		"arguments":  func(n int) string { return "?x@@3V?$A@" + strings.Repeat("H", n) + "@@A" },
		"constants":  func(n int) string { return "?x@@3V?$A@" + strings.Repeat("$0A@", n) + "@@A" },
		"packs":      func(n int) string { return "?x@@3V?$A@" + strings.Repeat("$$V", n) + "@@A" },
		"templates":  func(n int) string { return "?f@@YAX" + strings.Repeat("V?$A@H@@", n) + "@Z" },
		"text":       func(n int) string { return "??_C@_0BAA@A@" + strings.Repeat("?$AAa", n) + "@" },
		"name":       func(n int) string { return "?" + strings.Repeat("a", n) + "@@3HA" },
		"bases":      func(n int) string { return "??_7A@@6B" + strings.Repeat("B@@", n) + "@" },
		"marks":      func(n int) string { return "?f@@" + strings.Repeat("$$F", n) + "YAXXZ" },
		"qualifiers": func(n int) string { return "?f@A@@Q" + strings.Repeat("E", n) + "AAXXZ" },
		"names cut":  func(n int) string { return "?" + strings.Repeat("a@", n) },
		"digits":     func(n int) string { return "?x@@3V?$A@$0" + strings.Repeat("A", n) + "@@@A" },
	} {
		t.Run(name, func(t *testing.T) {
			small, large := make(1000), make(2000)
			for _, style := range []undname.Style{undname.StyleMicrosoft, undname.StyleLLVM} {
				n1, s1 := undname.Work(small, style)
				n2, s2 := undname.Work(large, style)
				if n2 > 2*n1+8 || s2 > 2*s1+8 {
					t.Errorf("style %d: %d nodes and %d steps, then %d and %d for twice as much", style, n1, s1, n2, s2)
				}
			}
			if _, err := undname.Full(make(50_000), 0); err != nil && !errors.Is(err, undname.ErrLimit) && !errors.Is(err, undname.ErrSyntax) {
				t.Error(err)
			}
		})
	}
}

func TestErrorOffsets(t *testing.T) {
	for raw, want := range map[string]int{
		"?":             -1, // too short to be a name of C++
		"?@":            1,
		"?x":            1,
		"?x@@":          4,
		"??0@QAE@XZ":    4,
		"?x@@3":         5,
		"?x@@3H":        6,
		"?x@@3HAx":      7,
		"?x@@3?":        6,
		"?x@@3_1A":      6,
		"?x@@!":         4,
		"?x@1@3HA":      3,
		"?f@@YAX0@Z":    7,
		"?f@@YAXH@":     9,
		"?f@@Y1XXZ":     5,
		"?f@@YAXXA":     8,
		"??~A@@QAE@XZ":  2,
		"??_ZA@@QAE@XZ": 3,
		"?x@@3PEA!A":    8,
		"?x@@3P!A":      6,
		"??_R1A@A@8":    10,
		"??_C@_2A@a@":   6,
		"?x@@3V?$A@$Z0": 11,
		"?f@A@@WAEXXZ":  7,
		".?AVx":         4,
		"__imp_?f@@YA":  12,
		"_TI1?AV":       7,
	} { // -1: no error
		s, err := undname.Full(raw, 0)
		var e *undname.SyntaxError
		switch {
		case want == -1:
			if err != nil {
				t.Errorf("%q: %v", raw, err)
			}
		case !errors.As(err, &e) || e.Offset != want || s != raw:
			t.Errorf("%q gives %q, %v; want it back and offset %d", raw, s, err, want)
		}
	}
}
