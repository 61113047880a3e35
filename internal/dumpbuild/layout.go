package dumpbuild

// layout is where the builder puts things in one kernel, and what no type says.
type layout struct {
	pointer                          uint64
	poolHeader                       uint64
	nonPaged, pagedPool, nonPagedEnd uint64 // virtual addresses
	pfnDatabase                      uint64
	stacks, sessions                 uint64 // kernel stacks, and what each session has
	shared, pcr, descriptors         uint64 // KUSER_SHARED_DATA, KPCR, the descriptor tables
	firstFrame, kernelFrames         uint64 // page frame numbers
	headerSize, headerRuns, mostRuns uint64
	selfMap                          uint64 // entry of the top table that maps the tables themselves
}

const (
	buildWindows10 = 10240
	buildXP        = 2600
	build2003      = 3790
	build7         = 7601
	build8         = 9200
	build81        = 9600
	build1803      = 17134
	build2004      = 19041
	build26H1      = 28000
)

func layout32() layout {
	return layout{
		pointer: 4, poolHeader: 8, nonPaged: 0x81000000, pagedPool: 0xe1000000, nonPagedEnd: 0xffbe0000, pfnDatabase: 0x80c00000,
		stacks: 0xf8a00000, sessions: 0xf7a00000, shared: 0xffdf0000, pcr: 0xffdff000, descriptors: 0x8003f000,
		firstFrame: 0x39, kernelFrames: 0x400,
		headerSize: 0x1000, headerRuns: 0x64, mostRuns: (700 - 8) / 8, selfMap: 0x300,
	}
}

func layout64() layout {
	return layout{
		pointer: 8, poolHeader: 16, nonPaged: 0xffffbe8000010000, pagedPool: 0xffffd90000000000, nonPagedEnd: 0xffffce8000000000,
		pfnDatabase: 0xffffbb0000000000, stacks: 0xfffff88003a00000, sessions: 0xfffff88002d00000,
		shared: 0xfffff78000000000, pcr: 0xfffff88002f00000, descriptors: 0xfffff88002f10000,
		firstFrame: 0x1aa, kernelFrames: 0x2e00,
		headerSize: 0x2000, headerRuns: 0x88, mostRuns: 42, selfMap: 0x1ed,
	}
}
