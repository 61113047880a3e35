package vadmath

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Reload is the debugger command that adds a module at a known place:
//
//	.reload /f ExplorerFrame.dll=000006fb`37a60000,1e000
//
// It is a comparable value.
type Reload struct {
	Image         string // file name with extension
	Base          uint64 // address; 0 when not given
	Size          uint64 // bytes; may exceed SizeOfImage, 0 when not given
	TimeDateStamp uint32 // 0 when not given; with it the debugger can build a symbol store key
	Force         bool   // /f: load now, not when first needed
	// Wide makes String print an address below 4 GB in the 64-bit form too.
	// Without it a 64-bit kernel debugger takes 80000000 to ffffffff for
	// negative numbers. It is not needed for higher addresses.
	Wide bool
}

// String returns the command as kd prints and accepts it: the base zero-padded
// to eight digits, or to sixteen with a backtick; size and stamp in hex.
// Characters that would end the command or start another one, such as a
// semicolon in an image name from a target, become underscores. [ParseReload]
// reads back what String writes: the same value, but for such characters, space
// around the name, and Wide where the base needs more than 32 bits anyway.
func (r Reload) String() string {
	var b strings.Builder
	b.WriteString(".reload ")
	if r.Force {
		b.WriteString("/f ")
	}
	b.WriteString(strings.Map(commandRune, r.Image))
	if !r.hasNumbers() {
		return b.String()
	}
	bits := 0
	if r.Wide {
		bits = 64
	}
	b.WriteString("=" + FormatAddr(r.Base, bits))
	if r.Size != 0 || r.TimeDateStamp != 0 {
		b.WriteString("," + strconv.FormatUint(r.Size, 16))
	}
	if r.TimeDateStamp != 0 {
		fmt.Fprintf(&b, ",%08x", r.TimeDateStamp)
	}
	return b.String()
}

// hasNumbers reports whether String writes an address. A name that holds a =
// needs one: what stands behind the last = is read as the address.
func (r Reload) hasNumbers() bool {
	return r.Base != 0 || r.Size != 0 || r.TimeDateStamp != 0 || r.Wide || strings.Contains(r.Image, "=")
}

// commandRune replaces what has a meaning of its own at a debugger prompt.
func commandRune(r rune) rune {
	if !unicode.IsPrint(r) || r == unicode.ReplacementChar || strings.ContainsRune(`;"/*?<>|`, r) {
		return '_'
	}
	return r
}

// ParseReload reads a .reload command with one module, or what stands after the
// options: Module[=Address[,Size[,Timestamp]]]. Numbers are read by
// [ParseAddr]. The line kd prints, with "Reload command:" before it, is read
// too. Options other than /f are rejected, because they do not describe a
// module. Errors wrap [ErrSyntax], or [ErrOverflow] for a module that would
// leave the address space.
func ParseReload(s string) (Reload, error) {
	var r Reload
	spec := trimWord(trimWord(strings.TrimSpace(s), "Reload command:"), ".reload")
	for strings.HasPrefix(spec, "/") {
		option, rest, _ := strings.Cut(spec, " ")
		if !strings.EqualFold(option, "/f") {
			return Reload{}, reloadError(s, "option "+strconv.Quote(option)+" is not supported")
		}
		r.Force, spec = true, strings.TrimSpace(rest)
	}
	image, numbers := spec, ""
	// The last = counts, since a file name may hold one and a number cannot.
	if i := strings.LastIndexByte(spec, '='); i >= 0 {
		image, numbers = spec[:i], spec[i+1:]
	}
	r.Image = strings.TrimSpace(image)
	if r.Image == "" || strings.Map(commandRune, r.Image) != r.Image {
		return Reload{}, reloadError(s, "want Module=Address,Size")
	}
	if len(numbers) == 0 && len(image) < len(spec) {
		return Reload{}, reloadError(s, "no address after the =")
	}
	if err := r.parseNumbers(numbers); err != nil {
		return Reload{}, fmt.Errorf(".reload %s: %w", r.Image, err)
	}
	return r, nil
}

// trimWord removes a leading word and the space after it, in any letter case.
func trimWord(s, word string) string {
	if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
		return s
	}
	rest := s[len(word):]
	if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
		return s
	}
	return strings.TrimSpace(rest)
}

func reloadError(s, reason string) error {
	return fmt.Errorf("%q: %w: %s", shorten(s), ErrSyntax, reason)
}

// shorten keeps a long line from flooding an error message.
func shorten(s string) string {
	const limit = 200
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}

func (r *Reload) parseNumbers(s string) error {
	if s == "" {
		return nil
	}
	words := strings.Split(s, ",")
	if len(words) > 3 {
		return fmt.Errorf("%w: %d numbers, at most 3 are known", ErrSyntax, len(words))
	}
	var n [3]uint64
	for i, word := range words {
		var err error
		if n[i], err = ParseAddr(word); err != nil {
			return err
		}
	}
	r.Base, r.Size = n[0], n[1]
	r.Wide = strings.Contains(words[0], "`") && r.Base>>32 == 0
	r.TimeDateStamp = uint32(n[2])
	if n[2]>>32 != 0 {
		return fmt.Errorf("time stamp %x: %w: over 32 bits", n[2], ErrSyntax)
	}
	if r.Size != 0 && r.Base+(r.Size-1) < r.Base {
		return fmt.Errorf("%x bytes at %s: %w", r.Size, FormatAddr(r.Base, 0), ErrOverflow)
	}
	return nil
}

// imageAlignment is the allocation granularity of user-mode address space: the
// base of an image there is a multiple of it.
const imageAlignment = 0x10000

// Warnings returns remarks on a module of a user-mode process: its base must
// be a multiple of 64 KB, so one that is not was likely computed from the wrong
// page number or with the wrong page size. Drivers lie on any page.
func (r Reload) Warnings() []string {
	if off := r.Base % imageAlignment; off != 0 {
		return []string{fmt.Sprintf("base %s is %#x past a multiple of 64 KB, where no user-mode image lies",
			FormatAddr(r.Base, 0), off)}
	}
	return nil
}
