package source

import "slices"

// Sorted is a sorted list in a file that may be far away: what a search by halves reads of
// it waits for what it read before.
type Sorted interface {
	Len() uint32
	// Expect asks for entries, which are in order and may repeat.
	Expect(at []uint32)
	// KeyAt returns the key of an entry. Those that have the upper 32 bits in common may
	// be taken to be spread evenly.
	KeyAt(i uint32) (uint64, error)
}

const (
	farLevels = 4 // steps of a search that are asked for at first, whatever their answers
	farRounds = 5 // guesses at most
	farBeside = 4 // entries on both sides of a guess
)

// Foresee asks for the entries that a search by halves for want will read, in as few
// rounds as it can: its first steps, then the place where the key should be by its
// share of what lies between, and the steps that lead there. The search itself is made
// afterwards, with all its checks, and finds them at hand.
func Foresee(m Sorted, want uint64) {
	lo, hi := uint32(0), m.Len()
	loKey, hiKey := uint64(0), ^uint64(0)
	at := levels(nil, 0, m.Len(), farLevels)
	for range farRounds {
		slices.Sort(at)
		m.Expect(at)
		for _, i := range at {
			if i < lo || i >= hi {
				continue
			}
			k, err := m.KeyAt(i)
			if err != nil {
				return // the search will see why
			}
			if k > want {
				hi, hiKey = i, k
				break
			}
			lo, loKey = i+1, k
		}
		if lo == hi {
			break
		}
		at = nearGuess(at[:0], lo, hi, loKey, hiKey, want, m.Len())
	}
	at = steps(at[:0], lo, m.Len())
	for i := lo - min(lo, 3); i < min(lo+2, m.Len()); i++ {
		at = append(at, i)
	}
	slices.Sort(at)
	m.Expect(at)
}

// levels appends the entries of the first steps of a search from lo to hi.
func levels(at []uint32, lo, hi uint32, n int) []uint32 {
	if n == 0 || lo >= hi {
		return at
	}
	mid := lo + (hi-lo)/2
	return levels(levels(append(at, mid), lo, mid, n-1), mid+1, hi, n-1)
}

// steps appends the entries of a search that ends at to.
func steps(at []uint32, to, n uint32) []uint32 {
	for lo, hi := uint32(0), n; lo < hi; {
		mid := lo + (hi-lo)/2
		if at = append(at, mid); mid < to {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return at
}

// nearGuess appends the entries to ask for around where want should be between lo and hi,
// closer together the nearer they are, and the steps that lead there.
func nearGuess(at []uint32, lo, hi uint32, loKey, hiKey, want uint64, n uint32) []uint32 {
	if loKey>>32 != hiKey>>32 || hiKey <= loKey {
		return levels(at, lo, hi, farLevels)
	}
	guess := lo + min(hi-lo-1, uint32(float64(hi-lo)*float64(want-loKey)/float64(hiKey-loKey)))
	for d, step := uint64(0), uint64(1); d < uint64(hi-lo); d += step {
		if uint64(guess-lo) >= d {
			at = append(at, guess-uint32(d))
		}
		if d > 0 && d < uint64(hi-guess) {
			at = append(at, guess+uint32(d))
		}
		if d >= farBeside {
			step = 4 * d
		}
	}
	return steps(at, guess, n)
}
