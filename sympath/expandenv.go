package sympath

import (
	"regexp"
	"strings"
)

// ExpandEnv replaces what shells and WinDbg replace in a path: ~ where a place
// begins, by HOME or USERPROFILE, and %NAME%, ${NAME} and $NAME, whose values
// may be paths of several elements. getenv is os.Getenv or a substitute for
// it. What is not set, or empty, stays as it is; [Parse] refuses it.
func ExpandEnv(path string, getenv func(string) string) string {
	var out strings.Builder
	for path != "" {
		n := strings.IndexAny(path, ";*") + 1
		if n == 0 {
			n = len(path)
		}
		out.WriteString(expandPlace(path[:n], getenv))
		path = path[n:]
	}
	return out.String()
}

// A variable in one of its spellings. The names are those that both systems take.
const variable = `%([A-Za-z_][A-Za-z0-9_()]*)%|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)`

func expandPlace(place string, getenv func(string) string) string {
	names := regexp.MustCompile(variable)
	place = names.ReplaceAllStringFunc(place, func(text string) string {
		if v := getenv(strings.Trim(text, "%${}")); v != "" {
			return v
		}
		return text
	})
	at := strings.IndexByte(place, '~')
	if at < 0 || strings.Trim(place[:at], " \t\r\n\"'") != "" || !homeEnds(place[at+1:]) {
		return place
	}
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if home := getenv(name); home != "" {
			return place[:at] + home + place[at+1:]
		}
	}
	return place
}

// homeEnds tells ~ and ~/dir from ~user.
func homeEnds(rest string) bool {
	return rest == "" || strings.IndexByte("/\\;*\"' \t", rest[0]) >= 0
}

// unquote takes the quotes off a word that stands in a pair of them, which is
// how shells, batch files and settings leave paths with blanks behind.
func (w word) unquote() word {
	n := len(w.text)
	if n < 2 || w.text[0] != w.text[n-1] || w.text[0] != '"' && w.text[0] != '\'' || strings.Count(w.text, w.text[:1]) != 2 {
		return w
	}
	return trim(w.text[1:n-1], w.pos+1)
}

// unexpanded says what a place holds that somebody should have replaced: as the
// name of a directory it would lead into the current one.
func unexpanded(place string) string {
	switch loc := regexp.MustCompile(variable).FindStringIndex(place); {
	case strings.HasPrefix(place, "~"):
		return "~ is a home directory that nobody knows; write ./~ if that is its name"
	case loc != nil && (loc[0] == 0 || place[loc[0]] == '%' || place[loc[0]+1] == '{'):
		return "the variable is not set"
	case strings.Contains(place, `"`) || strings.HasPrefix(place, "'") || strings.HasSuffix(place, "'"):
		return "a quote without its other half"
	}
	return ""
}

// misspelled tells what was meant for a URL and is none: another scheme, a
// scheme of the wrong letters, too few slashes, no colon.
func misspelled(place string) bool {
	return regexp.MustCompile(`(?i)^([a-z][a-z0-9+.-]+:(//|\\\\)|h?[tps]{3,7}[:.,]?[/\\]{2}|h?[tps]{3,7}:[/\\]?|https?$)`).MatchString(place) && !isHTTP(place)
}
