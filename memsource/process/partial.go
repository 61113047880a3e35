package process

// pageSize is the grain in which memory can be read or not.
const pageSize = 0x1000

// readPages reads the beginning of buf through a function that reads all or
// fails, as ReadProcessMemory does: what it says it copied before it failed
// (ERROR_PARTIAL_COPY) cannot be trusted. A request that fails is repeated up
// to the end of its first page, and then page by page.
func readPages(read func(buf []byte, addr uint64) error, buf []byte, addr uint64) (n int, err error) {
	if err = read(buf, addr); err == nil {
		return len(buf), nil
	}
	for n < len(buf) {
		at := addr + uint64(n)
		page := buf[n:min(len(buf), n+pageSize-int(at%pageSize))]
		if len(page) == len(buf) { // that was the request that failed
			return 0, err
		}
		if err := read(page, at); err != nil {
			return n, err
		}
		n += len(page)
	}
	return n, nil
}
