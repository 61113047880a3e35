package pdb

import "fmt"

// Leaf is the kind of a type record (LEAF_ENUM_e of cvinfo.h).
type Leaf uint16

// Leaves of type records and of the entries of field lists. Older forms of
// the same records, with 16-bit type indices or with a length byte before
// names, are read as these.
const (
	leafVTShape   Leaf = 0x000A
	leafModifier  Leaf = 0x1001
	leafPointer   Leaf = 0x1002
	leafProcedure Leaf = 0x1008
	leafMFunction Leaf = 0x1009

	leafArgList    Leaf = 0x1201
	leafFieldList  Leaf = 0x1203
	leafBitField   Leaf = 0x1205
	leafMethodList Leaf = 0x1206

	leafBClass    Leaf = 0x1400
	leafVBClass   Leaf = 0x1401
	leafIVBClass  Leaf = 0x1402
	leafIndex     Leaf = 0x1404
	leafVFuncTab  Leaf = 0x1409
	leafFriendCls Leaf = 0x140A
	leafVFuncOff  Leaf = 0x140C

	leafEnumerate    Leaf = 0x1502
	leafArray        Leaf = 0x1503
	leafClass        Leaf = 0x1504
	leafStructure    Leaf = 0x1505
	leafUnion        Leaf = 0x1506
	leafEnum         Leaf = 0x1507
	leafAlias        Leaf = 0x150A
	leafFriendFcn    Leaf = 0x150C
	leafMember       Leaf = 0x150D
	leafStMember     Leaf = 0x150E
	leafMethod       Leaf = 0x150F
	leafNestType     Leaf = 0x1510
	leafOneMethod    Leaf = 0x1511
	leafNestTypeEx   Leaf = 0x1512
	leafMemberModify Leaf = 0x1513
	leafInterface    Leaf = 0x1519
	leafBInterface   Leaf = 0x151A
	leafVFTable      Leaf = 0x151D

	leafFuncID        Leaf = 0x1601
	leafMFuncID       Leaf = 0x1602
	leafBuildInfo     Leaf = 0x1603
	leafSubstrList    Leaf = 0x1604
	leafStringID      Leaf = 0x1605
	leafUDTSrcLine    Leaf = 0x1606
	leafUDTModSrcLine Leaf = 0x1607

	// The forms with 32 bits of properties (microsoft-pdb issue 50).
	leafClass2     Leaf = 0x1608
	leafStructure2 Leaf = 0x1609
	leafUnion2     Leaf = 0x160A
	leafInterface2 Leaf = 0x160B
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
	case l <= lastNarrow && l.modern() != leafEnumerate:
		return name + "_16t"
	}
	return name + "_ST"
}

func (l Leaf) name() string {
	switch l {
	case leafVTShape:
		return "LF_VTSHAPE"
	case leafModifier:
		return "LF_MODIFIER"
	case leafPointer:
		return "LF_POINTER"
	case leafProcedure:
		return "LF_PROCEDURE"
	case leafMFunction:
		return "LF_MFUNCTION"
	case leafArgList:
		return "LF_ARGLIST"
	case leafFieldList:
		return "LF_FIELDLIST"
	case leafBitField:
		return "LF_BITFIELD"
	case leafMethodList:
		return "LF_METHODLIST"
	case leafArray:
		return "LF_ARRAY"
	case leafAlias:
		return "LF_ALIAS"
	case leafVFTable:
		return "LF_VFTABLE"
	}
	return l.nameTag() + l.nameEntry() + l.nameID()
}

// nameTag names the records of types that have a tag.
func (l Leaf) nameTag() string {
	switch l {
	case leafClass:
		return "LF_CLASS"
	case leafStructure:
		return "LF_STRUCTURE"
	case leafUnion:
		return "LF_UNION"
	case leafEnum:
		return "LF_ENUM"
	case leafInterface:
		return "LF_INTERFACE"
	case leafClass2:
		return "LF_CLASS2"
	case leafStructure2:
		return "LF_STRUCTURE2"
	case leafUnion2:
		return "LF_UNION2"
	case leafInterface2:
		return "LF_INTERFACE2"
	}
	return ""
}

