package stack_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/stack"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/unwind"
)

// TestName_loads: the symbols of the modules on a stack are looked for at the same
// time, and those of no others.
func TestName_loads(t *testing.T) {
	var mu sync.Mutex
	asked, arrived := map[string]bool{}, make(chan struct{}, 3)
	all := make(chan struct{})
	store := sympath.NewStore("pdbs", func(ctx context.Context, q sympath.Query) iter.Seq2[sympath.Candidate, error] {
		mu.Lock()
		first := !asked[q.File]
		asked[q.File] = true
		mu.Unlock()
		if first && strings.HasSuffix(q.File, ".dll") {
			if arrived <- struct{}{}; len(arrived) == cap(arrived) {
				close(all)
			}
		}
		select { // until all three are on their way
		case <-all:
		case <-ctx.Done():
		}
		return func(func(sympath.Candidate, error) bool) {}
	})
	s, err := symres.NewSession(symres.Config{Machine: uint16(unwind.X64), Symbols: store})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, name := range []string{"a.dll", "b.dll", "c.dll", "other.dll"} {
		if err := s.Add(symres.Module{Image: name, Base: uint64(i+1) << 20, Size: 0x1000, TimeDateStamp: 7}); err != nil {
			t.Fatal(err)
		}
	}
	stacks := stack.New(s)
	defer stacks.Close()
	var walked []unwind.Frame
	for i := range 6 {
		pc := uint64(i%3+1)<<20 + 0x10
		walked = append(walked, unwind.Frame{Context: unwind.Context{Machine: unwind.X64, PC: pc}, Module: stacks.Config().Modules.Module(pc)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, f := range stacks.Name(ctx, 7, walked) {
		if f.Err == nil || errors.Is(f.Err, context.DeadlineExceeded) {
			t.Errorf("%v: %v", &f, f.Err)
		}
	}
	if len(asked) != 3 || asked["other.dll"] {
		t.Errorf("asked for %v", asked)
	}
}
