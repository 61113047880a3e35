package ranged

import "slices"

// run is a stretch of blocks that one request brings.
type run struct{ first, n int64 }

const (
	// maxFlight is how many requests are under way at once.
	maxFlight = 64
	// maxWaste is how many bytes nobody asked for may come along to have no more
	// requests than are under way at once. Each byte beyond muchAsked allows for
	// three more.
	maxWaste  = 6 << 20
	muchAsked = 9 << 20
	// manyRuns is how many requests are so many that three bytes may come along for
	// each that was asked for, to have no more: what is slow is a long way, not a narrow one.
	manyRuns = 6 * maxFlight
	// cutRun is how long one request is: longer stretches come in several, side by side.
	cutRun = 1 << 20 / Block
)

// plan joins blocks, ascending and each once, to runs: the smallest gaps are fetched
// along until the runs are so few that all are under way at once, or until that
// would be too much.
func plan(blocks []int64) []run {
	gaps := make([]int64, 0, len(blocks))
	for i := 1; i < len(blocks); i++ {
		if gap := blocks[i] - blocks[i-1] - 1; gap > 0 {
			gaps = append(gaps, gap)
		}
	}
	slices.Sort(gaps)
	most, waste := int64(0), int64(0)
	asked := int64(len(blocks)) * Block
	allowed := maxWaste + 3*max(0, asked-muchAsked)
	for i, gap := range gaps {
		waste += gap * Block
		if runs := len(gaps) - i; runs < maxFlight || waste > allowed && (runs < manyRuns || waste > 3*asked) {
			break
		}
		most = gap
	}
	var runs []run
	for _, b := range blocks {
		if i := len(runs) - 1; i >= 0 && b-runs[i].first-runs[i].n <= most {
			runs[i].n = b + 1 - runs[i].first
		} else {
			runs = append(runs, run{b, 1})
		}
	}
	return cut(runs, cutRun)
}

// cut divides runs that are longer than n blocks.
func cut(runs []run, n int64) []run {
	var out []run
	for _, r := range runs {
		for ; r.n > n; r.first, r.n = r.first+n, r.n-n {
			out = append(out, run{r.first, n})
		}
		out = append(out, r)
	}
	return out
}
