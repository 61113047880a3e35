// Package analyze says what happened in a target: the bug check or exception and
// what its numbers mean, which address was accessed and what is there, whose code
// did it, who called that, and what is missing to say more.
//
//	t, err := target.Open(ctx, "crash.dmp", target.Options{})
//	result, err := analyze.Run(ctx, t, analyze.Options{})
//	fmt.Println(result.Name, result.Culprit, result.Bucket)
//
// A [Result] holds no guess that is not marked as one: frames and names carry their
// proof, and what could not be read is in Missing and Warnings.
//
// # What is loaded
//
// The symbols of the modules on the stack, several at the same time, and of no
// others. To compare code in memory with that of the files, copies of images are
// looked for where [Options] say; by default along the paths of the session.
//
// # Security
//
// Everything in a target may be forged. Work is bounded by the size of the target
// and by what packages unwind and identify allow. Texts hold names of the target:
// escape them before you show them.
//
// What bug checks, exceptions and their parameters are is from Microsoft's public
// reference and headers; see [target.BugCheck] and [target.Exception].
package analyze
