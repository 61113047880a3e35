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
	switch l {
	case leafVTShape:
		return "LF_VTSHAPE"
	case LeafModifier:
		return "LF_MODIFIER"
	case LeafPointer:
		return "LF_POINTER"
	case LeafProcedure:
		return "LF_PROCEDURE"
	case LeafMFunction:
		return "LF_MFUNCTION"
	case LeafArgList:
		return "LF_ARGLIST"
	case LeafFieldList:
		return "LF_FIELDLIST"
	case LeafBitField:
		return "LF_BITFIELD"
	case LeafMethodList:
		return "LF_METHODLIST"
	case LeafArray:
		return "LF_ARRAY"
	case LeafAlias:
		return "LF_ALIAS"
	case leafVFTable:
		return "LF_VFTABLE"
	}
	return l.nameTag() + l.nameEntry() + l.nameID()
}

// nameTag names the records of types that have a tag.
func (l Leaf) nameTag() string {
	switch l {
	case LeafClass:
		return "LF_CLASS"
	case leafStructure:
		return "LF_STRUCTURE"
	case LeafUnion:
		return "LF_UNION"
	case LeafEnum:
		return "LF_ENUM"
	case LeafInterface:
		return "LF_INTERFACE"
	case LeafClass2:
		return "LF_CLASS2"
	case leafStructure2:
		return "LF_STRUCTURE2"
	case LeafUnion2:
		return "LF_UNION2"
	case LeafInterface2:
		return "LF_INTERFACE2"
	}
	return ""
}

// nameEntry names the entries of field lists.
func (l Leaf) nameEntry() string {
	switch l {
	case LeafBClass:
		return "LF_BCLASS"
	case LeafBInterface:
		return "LF_BINTERFACE"
	case LeafVBClass:
		return "LF_VBCLASS"
	case LeafIVBClass:
		return "LF_IVBCLASS"
	case LeafIndex:
		return "LF_INDEX"
	case LeafVFuncTab:
		return "LF_VFUNCTAB"
	case LeafVFuncOff:
		return "LF_VFUNCOFF"
	case LeafFriendCls:
		return "LF_FRIENDCLS"
	case LeafFriendFcn:
		return "LF_FRIENDFCN"
	case LeafEnumerate:
		return "LF_ENUMERATE"
	case LeafMember:
		return "LF_MEMBER"
	case LeafStMember:
		return "LF_STMEMBER"
	case LeafMethod:
		return "LF_METHOD"
	case LeafOneMethod:
		return "LF_ONEMETHOD"
	case LeafNestType:
		return "LF_NESTTYPE"
	case LeafNestTypeEx:
		return "LF_NESTTYPEEX"
	case LeafMemberModify:
		return "LF_MEMBERMODIFY"
	}
	return ""
}

// nameID names the records of the IPI stream.
func (l Leaf) nameID() string {
	switch l {
	case LeafFuncID:
		return "LF_FUNC_ID"
	case LeafMFuncID:
		return "LF_MFUNC_ID"
	case leafBuildInfo:
		return "LF_BUILDINFO"
	case LeafSubstrList:
		return "LF_SUBSTR_LIST"
	case LeafStringID:
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
	switch l {
	case 0x0001:
		return LeafModifier
	case 0x0002:
		return LeafPointer
	case 0x0008:
		return LeafProcedure
	case 0x0009:
		return LeafMFunction
	case 0x0201:
		return LeafArgList
	case 0x0204:
		return LeafFieldList
	case 0x0206:
		return LeafBitField
	case 0x0207:
		return LeafMethodList
	case 0x0403: // LF_ENUMERATE_ST, which has no type index
		return LeafEnumerate
	case 0x0404:
		return LeafFriendFcn
	case 0x0405:
		return LeafIndex
	case 0x040A:
		return LeafVFuncTab
	case 0x040B:
		return LeafFriendCls
	case 0x040C:
		return LeafOneMethod
	case 0x040D:
		return LeafVFuncOff
	}
	return l
}
