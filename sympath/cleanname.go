package sympath

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrBadName is wrapped by the errors for file names that are not safe to look
// for: see [CleanName].
var ErrBadName = errors.New("unsafe file name")

// maxName is the longest name NTFS takes, in UTF-16 units, and most Unix file
// systems take, in bytes.
const maxName = 255

// CleanName returns the file name in a name recorded by a PDB, an image or a
// dump: what follows the last slash or backslash, up to the first NUL. The
// result is the same on every system. It is always a single path component
// without a special meaning on any system.
//
// It refuses the following, with an error that wraps [ErrBadName]: invalid
// UTF-8, control, bidirectional and zero-width characters, the characters
// <>:"|?*%, leading spaces, trailing dots and spaces, names longer than 255
// bytes, the device names of Windows, and the names that steer a symbol store
// (file.ptr, index2.txt and the like).
func CleanName(s string) (string, error) {
	recorded := s
	s, _, _ = strings.Cut(s, "\x00")
	s = s[strings.LastIndexAny(s, `\/`)+1:]
	if reason := badName(s); reason != "" {
		return "", fmt.Errorf("%w %q: %s", ErrBadName, shorten(recorded), reason)
	}
	return s, nil
}

// shorten keeps a hostile name from flooding an error message.
func shorten(s string) string {
	const limit = 300
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

// badName returns why a name is refused, or "".
func badName(s string) string {
	switch {
	case strings.Trim(s, ".") == "":
		return "empty or only dots"
	case !utf8.ValidString(s):
		return "not UTF-8"
	case len(s) > maxName || len(utf16.Encode([]rune(s))) > maxName:
		return "too long"
	case strings.ContainsFunc(s, forbiddenRune):
		return "forbidden character"
	case s[0] == ' ' || strings.HasSuffix(s, ".") || strings.HasSuffix(s, " "):
		return "leading space, or trailing dot or space"
	case isDevice(s):
		return "device name"
	case isControlName(s):
		return "control file of a symbol store"
	}
	return ""
}

// forbiddenRune covers what Windows forbids in names, % because cmd expands
// it, and every character that can disguise a name on a terminal.
func forbiddenRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x2028, r == 0x2029, r >= 0x200b && r <= 0x200f:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return strings.ContainsRune(`<>:"|?*%\/`, r)
}

// isDevice tests the part before the first dot: Windows opens the device for
// NUL.pdb too.
func isDevice(s string) bool {
	stem, _, _ := strings.Cut(s, ".")
	stem = strings.TrimRight(stem, " ")
	if equalsAny(stem, "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$") {
		return true
	}
	for _, port := range "0123456789¹²³" {
		if equalsAny(stem, "COM"+string(port), "LPT"+string(port)) {
			return true
		}
	}
	return false
}

// equalsAny compares by simple case folding, as the lookup in stores does, so
// that refſ.ptr is no way around refs.ptr.
func equalsAny(s string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(s, name) })
}

func isControlName(s string) bool {
	return equalsAny(s, "file.ptr", "index2.txt", "pingme.txt", "000admin", "refs.ptr", "server.txt", sideDir)
}

// cleanExt prepares an image extension, which may come from a target too, for
// use as the name of a directory.
func cleanExt(ext string) (string, bool) {
	ext = strings.TrimPrefix(ext, ".")
	return ext, ext != "" && !strings.ContainsAny(ext, `\/`) && badName(ext) == ""
}
