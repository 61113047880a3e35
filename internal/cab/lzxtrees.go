package cab

// lzxTrees are the Huffman codes of a block. Each block states its code
// lengths as differences from those of the block before, so these are kept.
type lzxTrees struct {
	main, length, aligned, pre *huffman
	mainLengths                []uint8
	lengthLengths              [lengthSymbols]uint8
}

// Numbers of symbols and bits of the two codes that are stated plainly.
const (
	preSymbols     = 20
	preBits        = 4
	alignedSymbols = 8
	alignedBits    = 3
)

func newTrees(mainSymbols int) lzxTrees {
	return lzxTrees{
		main:        newHuffman(mainSymbols, 11),
		length:      newHuffman(lengthSymbols, 9),
		aligned:     newHuffman(alignedSymbols, 7),
		pre:         newHuffman(preSymbols, 6),
		mainLengths: make([]uint8, mainSymbols),
	}
}

// read takes in the codes of a verbatim or aligned block: the aligned code
// first, then literals, matches and match lengths.
func (t *lzxTrees) read(in *bitReader, aligned bool) error {
	if aligned {
		if err := readPlain(in, t.aligned, alignedSymbols, alignedBits); err != nil {
			return err
		}
	}
	for _, part := range [][]uint8{t.mainLengths[:literals], t.mainLengths[literals:], t.lengthLengths[:]} {
		if err := t.update(in, part); err != nil {
			return err
		}
	}
	if err := t.main.build(t.mainLengths); err != nil {
		return err
	}
	return t.length.build(t.lengthLengths[:])
}

// readPlain reads a code whose word lengths are numbers of width bits.
func readPlain(in *bitReader, h *huffman, symbols int, width uint) error {
	var lengths [preSymbols]uint8
	for i := range symbols {
		lengths[i] = uint8(in.bits(width))
	}
	return h.build(lengths[:symbols])
}

// update changes word lengths by the differences in the input. Symbols of the
// pre-code: 0 to 16 take that much off modulo 17; 17 and 18 are runs of zeros;
// 19 repeats one change ([MS-PATCH] 2.5.2).
func (t *lzxTrees) update(in *bitReader, lengths []uint8) error {
	if err := readPlain(in, t.pre, preSymbols, preBits); err != nil {
		return err
	}
	for i := 0; i < len(lengths); {
		value, run, err := t.change(in, lengths[i])
		if err != nil {
			return err
		}
		if run > len(lengths)-i {
			return corrupt("LZX run of %d code lengths, %d to go", run, len(lengths)-i)
		}
		for range run {
			lengths[i] = value
			i++
		}
	}
	return nil
}

// change reads the next change: a new length and how many symbols get it.
func (t *lzxTrees) change(in *bitReader, old uint8) (value uint8, run int, err error) {
	in.need()
	symbol, ok := t.pre.decode(in)
	run = 1
	switch symbol {
	case 17:
		return 0, 4 + int(in.bits(4)), nil
	case 18:
		return 0, 20 + int(in.bits(5)), nil
	case 19:
		run = 4 + int(in.bits(1))
		in.need()
		symbol, ok = t.pre.decode(in)
	}
	if !ok || symbol > maxCode {
		return 0, 0, corrupt("LZX code length by symbol %d", symbol)
	}
	return uint8((int(old) + 17 - symbol) % 17), run, nil
}
