package dwarf

// Tags and attributes that are looked at (DWARF 5, 7.5.3 and 7.5.4).
const (
	tagClass       = 0x02
	tagEnumeration = 0x04
	tagBlock       = 0x0b
	tagCompileUnit = 0x11
	tagStructure   = 0x13
	tagUnion       = 0x17
	tagInlined     = 0x1d
	tagSubprogram  = 0x2e
	tagVariable    = 0x34
	tagNamespace   = 0x39

	attrLocation       = 0x02
	attrName           = 0x03
	attrStmtList       = 0x10
	attrLowPC          = 0x11
	attrHighPC         = 0x12
	attrCompDir        = 0x1b
	attrAbstractOrigin = 0x31
	attrSpecification  = 0x47
	attrType           = 0x49
	attrEntryPC        = 0x52
	attrRanges         = 0x55
	attrCallColumn     = 0x57
	attrCallFile       = 0x58
	attrCallLine       = 0x59
	attrLinkageName    = 0x6e
	attrStrOffsetsBase = 0x72
	attrAddrBase       = 0x73
	attrRnglistsBase   = 0x74
	attrMIPSLinkage    = 0x2007
	attrGNUAddrBase    = 0x2133

	opAddr  = 0x03
	opAddrx = 0xa1

	unitCompile, unitSkeleton = 1, 4 // kinds of units (DWARF 5, 7.5.1)
	unitType, unitSplitType   = 2, 6
)
