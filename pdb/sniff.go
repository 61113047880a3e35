package pdb

import "bytes"

// Format is the kind of a file as its first bytes tell it.
type Format uint8

// The kinds [Sniff] tells apart.
const (
	FormatUnknown   Format = iota
	FormatPDB7             // PDB 7 in an MSF 7.00 container: what this package reads
	FormatPDB2             // PDB 2.00 (VC 4 to VC 6), small MSF container
	FormatMSFZ             // PDB in a compressed MSFZ container
	FormatPortable         // portable PDB: .NET metadata, no native symbols
	FormatDBG              // .dbg file, IMAGE_SEPARATE_DEBUG_HEADER
	FormatCAB              // cabinet, such as a compressed foo.pd_ of a symbol store
	FormatPE               // PE image or other MZ executable
	FormatLibrary          // archive of object files
	FormatCodeView         // bare CodeView NB09 or NB11 symbols
	FormatMinidump         // user minidump
	FormatCrashDump        // kernel crash dump
)

// SniffLen is how many first bytes [Sniff] looks at.
const SniffLen = 44

const (
	magicMSF7 = "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"
	magicMSF2 = "Microsoft C/C++ program database 2.00\r\n\x1aJG\x00\x00"
	magicMSFZ = "Microsoft MSFZ Container\r\n\x1aALD\x00\x00"
)

// Sniff tells the kind of a file from its first bytes; [SniffLen] are enough,
// fewer make it less sure. It never fails: what it does not know is
// [FormatUnknown].
func Sniff(first []byte) Format {
	for _, k := range []struct {
		magic  string
		format Format
	}{
		{magicMSF7, FormatPDB7}, {magicMSF2, FormatPDB2}, {magicMSFZ, FormatMSFZ},
		{"BSJB", FormatPortable}, {"MSCF", FormatCAB}, {"!<arch>\n", FormatLibrary},
		{"NB09", FormatCodeView}, {"NB11", FormatCodeView}, {"MDMP\x93\xa7", FormatMinidump},
		{"PAGEDU64", FormatCrashDump}, {"PAGEDUMP", FormatCrashDump},
		{"PE\x00\x00", FormatPE}, {"MZ", FormatPE}, {"DI", FormatDBG},
	} {
		if bytes.HasPrefix(first, []byte(k.magic)) {
			return k.format
		}
	}
	return FormatUnknown
}

// String returns the short name of the kind, such as "pdb7".
func (f Format) String() string { name, _ := f.names(); return name }

// describe returns the kind in words.
func (f Format) describe() string { _, text := f.names(); return text }

func (f Format) names() (short, long string) {
	switch f {
	case FormatPDB7:
		return "pdb7", "a PDB 7"
	case FormatPDB2:
		return "pdb2", "a PDB 2.00 of VC 6 or earlier"
	case FormatMSFZ:
		return "msfz", "a compressed PDB (MSFZ container)"
	case FormatPortable:
		return "portable-pdb", "a portable PDB (.NET metadata without native symbols)"
	case FormatDBG:
		return "dbg", "a .dbg file"
	case FormatCAB:
		return "cab", "a cabinet (expand it first)"
	case FormatPE:
		return "pe", "a PE image"
	case FormatLibrary:
		return "lib", "a library of object files"
	case FormatCodeView:
		return "codeview", "bare CodeView symbols (NB09, NB11)"
	case FormatMinidump:
		return "minidump", "a minidump"
	case FormatCrashDump:
		return "crashdump", "a crash dump"
	}
	return "unknown", "a file of unknown kind"
}
