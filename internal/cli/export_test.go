package cli

// The escapers, for tests.
func EscapeLine(s string) string            { return escapeLine(s) }
func EscapeJSON(b []byte) []byte            { return escapeJSON(b) }
func WantsColor(e func(string) string) bool { return wantsColor(nil, e) }
