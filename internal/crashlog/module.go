package crashlog

import "bytes"

// maxName is how long the name of a module is at most, in bytes.
const maxName = 128

// offset reads what stands before a plus: a module, or a module and a symbol. An
// offset from anything else means nothing here.
func (s *Scanner) offset(text []byte, plus, start, end int, value uint64) (Ref, bool) {
	if s.Known == nil {
		return Ref{}, false
	}
	stop := trimBlanks(text, plus)
	r := Ref{End: end, Offset: value}
	if module, symbol, at, ok := s.symbol(text, stop); ok {
		r.Start, r.Module, r.Symbol = at, asText(module), asText(symbol)
		return r, true
	}
	if module, at, ok := s.module(text, stop); ok {
		r.Start, r.Module = at, asText(module)
		return r, true
	}
	return Ref{}, false
}

// module returns the longest name of a known module that ends at stop. A name may
// have blanks: Docker Desktop.exe.
func (s *Scanner) module(text []byte, stop int) (name []byte, start int, ok bool) {
	low := s.low()
	for at := stop; at > low && stop-at < maxName && !bounds(text[at-1]); {
		at--
		if begins := at == 0 || bounds(text[at-1]) || parts(text[at-1]); begins && !parts(text[at]) && s.Known(text[at:stop]) {
			name, start, ok = text[at:stop], at, true
		}
	}
	return name, start, ok
}

// low is where a reference may begin in the text.
func (s *Scanner) low() int { return int(max(0, s.floor-s.at)) }

// symbol returns the module and the symbol of module!symbol that ends at stop.
func (s *Scanner) symbol(text []byte, stop int) (module, symbol []byte, start int, ok bool) {
	low := max(s.low(), stop-reach+maxName+8)
	if low > stop {
		return nil, nil, 0, false
	}
	bang := bytes.LastIndexByte(text[low:stop], '!')
	if bang < 0 {
		return nil, nil, 0, false
	}
	bang += low
	symbol = text[bang+1 : stop]
	if len(symbol) == 0 || bytes.ContainsAny(symbol, "\n\r\t\x00") || symbol[0] == ' ' {
		return nil, nil, 0, false
	}
	module, start, ok = s.module(text, bang)
	return module, symbol, start, ok
}

// bounds reports whether a byte cannot be in the name of a file on Windows, or
// separates fields.
func bounds(c byte) bool {
	return c < ' ' || bytes.IndexByte([]byte(`\/|"<>:*?[],;!=+`), c) >= 0
}

// parts reports whether a name may begin behind a byte that can also be in one, or
// that is no part of a letter: of the mark that texts in UTF-8 may begin with, and what
// UTF-8 never has.
func parts(c byte) bool { return bytes.IndexByte([]byte(" ('{@\xbf"), c) >= 0 || c >= 0xf5 }

// frame reads the machine form of minidump_stackwalk, thread|frame|module|symbol|file|line|offset,
// where only the module is known: the offset counts from it then.
func (s *Scanner) frame(text []byte, start, end int, value uint64) (Ref, bool) {
	const none = "||||"
	if s.Known == nil || start < len(none) || string(text[start-len(none):start]) != none || end-start < 3 || text[start+1]|0x20 != 'x' {
		return Ref{}, false
	}
	module, at, ok := s.module(text, start-len(none))
	if !ok {
		return Ref{}, false
	}
	return Ref{Start: at, End: end, Module: asText(module), Offset: value}, true
}
