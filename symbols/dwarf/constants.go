package dwarf

// Tags and attributes that are looked at (DWARF 5, 7.5.3 and 7.5.4).
const (
	tagArray       = 0x01
	tagClass       = 0x02
	tagEnumeration = 0x04
	tagParameter   = 0x05
	tagBlock       = 0x0b
	tagMember      = 0x0d
	tagPointer     = 0x0f
	tagReference   = 0x10
	tagCompileUnit = 0x11
	tagStructure   = 0x13
	tagSubroutine  = 0x15
	tagTypedef     = 0x16
	tagUnion       = 0x17
	tagInheritance = 0x1c
	tagInlined     = 0x1d
	tagToMember    = 0x1f
	tagSubrange    = 0x21
	tagBase        = 0x24
	tagConst       = 0x26
	tagEnumerator  = 0x28
	tagSubprogram  = 0x2e
	tagVariable    = 0x34
	tagVolatile    = 0x35
	tagRestrict    = 0x37
	tagNamespace   = 0x39
	tagRvalue      = 0x42
	tagAtomic      = 0x47

	attrSibling        = 0x01
	attrLocation       = 0x02
	attrName           = 0x03
	attrByteSize       = 0x0b
	attrStmtList       = 0x10
	attrLowPC          = 0x11
	attrHighPC         = 0x12
	attrCompDir        = 0x1b
	attrConstValue     = 0x1c
	attrLowerBound     = 0x22
	attrUpperBound     = 0x2f
	attrAbstractOrigin = 0x31
	attrCount          = 0x37
	attrMemberAt       = 0x38
	attrDeclaration    = 0x3c
	attrEncoding       = 0x3e
	attrFrameBase      = 0x40
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
	attrLoclistsBase   = 0x8c
	attrMIPSLinkage    = 0x2007
	attrGNUAddrBase    = 0x2133

	unitCompile, unitSkeleton = 1, 4 // kinds of units (DWARF 5, 7.5.1)
	unitType, unitSplitType   = 2, 6
)
