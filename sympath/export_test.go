package sympath

// Rules that are easier to show than to provoke.
var (
	CompressedName = compressedName
	FirstTwo       = firstTwo
	IsShare        = isShare
)
