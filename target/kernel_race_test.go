package target_test

import (
	"context"
	"sync"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/target"
)

// TestSession_concurrent_process adds a process, loads, verifies and looks up
// from many goroutines at once, and closes the session meanwhile.
func TestSession_concurrent_process(t *testing.T) {
	k, share := userTarget(t, "user/x64/notepad.pdb", "user/x64/notepad.exe", "user/x64/ExplorerFrame.pdb", "user/x64/ExplorerFrame.dll")
	v, err := k.View(processNamed(t, k, "notepad.exe"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := symres.NewSession(symres.Config{Memory: v.Memory(), Machine: k.Machine(), Contexts: k, Symbols: share})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := target.AddProcess(s, v); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { target.AddProcess(s, v) }) // the modules are there already
		wg.Go(func() {
			if r, err := s.Load(ctx, "notepad"); err != nil || r.Proof != symres.ProofExact {
				t.Errorf("load: %v", err)
			}
		})
		wg.Go(func() {
			if r, err := s.Verify(ctx, "notepad"); err != nil || r.Pages == nil {
				t.Errorf("verify: %v", err)
			}
		})
		wg.Go(func() {
			n := 0
			for _, err := range s.Lookup(ctx, "notepad!Notepad*") {
				if n++; err != nil {
					t.Errorf("lookup: %v", err)
				}
			}
			if n == 0 {
				t.Error("lookup found nothing")
			}
		})
		wg.Go(func() {
			for _, r := range s.Modules() {
				_ = len(r.Evidence) + len(r.Attempts)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
