package codeview

import "fmt"

// Leaf is the kind of a type record (LEAF_ENUM_e of cvinfo.h).
type Leaf uint16

// Leaves of type records and of the entries of field lists. Older forms of
// the same records, with 16-bit type indices or with a length byte before
// names, are read as these.
const (
	leafVTShape   Leaf = 0x000A
	LeafModifier  Leaf = 0x1001
	LeafPointer   Leaf = 0x1002
	LeafProcedure Leaf = 0x1008
	LeafMFunction Leaf = 0x1009

	LeafArgList    Leaf = 0x1201
	LeafFieldList  Leaf = 0x1203
	LeafBitField   Leaf = 0x1205
	LeafMethodList Leaf = 0x1206

	LeafBClass    Leaf = 0x1400
	LeafVBClass   Leaf = 0x1401
	LeafIVBClass  Leaf = 0x1402
	LeafIndex     Leaf = 0x1404
	LeafVFuncTab  Leaf = 0x1409
	LeafFriendCls Leaf = 0x140A
	LeafVFuncOff  Leaf = 0x140C

	LeafEnumerate    Leaf = 0x1502
	LeafArray        Leaf = 0x1503
	LeafClass        Leaf = 0x1504
	leafStructure    Leaf = 0x1505
	LeafUnion        Leaf = 0x1506
	LeafEnum         Leaf = 0x1507
	LeafAlias        Leaf = 0x150A
	LeafFriendFcn    Leaf = 0x150C
	LeafMember       Leaf = 0x150D
	LeafStMember     Leaf = 0x150E
	LeafMethod       Leaf = 0x150F
	LeafNestType     Leaf = 0x1510
	LeafOneMethod    Leaf = 0x1511
	LeafNestTypeEx   Leaf = 0x1512
	LeafMemberModify Leaf = 0x1513
	LeafInterface    Leaf = 0x1519
	LeafBInterface   Leaf = 0x151A
	leafVFTable      Leaf = 0x151D

	LeafFuncID        Leaf = 0x1601
	LeafMFuncID       Leaf = 0x1602
	leafBuildInfo     Leaf = 0x1603
	LeafSubstrList    Leaf = 0x1604
	LeafStringID      Leaf = 0x1605
	leafUDTSrcLine    Leaf = 0x1606
	leafUDTModSrcLine Leaf = 0x1607

	// The forms with 32 bits of properties (microsoft-pdb issue 50).
	LeafClass2     Leaf = 0x1608
	leafStructure2 Leaf = 0x1609
	LeafUnion2     Leaf = 0x160A
	LeafInterface2 Leaf = 0x160B
)

const (
	lastNarrow Leaf = 0x0FFF // up to here type indices have 16 bits
	lastST     Leaf = 0x14FF // up to here names have a length byte before them
)

// String returns the name the leaf has in Microsoft's headers.
func (l Leaf) String() string {
	name := l.modern().name()
	switch {
	case name == "":
		return fmt.Sprintf("0x%04x", uint16(l))
	case l == l.modern():
		return name
	case l <= lastNarrow && l.modern() != LeafEnumerate:
		return name + "_16t"
	}
	return name + "_ST"
}

