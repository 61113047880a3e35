package process

// ParseMaps and ReadPages are the parts that need no live process.
var (
	ParseMaps = parseMaps
	ReadPages = readPages
)
