package vadmath

// ProtectionName returns the words !vad prints for the five protection bits of
// a descriptor, such as EXECUTE_WRITECOPY or READWRITE NOCACHE: three bits of
// access and two that qualify it. Higher bits are ignored.
//
// Source: public headers (MM_* values), words as logged from debuggers.
func ProtectionName(bits uint32) string {
	const decommitted, noAccess = 0x10, 0x18
	bits &= 0x1f
	switch bits {
	case decommitted:
		return "DECOMMIT"
	case 0, noAccess:
		return "NO_ACCESS"
	}
	name := [...]string{"NO_ACCESS", "READONLY", "EXECUTE", "EXECUTE_READ", "READWRITE", "WRITECOPY",
		"EXECUTE_READWRITE", "EXECUTE_WRITECOPY"}[bits&7]
	return name + [...]string{"", " NOCACHE", " GUARD", " WRITECOMBINE"}[bits>>3]
}
