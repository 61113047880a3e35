package pdb

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// FramesOf is [File.Frames] for many addresses: the frames of each, in the
// order they were given. It takes them in the order of the addresses, so that
// what lies together is read together, and shares them out among workers,
// which may be 1. All that is asked for is in memory at once: millions of
// addresses are given a part at a time.
func (f *File) FramesOf(rvas []uint32, workers int) ([][]Frame, error) {
	order := make([]uint64, len(rvas)) // address<<32 | its number
	for i, rva := range rvas {
		order[i] = uint64(rva)<<32 | uint64(i)
	}
	slices.Sort(order)
	out := make([][]Frame, len(rvas))
	workers = max(1, min(workers, len(rvas)/minShare))
	errs := make([]error, workers*sharesEach)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(errs); i = int(next.Add(1)) - 1 {
				errs[i] = f.framesOf(order[shareOf(len(order), i, len(errs)):shareOf(len(order), i+1, len(errs))], out)
			}
		})
	}
	wg.Wait()
	if err := cmp.Or(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

const (
	minShare   = 64  // addresses that are worth a worker
	sharesEach = 4   // of the addresses for each worker: all are done at about the same time
	frameBatch = 512 // frames that are allocated at a time
)

// framesOf answers a share of the addresses.
func (f *File) framesOf(share []uint64, out [][]Frame) error {
	var room []Frame
	for _, at := range share {
		if cap(room)-len(room) < frameBatch/8 {
			room = make([]Frame, 0, frameBatch)
		}
		start := len(room)
		var err error
		if room, err = f.AppendFrames(room, uint32(at>>32)); err != nil {
			return err
		}
		out[uint32(at)] = room[start:len(room):len(room)]
	}
	return nil
}

// shareOf returns where share i of n begins.
func shareOf(n, i, shares int) int { return int(int64(n) * int64(i) / int64(shares)) }
