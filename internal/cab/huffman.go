package cab

// maxCode is the longest code word of LZX in bits.
const maxCode = 16

// huffman decodes one canonical code: words of up to rootBits bits by one
// table look-up, longer ones by comparing with the last word of each length.
type huffman struct {
	root     []uint16 // symbol<<5 | length, 0 for a longer word
	rootBits uint
	symbols  []uint16            // in the order of their code words
	limit    [maxCode + 1]uint32 // first word, as 16 bits, longer than this
	skew     [maxCode + 1]int32  // index in symbols of a word less the word
}

func newHuffman(symbols int, rootBits uint) *huffman {
	return &huffman{
		root:     make([]uint16, 1<<rootBits),
		rootBits: rootBits,
		symbols:  make([]uint16, symbols),
	}
}

// build makes the decoder of the code with these word lengths; lengths has at
// most as many entries as newHuffman was told. A code without words is fine
// as long as it is not used; apart from that the words must fill the code
// space exactly.
func (h *huffman) build(lengths []uint8) error {
	var count [maxCode + 1]int
	for _, l := range lengths {
		count[l]++
	}
	count[0] = 0
	clear(h.root)
	var next [maxCode + 1]int
	word, index := uint32(0), 0 // the first word of each length, as 16 bits
	for l := 1; l <= maxCode; l++ {
		shift := maxCode - l
		h.skew[l] = int32(index) - int32(word>>shift)
		next[l] = index
		index += count[l]
		word += uint32(count[l]) << shift
		h.limit[l] = word
	}
	if index != 0 && word != 1<<maxCode {
		return corrupt("Huffman code of %d words fills %#x of 0x10000", index, word)
	}
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		h.symbols[next[l]] = uint16(s)
		h.place(next[l], uint(l))
		next[l]++
	}
	return nil
}

// place enters the code word at index, of l bits, into the root table.
func (h *huffman) place(index int, l uint) {
	if l > h.rootBits {
		return
	}
	word := int(int32(index) - h.skew[l])
	entry := h.symbols[index]<<5 | uint16(l)
	span := h.root[word<<(h.rootBits-l):][:1<<(h.rootBits-l)]
	for i := range span {
		span[i] = entry
	}
}

// decode reads one symbol; 16 bits must be available. ok is false when the
// code has no words.
func (h *huffman) decode(b *bitReader) (symbol int, ok bool) {
	if e := h.root[b.acc>>(64-h.rootBits)]; e != 0 {
		b.drop(uint(e & 31))
		return int(e >> 5), true
	}
	return h.decodeLong(b)
}

func (h *huffman) decodeLong(b *bitReader) (symbol int, ok bool) {
	word := uint32(b.acc >> 48)
	for l := h.rootBits + 1; l <= maxCode; l++ {
		if word < h.limit[l] {
			b.drop(l)
			return int(h.symbols[int32(word>>(maxCode-l))+h.skew[l]]), true
		}
	}
	return 0, false
}
