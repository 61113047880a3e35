package cabbuild

import (
	"cmp"
	"slices"
)

// code is a canonical Huffman code: word and length of each symbol.
type code struct {
	lengths []uint8
	words   []uint32
}

// newCode makes a code for symbols of these frequencies with words of at most
// limit bits. It has no words or at least two, as LZX wants it.
func newCode(freq []int, limit uint8) code {
	freq = slices.Clone(freq)
	switch live := slices.IndexFunc(freq, func(n int) bool { return n > 0 }); {
	case live < 0:
		return code{make([]uint8, len(freq)), make([]uint32, len(freq))}
	case live == 0:
		freq[1]++
	default:
		freq[0]++
	}
	lengths := huffmanLengths(freq)
	for slices.Max(lengths) > limit {
		for i, n := range freq {
			freq[i] = (n + 1) / 2
		}
		lengths = huffmanLengths(freq)
	}
	return code{lengths, canonical(lengths)}
}

// huffmanLengths merges the two rarest groups until one is left; each merge
// adds a bit to the words of its members.
func huffmanLengths(freq []int) []uint8 {
	type group struct {
		weight  int
		symbols []int
	}
	var groups []group
	for s, n := range freq {
		if n > 0 {
			groups = append(groups, group{n, []int{s}})
		}
	}
	lengths := make([]uint8, len(freq))
	byWeight := func(a, b group) int { return cmp.Compare(a.weight, b.weight) }
	slices.SortStableFunc(groups, byWeight)
	for len(groups) > 1 {
		merged := group{groups[0].weight + groups[1].weight, slices.Concat(groups[0].symbols, groups[1].symbols)}
		for _, s := range merged.symbols {
			lengths[s]++
		}
		groups = groups[2:]
		at, _ := slices.BinarySearchFunc(groups, merged, byWeight)
		groups = slices.Insert(groups, at, merged)
	}
	return lengths
}

// canonical numbers the words: shorter ones first, then by symbol.
func canonical(lengths []uint8) []uint32 {
	words := make([]uint32, len(lengths))
	word := uint32(0)
	for l := uint8(1); l <= 16; l++ {
		word <<= 1
		for s, n := range lengths {
			if n == l {
				words[s] = word
				word++
			}
		}
	}
	return words
}

func (c *code) write(w *bitWriter, symbol int) {
	w.put(c.words[symbol], int(c.lengths[symbol]))
}

// blockCodes are the codes of a verbatim or aligned block.
type blockCodes struct {
	main, length, aligned code
	useAligned            bool
}

func newBlockCodes(tokens []token, mainSymbols int, aligned bool) blockCodes {
	main, length, low := make([]int, mainSymbols), make([]int, 249), make([]int, 8)
	for _, t := range tokens {
		main[t.symbol]++
		if t.lengthCode >= 0 {
			length[t.lengthCode]++
		}
		if t.extra >= 3 {
			low[t.rest&7]++
		}
	}
	c := blockCodes{main: newCode(main, 16), length: newCode(length, 16), useAligned: aligned}
	if aligned {
		for i := range low {
			low[i]++ // cabextract refuses an aligned code without words
		}
		c.aligned = newCode(low, 7)
	}
	return c
}

func (c *blockCodes) write(w *bitWriter, t token) {
	c.main.write(w, t.symbol)
	if t.lengthCode >= 0 {
		c.length.write(w, t.lengthCode)
	}
	if c.useAligned && t.extra >= 3 {
		w.put(uint32(t.rest>>3), t.extra-3)
		c.aligned.write(w, t.rest&7)
		return
	}
	w.put(uint32(t.rest), t.extra)
}

// writeCodes writes the codes in front of a block's data.
func (e *encoder) writeCodes(c *blockCodes) {
	if c.useAligned {
		for _, l := range c.aligned.lengths {
			e.out.put(uint32(l), 3)
		}
	}
	writeLengths(&e.out, c.main.lengths[:256], e.mainLengths[:256])
	writeLengths(&e.out, c.main.lengths[256:], e.mainLengths[256:])
	writeLengths(&e.out, c.length.lengths, e.lengthLengths)
	e.mainLengths, e.lengthLengths = c.main.lengths, c.length.lengths
}

// change is one symbol of the pre-code with what follows it.
type change struct {
	symbol      int
	value, bits int // of the run
	then        int // the symbol a run of equal changes repeats, or -1
}

// writeLengths writes the lengths now as changes of those before.
func writeLengths(w *bitWriter, now, before []uint8) {
	changes := changesOf(now, before)
	freq := make([]int, 20)
	for _, c := range changes {
		freq[c.symbol]++
		if c.then >= 0 {
			freq[c.then]++
		}
	}
	pre := newCode(freq, 15)
	for _, l := range pre.lengths {
		w.put(uint32(l), 4)
	}
	for _, c := range changes {
		pre.write(w, c.symbol)
		w.put(uint32(c.value), c.bits)
		if c.then >= 0 {
			pre.write(w, c.then)
		}
	}
}

func changesOf(now, before []uint8) []change {
	var out []change
	for i := 0; i < len(now); {
		run := 1
		for i+run < len(now) && now[i+run] == now[i] {
			run++
		}
		diff := (int(before[i]) + 17 - int(now[i])) % 17
		c := change{symbol: diff, then: -1}
		switch {
		case now[i] == 0 && run >= 20:
			run = min(run, 51)
			c = change{18, run - 20, 5, -1}
		case now[i] == 0 && run >= 4:
			run = min(run, 19)
			c = change{17, run - 4, 4, -1}
		case now[i] != 0 && run >= 4:
			run = min(run, 5)
			c = change{19, run - 4, 1, diff}
		default:
			run = 1
		}
		out = append(out, c)
		i += run
	}
	return out
}

// bitWriter writes 16-bit little-endian words from the top bit down.
type bitWriter struct {
	out []byte
	acc uint64
	n   int
}

func (w *bitWriter) put(v uint32, bits int) {
	w.acc = w.acc<<bits | uint64(v)
	for w.n += bits; w.n >= 16; w.n -= 16 {
		word := w.acc >> (w.n - 16)
		w.out = append(w.out, byte(word), byte(word>>8))
	}
}

// align fills up the current word.
func (w *bitWriter) align() {
	if w.n > 0 {
		w.put(0, 16-w.n)
	}
}

// alignBeforeRaw writes the 1 to 16 bits in front of an uncompressed block.
func (w *bitWriter) alignBeforeRaw() {
	w.put(0, 16-w.n)
}

// raw writes whole bytes; the writer is aligned.
func (w *bitWriter) raw(b []byte) { w.out = append(w.out, b...) }

// take returns what was written and starts anew.
func (w *bitWriter) take() []byte {
	out := w.out
	w.out = nil
	return out
}
