package smb

import (
	"fmt"
	"strings"

	"github.com/symres/symres/sympath"
)

// unc is a parsed \\server\share\dir.
type unc struct {
	server, share string
	dir           []string
}

// parseUNC takes no name that leads elsewhere than where it seems to: no dots,
// no user names, ports or WebDAV forms (server@80), no streams, no wildcards.
func parseUNC(s string) (unc, error) {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '\\' || r == '/' })
	if !strings.HasPrefix(s, `\\`) || len(parts) < 2 || strings.ContainsAny(parts[0], `@:*?"<>|%[]`) {
		return unc{}, ErrName
	}
	for i, p := range parts {
		if i > 0 && !plain(p) || p == "." || p == ".." {
			return unc{}, fmt.Errorf("%w: %q", ErrName, p)
		}
	}
	return unc{server: parts[0], share: parts[1], dir: parts[2:]}, nil
}

// plain tells whether a part of a path is a name and nothing else.
func plain(part string) bool {
	if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `\/:*?"<>|`) {
		return false
	}
	return !strings.ContainsFunc(part, func(r rune) bool { return r < ' ' })
}

func (u unc) tree() string { return `\\` + u.server + `\` + u.share }

// kindOf tells a share from the other elements.
func kindOf(e sympath.Element) (unc, error) {
	if e.Kind != sympath.ElementUNC {
		return unc{}, fmt.Errorf("%w: the element is a %v", ErrName, e.Kind)
	}
	return parseUNC(e.Text)
}