// nameEntry names the entries of field lists.
func (l Leaf) nameEntry() string {
	switch l {
	case leafBClass:
		return "LF_BCLASS"
	case leafBInterface:
		return "LF_BINTERFACE"
	case leafVBClass:
		return "LF_VBCLASS"
	case leafIVBClass:
		return "LF_IVBCLASS"
	case leafIndex:
		return "LF_INDEX"
	case leafVFuncTab:
		return "LF_VFUNCTAB"
	case leafVFuncOff:
		return "LF_VFUNCOFF"
	case leafFriendCls:
		return "LF_FRIENDCLS"
	case leafFriendFcn:
		return "LF_FRIENDFCN"
	case leafEnumerate:
		return "LF_ENUMERATE"
	case leafMember:
		return "LF_MEMBER"
	case leafStMember:
		return "LF_STMEMBER"
	case leafMethod:
		return "LF_METHOD"
	case leafOneMethod:
		return "LF_ONEMETHOD"
	case leafNestType:
		return "LF_NESTTYPE"
	case leafNestTypeEx:
		return "LF_NESTTYPEEX"
	case leafMemberModify:
		return "LF_MEMBERMODIFY"
	}
	return ""
}

// nameID names the records of the IPI stream.
func (l Leaf) nameID() string {
	switch l {
	case leafFuncID:
		return "LF_FUNC_ID"
	case leafMFuncID:
		return "LF_MFUNC_ID"
	case leafBuildInfo:
		return "LF_BUILDINFO"
	case leafSubstrList:
		return "LF_SUBSTR_LIST"
	case leafStringID:
		return "LF_STRING_ID"
	case leafUDTSrcLine:
		return "LF_UDT_SRC_LINE"
	case leafUDTModSrcLine:
		return "LF_UDT_MOD_SRC_LINE"
	}
	return ""
}

// modern returns the current leaf of an older form, other leaves unchanged.
func (l Leaf) modern() Leaf {
	switch {
	case l <= lastNarrow:
		return l.widened()
	case l >= 0x1003 && l <= 0x1007: // LF_ARRAY_ST to LF_ENUM_ST
		return l - 0x1003 + leafArray
	case l >= 0x1405 && l <= 0x1408: // LF_MEMBER_ST to LF_NESTTYPE_ST
		return l - 0x1405 + leafMember
	}
	switch l {
	case 0x1010:
		return leafAlias
	case 0x1403:
		return leafFriendFcn
	case 0x140B:
		return leafOneMethod
	case 0x140D:
		return leafNestTypeEx
	case 0x140E:
		return leafMemberModify
	}
	return l
}

// widened returns the current leaf of a form with 16-bit type indices.
func (l Leaf) widened() Leaf {
	switch {
	case l >= 0x0003 && l <= 0x0007: // LF_ARRAY_16t to LF_ENUM_16t
		return l - 0x0003 + leafArray
	case l >= 0x0400 && l <= 0x0402: // LF_BCLASS_16t to LF_IVBCLASS_16t
		return l - 0x0400 + leafBClass
	case l >= 0x0406 && l <= 0x0409: // LF_MEMBER_16t to LF_NESTTYPE_16t
		return l - 0x0406 + leafMember
	}
	switch l {
	case 0x0001:
		return leafModifier
	case 0x0002:
		return leafPointer
	case 0x0008:
		return leafProcedure
	case 0x0009:
		return leafMFunction
	case 0x0201:
		return leafArgList
	case 0x0204:
		return leafFieldList
	case 0x0206:
		return leafBitField
	case 0x0207:
		return leafMethodList
	case 0x0403: // LF_ENUMERATE_ST, which has no type index
		return leafEnumerate
	case 0x0404:
		return leafFriendFcn
	case 0x0405:
		return leafIndex
	case 0x040A:
		return leafVFuncTab
	case 0x040B:
		return leafFriendCls
	case 0x040C:
		return leafOneMethod
	case 0x040D:
		return leafVFuncOff
	}
	return l
}
