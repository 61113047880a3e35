//go:build !(unix || windows)

package fsx

func outOfDescriptors(error) bool { return false }

// MaxDescriptors returns how many files are safe to hold open at once.
func MaxDescriptors() int { return 256 }
