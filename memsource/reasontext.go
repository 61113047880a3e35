package memsource

// MarshalText returns the word scripts rely on, such as paged-out; it never
// fails.
func (r Reason) MarshalText() ([]byte, error) {
	words := map[Reason]string{
		PagedOut: "paged-out", FileBacked: "file-backed", Compressed: "compressed", DemandZero: "demand-zero",
		NotMapped: "not-mapped", NotInDump: "not-in-dump", TableNotInDump: "table-not-in-dump", WrongContext: "wrong-context",
		NonCanonical: "non-canonical", NoAccess: "no-access", Truncated: "truncated", Canceled: "canceled", IO: "io",
	}
	if word, ok := words[r]; ok {
		return []byte(word), nil
	}
	return []byte("unknown"), nil
}
