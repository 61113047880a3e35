package sympath

// The names of store forms, whose rules are easier to show than to provoke.
var (
	CompressedName = compressedName
	FirstTwo       = firstTwo
)
