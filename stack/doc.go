// Package stack walks stacks in the target of a [symres.Session]: it gives
// package unwind what the session knows of modules.
//
// The bytes of a module come from the target's memory, page by page, and where
// a page is out from a copy of the image along the session's paths: the one
// package identify accepts by its fields and by every page that is resident. A
// copy that differs is refused, and a walk that would have needed it says which
// page is out and why no copy was taken. Records about frames come from the PDB
// the session loads for the module.
//
//	stacks := stack.New(session)
//	defer stacks.Close()
//	for f, err := range unwind.Walk(ctx, stacks.Config(), registers) {
//		...
//	}
package stack