func (l Leaf) name() string {
	for _, known := range [...]struct {
		leaf Leaf
		name string
	}{
		{leafVTShape, "LF_VTSHAPE"},
		{LeafModifier, "LF_MODIFIER"},
		{LeafPointer, "LF_POINTER"},
		{LeafProcedure, "LF_PROCEDURE"},
		{LeafMFunction, "LF_MFUNCTION"},
		{LeafArgList, "LF_ARGLIST"},
		{LeafFieldList, "LF_FIELDLIST"},
		{LeafBitField, "LF_BITFIELD"},
		{LeafMethodList, "LF_METHODLIST"},
		{LeafArray, "LF_ARRAY"},
		{LeafAlias, "LF_ALIAS"},
		{leafVFTable, "LF_VFTABLE"},
		{LeafClass, "LF_CLASS"},
		{leafStructure, "LF_STRUCTURE"},
		{LeafUnion, "LF_UNION"},
		{LeafEnum, "LF_ENUM"},
		{LeafInterface, "LF_INTERFACE"},
		{LeafClass2, "LF_CLASS2"},
		{leafStructure2, "LF_STRUCTURE2"},
		{LeafUnion2, "LF_UNION2"},
		{LeafInterface2, "LF_INTERFACE2"},
		{LeafBClass, "LF_BCLASS"},
		{LeafBInterface, "LF_BINTERFACE"},
		{LeafVBClass, "LF_VBCLASS"},
		{LeafIVBClass, "LF_IVBCLASS"},
		{LeafIndex, "LF_INDEX"},
		{LeafVFuncTab, "LF_VFUNCTAB"},
		{LeafVFuncOff, "LF_VFUNCOFF"},
		{LeafFriendCls, "LF_FRIENDCLS"},
		{LeafFriendFcn, "LF_FRIENDFCN"},
		{LeafEnumerate, "LF_ENUMERATE"},
		{LeafMember, "LF_MEMBER"},
		{LeafStMember, "LF_STMEMBER"},
		{LeafMethod, "LF_METHOD"},
		{LeafOneMethod, "LF_ONEMETHOD"},
		{LeafNestType, "LF_NESTTYPE"},
		{LeafNestTypeEx, "LF_NESTTYPEEX"},
		{LeafMemberModify, "LF_MEMBERMODIFY"},
		{LeafFuncID, "LF_FUNC_ID"},
		{LeafMFuncID, "LF_MFUNC_ID"},
		{leafBuildInfo, "LF_BUILDINFO"},
		{LeafSubstrList, "LF_SUBSTR_LIST"},
		{LeafStringID, "LF_STRING_ID"},
		{leafUDTSrcLine, "LF_UDT_SRC_LINE"},
		{leafUDTModSrcLine, "LF_UDT_MOD_SRC_LINE"},
	} {
		if known.leaf == l {
			return known.name
		}
	}
	return ""
}

// modern returns the current leaf of an older form, other leaves unchanged.
func (l Leaf) modern() Leaf {
	switch {
	case l <= lastNarrow:
		return l.widened()
	case l >= 0x1003 && l <= 0x1007: // LF_ARRAY_ST to LF_ENUM_ST
		return l - 0x1003 + LeafArray
	case l >= 0x1405 && l <= 0x1408: // LF_MEMBER_ST to LF_NESTTYPE_ST
		return l - 0x1405 + LeafMember
	}
	switch l {
	case 0x1010:
		return LeafAlias
	case 0x1403:
		return LeafFriendFcn
	case 0x140B:
		return LeafOneMethod
	case 0x140D:
		return LeafNestTypeEx
	case 0x140E:
		return LeafMemberModify
	}
	return l
}

// widened returns the current leaf of a form with 16-bit type indices.
func (l Leaf) widened() Leaf {
	switch {
	case l >= 0x0003 && l <= 0x0007: // LF_ARRAY_16t to LF_ENUM_16t
		return l - 0x0003 + LeafArray
	case l >= 0x0400 && l <= 0x0402: // LF_BCLASS_16t to LF_IVBCLASS_16t
		return l - 0x0400 + LeafBClass
	case l >= 0x0406 && l <= 0x0409: // LF_MEMBER_16t to LF_NESTTYPE_16t
		return l - 0x0406 + LeafMember
	}
	for _, form := range [...]struct{ old, now Leaf }{
		{0x0001, LeafModifier},
		{0x0002, LeafPointer},
		{0x0008, LeafProcedure},
		{0x0009, LeafMFunction},
		{0x0201, LeafArgList},
		{0x0204, LeafFieldList},
		{0x0206, LeafBitField},
		{0x0207, LeafMethodList},
		{0x0403, LeafEnumerate}, // LF_ENUMERATE_ST, which has no type index
		{0x0404, LeafFriendFcn},
		{0x0405, LeafIndex},
		{0x040A, LeafVFuncTab},
		{0x040B, LeafFriendCls},
		{0x040C, LeafOneMethod},
		{0x040D, LeafVFuncOff},
	} {
		if form.old == l {
			return form.now
		}
	}
	return l
}
