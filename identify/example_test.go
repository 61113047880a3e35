package identify_test

import (
	"context"
	"fmt"

	"github.com/symres/symres/identify"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
)

// open returns what the demo's dump lists of a driver whose image header is in
// the page file.
func open() (identify.Target, error) {
	dump, err := crashdump.Open("../testdata/demo/MEMORY.DMP")
	if err != nil {
		return identify.Target{}, err
	}
	kernel, err := nt.FromDump(dump)
	if err != nil {
		return identify.Target{}, err
	}
	m := identify.Module{Image: "Fs_Rec.SYS", Base: 0xfe0c8000, Size: 0x2000, CheckSum: 0xcbaf, Origin: "loaded-module list"}
	return identify.Target{Module: m, Memory: kernel.Memory()}, nil
}

// The whole pipeline, for one module: what the target says, the copies along
// the path, and how well they agree.
func Example() {
	ctx := context.Background()
	target, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	facts := identify.Gather(ctx, target)
	path, err := sympath.Parse("../testdata/demo/symbols")
	if err != nil {
		fmt.Println(err)
		return
	}
	search := &identify.Search{Symbols: path.Store(sympath.Options{})}
	copies := identify.Find(ctx, facts, search, identify.CheckKnown.Screen())
	defer copies.Close()
	batch, _, err := copies.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	matches, _ := identify.Weigh(facts, batch)
	for _, m := range matches {
		fmt.Println(m.Copy.Image.CodeView.ID().Key(), m.Identity, m.Verdict(), m.Proof())
		m.Copy.Close()
	}
	// Output:
	// 14E92E589B4397134C4C44205044422E1 checksum-size likely weak
}

// What the target says by itself, with the header out of memory.
func ExampleGather() {
	target, err := open()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range identify.Gather(context.Background(), target).Evidence {
		fmt.Println(e.Line())
	}
	// Output:
	// image header not resident (fe0c8000: paged out: pagefile 0 offset 0x1234000)
	// module list: size 2000 rounded, checksum cbaf (loaded-module list)
	// RSDS scan: RSDS record not resident (none in 1 resident pages)
}

// Values have the types of their fields.
func ExampleEvidence() {
	e := identify.Evidence{
		Rung: identify.RungCopy, Field: identify.FieldCheckSum,
		Target: identify.CheckSum(0x1029a), Copy: identify.CheckSum(0x1029b), Result: identify.ComparisonDiffers,
	}
	if sum, ok := e.Target.(identify.CheckSum); ok {
		fmt.Println(sum > 0x10000)
	}
	fmt.Println(e)
	// Output:
	// true
	// CheckSum differs: target 1029a, copy 1029b
}

// The label of a copy that has the stamp and size of the target's image, and of
// one that has them while a page differs.
func ExampleProofOf() {
	fmt.Println(identify.ProofOf(identify.IdentityImageKey, identify.VerdictLikely, false))
	fmt.Println(identify.ProofOf(identify.IdentityImageKey, identify.VerdictMismatch, true))
	// Output:
	// image
	// name-only
}
