// Package identify finds out which image a module in a target is, and how well
// that is proven, when only some of its pages are in memory.
//
// It is a pipeline of values:
//
//	facts := identify.Gather(ctx, target)            // what the target itself says, rung by rung
//	copies := identify.Find(ctx, facts, search, ...) // files that may be the image, batch by batch
//	matches, notes := identify.Weigh(facts, batch)   // held against the facts and the resident pages, the best first
//	report := identify.Tell(outcome)                 // the whole story
//
// Facts are read once; later loads receive the results of earlier ones as
// [Known]. A [Copies] opens files along the paths of a [Search], which keeps
// the list of all places that were tried. A [Match] carries the label, see
// [ProofOf], and the [Evidence] for it: which field, what the target and the
// copy say of it, each as a [Value] of the field's own type, and what comparing
// them gave. Nothing is kept between calls, so a comparison for its own sake
// leaves no trace.
//
// Text, JSON and the picture of resident pages are renderings of these values,
// all in one file; so is what to try next, see [Step]. docs/proof.md has the rules.
//
// Nothing that is read is trusted. Names from the target are shown and never
// opened, and files are looked for only along the paths of the [Search].
package identify
