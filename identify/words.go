package identify

import "fmt"

// word returns the word of a value of an enumeration.
func word[E ~uint8](words []string, value E) string {
	if int(value) < len(words) {
		return words[value]
	}
	return fmt.Sprintf("unknown (%d)", uint8(value))
}

// String returns the rung in plain words.
func (r Rung) String() string {
	return word([]string{"unknown", "image header", "nonpaged debug info", "module list", "unloaded list", "RSDS scan", "mapped file",
		"image copy", "pages", "PDB"}, r)
}

// String returns the field in plain words.
func (f Field) String() string {
	return word([]string{"unknown", "image header", "read before", "nonpaged debug info", "module list", "unloaded module",
		"CodeView record", "RSDS record", "other record", "file", "TimeDateStamp", "SizeOfImage", "CheckSum", "computed CheckSum",
		"PDB", "base", "code pages"}, f)
}

// String returns equal, differs, not-resident or unknown.
func (c Comparison) String() string {
	return word([]string{"unknown", "equal", "differs", "not-resident"}, c)
}

// String returns the strength in one word.
func (s Strength) String() string {
	return word([]string{"none", "weak", "medium", "strong", "exact"}, s)
}

// String returns the spelling of the command line: known, strict, off.
func (v VersionCheck) String() string { return word([]string{"known", "strict", "off"}, v) }

// String returns the word of the JSON contract.
func (i Identity) String() string {
	return word([]string{"unknown", "name", "checksum-size", "image-key", "pdb-id", "memory"}, i)
}

// String returns the word of the JSON contract.
func (p Proof) String() string {
	return word([]string{"unknown", "name-only", "weak", "image", "exact"}, p)
}

// String returns the word of the JSON contract.
func (v Verdict) String() string {
	return word([]string{"unverified", "mismatch", "likely", "confirmed"}, v)
}

// String returns the word of the JSON contract.
func (s PageState) String() string {
	return word([]string{"unknown", "absent", "match", "fixups", "differs", "skipped"}, s)
}

// String returns WinDbg's word for the state.
func (s Status) String() string {
	return word([]string{"deferred", "pdb symbols", "private pdb symbols", "no symbols",
		"export symbols", "coff symbols", "go symbols", "dwarf symbols"}, s)
}

// String returns the word of the JSON contract: target, copy, name or unknown.
func (s SymbolSource) String() string {
	return word([]string{"unknown", "target", "copy", "name"}, s)
}

// MarshalText is String; it never fails.
func (s SymbolSource) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText is String; it never fails.
func (r Rung) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// MarshalText is String; it never fails.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// MarshalText is String; it never fails.
func (c Comparison) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText is String; it never fails.
func (s Strength) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText is String; it never fails.
func (v VersionCheck) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalText is String; it never fails.
func (i Identity) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// MarshalText is String; it never fails.
func (p Proof) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalText is String; it never fails.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalText is String; it never fails.
func (s PageState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText is String; it never fails.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
