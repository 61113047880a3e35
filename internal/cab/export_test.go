package cab

// TranslateCalls gives tests the translation of a frame that begins at
// position total of its folder.
func TranslateCalls(total int64, e8Size int32, frame []byte) []byte {
	z := lzx{total: total, e8Size: e8Size}
	return z.translate(frame)
}
