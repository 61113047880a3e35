package cab

// Limits bounds what one container may expand to. The zero value means the
// defaults. All counts are bytes.
type Limits struct {
	// MaxSize is the most a member may expand to; 0 means 8 GiB.
	MaxSize int64
	// MaxRatio is how many times the size of the container its data may
	// expand to once it is past RatioFrom; 0 means 200, below 0 no limit.
	MaxRatio int64
	// RatioFrom is the size up to which any ratio is fine; 0 means 16 MiB.
	RatioFrom int64
}

const (
	defaultMaxSize   = 8 << 30
	defaultMaxRatio  = 200
	defaultRatioFrom = 16 << 20
)

// budget counts what is still allowed to come out of one container.
type budget struct {
	left int64
	err  *LimitError
}

// budget returns what a container of the given size may expand to.
func (l Limits) budget(size int64) budget {
	most := &LimitError{Limit: "MaxSize", Max: or(l.MaxSize, defaultMaxSize)}
	if ratio := or(l.MaxRatio, defaultMaxRatio); ratio > 0 {
		if byRatio := max(mulCap(ratio, size), or(l.RatioFrom, defaultRatioFrom)); byRatio < most.Max {
			most = &LimitError{Limit: "MaxRatio", Max: byRatio}
		}
	}
	return budget{left: most.Max, err: most}
}

// spend takes n bytes off the budget.
func (b *budget) spend(n int64) error {
	if n > b.left {
		return b.err
	}
	b.left -= n
	return nil
}

func or(v, def int64) int64 {
	if v == 0 {
		return def
	}
	return v
}

// mulCap multiplies two counts and stops at the largest int64.
func mulCap(a, b int64) int64 {
	const most = 1<<63 - 1
	if a > 0 && b > most/a {
		return most
	}
	return a * b
}
