package memsource

// MarshalText returns a word for scripts, such as paged-out; it never fails.
func (r Reason) MarshalText() ([]byte, error) {
	words := map[Reason]string{
		ReasonPagedOut: "paged-out", ReasonFileBacked: "file-backed", ReasonCompressed: "compressed", ReasonDemandZero: "demand-zero",
		ReasonNotMapped: "not-mapped", ReasonNotInDump: "not-in-dump", ReasonTableNotInDump: "table-not-in-dump", ReasonWrongContext: "wrong-context",
		ReasonNonCanonical: "non-canonical", ReasonNoAccess: "no-access", ReasonTruncated: "truncated", ReasonCanceled: "canceled", ReasonIO: "io",
	}
	if word, ok := words[r]; ok {
		return []byte(word), nil
	}
	return []byte("unknown"), nil
}
