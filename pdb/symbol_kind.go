package pdb

import "fmt"

// Kind is the kind of a symbol record (cvinfo.h).
type Kind uint16

// Kinds of symbol records a [Symbol] can come from. The names are those of
// cvinfo.h without their S_; ST marks the old form of a record, whose name has
// a length byte in front.
const (
	KindPub32        Kind = 0x110E
	KindPub32ST      Kind = 0x1009
	KindGProc32      Kind = 0x1110
	KindLProc32      Kind = 0x110F
	KindGProc32ID    Kind = 0x1147
	KindLProc32ID    Kind = 0x1146
	KindLProc32DPC   Kind = 0x1155
	KindLProc32DPCID Kind = 0x1156
	KindGManProc     Kind = 0x112A
	KindLManProc     Kind = 0x112B
	KindGProc32ST    Kind = 0x100B
	KindLProc32ST    Kind = 0x100A
	KindThunk32      Kind = 0x1102
	KindThunk32ST    Kind = 0x0206
	KindTrampoline   Kind = 0x112C
	KindSepCode      Kind = 0x1132
	KindBlock32      Kind = 0x1103
	KindBlock32ST    Kind = 0x0207
	KindLabel32      Kind = 0x1105
	KindLabel32ST    Kind = 0x0209
	KindGData32      Kind = 0x110D
	KindLData32      Kind = 0x110C
	KindGManData     Kind = 0x111D
	KindLManData     Kind = 0x111C
	KindGData32ST    Kind = 0x1008
	KindLData32ST    Kind = 0x1007
	KindGThread32    Kind = 0x1113
	KindLThread32    Kind = 0x1112
	KindGThread32ST  Kind = 0x100F
	KindLThread32ST  Kind = 0x100E
	KindConstant     Kind = 0x1107
	KindConstantST   Kind = 0x1002
	KindManConstant  Kind = 0x112D
	KindUDT          Kind = 0x1108
	KindUDTST        Kind = 0x1003
	KindProcRef      Kind = 0x1125
	KindLProcRef     Kind = 0x1127
	KindDataRef      Kind = 0x1126
	KindAnnotRef     Kind = 0x1128
	KindTokenRef     Kind = 0x1129
	KindSection      Kind = 0x1136
	KindCoffGroup    Kind = 0x1137
	KindExport       Kind = 0x1138
	KindFastlink     Kind = 0x1167
	KindObjName      Kind = 0x1101
	KindCompile2     Kind = 0x1116
	KindCompile3     Kind = 0x113C

	kindEnd           Kind = 0x0006
	kindProcIDEnd     Kind = 0x114F
	kindInlineSite    Kind = 0x114D
	kindInlineSite2   Kind = 0x115D
	kindInlineSiteEnd Kind = 0x114E
)

// String returns the name the kind has in Microsoft's headers.
func (k Kind) String() string {
	for _, known := range [...]struct {
		kind Kind
		name string
	}{
		{KindPub32, "S_PUB32"},
		{KindGProc32, "S_GPROC32"},
		{KindLProc32, "S_LPROC32"},
		{KindGProc32ID, "S_GPROC32_ID"},
		{KindLProc32ID, "S_LPROC32_ID"},
		{KindLProc32DPC, "S_LPROC32_DPC"},
		{KindLProc32DPCID, "S_LPROC32_DPC_ID"},
		{KindGManProc, "S_GMANPROC"},
		{KindLManProc, "S_LMANPROC"},
		{KindThunk32, "S_THUNK32"},
		{KindTrampoline, "S_TRAMPOLINE"},
		{KindSepCode, "S_SEPCODE"},
		{KindBlock32, "S_BLOCK32"},
		{KindLabel32, "S_LABEL32"},
		{KindGData32, "S_GDATA32"},
		{KindLData32, "S_LDATA32"},
		{KindGManData, "S_GMANDATA"},
		{KindLManData, "S_LMANDATA"},
		{KindGThread32, "S_GTHREAD32"},
		{KindLThread32, "S_LTHREAD32"},
		{KindConstant, "S_CONSTANT"},
		{KindManConstant, "S_MANCONSTANT"},
		{KindUDT, "S_UDT"},
		{KindProcRef, "S_PROCREF"},
		{KindLProcRef, "S_LPROCREF"},
		{KindDataRef, "S_DATAREF"},
		{KindAnnotRef, "S_ANNOTATIONREF"},
		{KindTokenRef, "S_TOKENREF"},
		{KindSection, "S_SECTION"},
		{KindCoffGroup, "S_COFFGROUP"},
		{KindExport, "S_EXPORT"},
		{KindFastlink, "S_FASTLINK"},
		{KindObjName, "S_OBJNAME"},
		{KindCompile2, "S_COMPILE2"},
		{KindCompile3, "S_COMPILE3"},
	} {
		if known.kind == k {
			return known.name
		}
	}
	if now, old := k.current(); old {
		return now.String() + "_ST"
	}
	return fmt.Sprintf("0x%04x", uint16(k))
}

// current returns the kind that replaced an old form; ok is false for kinds
// that are no old form. The headers list both in the same order.
func (k Kind) current() (now Kind, ok bool) {
	switch k {
	case KindConstantST, KindUDTST, KindLData32ST, KindGData32ST, KindPub32ST, KindLProc32ST, KindGProc32ST:
		return k - KindConstantST + KindConstant, true
	case KindLThread32ST, KindGThread32ST:
		return k - KindLThread32ST + KindLThread32, true
	case KindThunk32ST, KindBlock32ST, KindLabel32ST:
		return k - KindThunk32ST + KindThunk32, true
	}
	return k, false
}

// IsPublic reports whether the kind is that of a public symbol.
func (k Kind) IsPublic() bool { return k == KindPub32 || k == KindPub32ST }

// IsProc reports whether the kind is that of a procedure: not of a thunk or of
// a cold part of one.
func (k Kind) IsProc() bool {
	switch k {
	case KindGProc32, KindLProc32, KindGProc32ID, KindLProc32ID, KindLProc32DPC, KindLProc32DPCID,
		KindGManProc, KindLManProc, KindGProc32ST, KindLProc32ST:
		return true
	}
	return false
}

// IsCode reports whether the kind is that of code with a size: procedures,
// thunks, trampolines and cold parts of procedures.
func (k Kind) IsCode() bool {
	switch k {
	case KindThunk32, KindThunk32ST, KindTrampoline, KindSepCode:
		return true
	}
	return k.IsProc()
}

// IsData reports whether the kind is that of a variable with an address.
func (k Kind) IsData() bool {
	switch k {
	case KindGData32, KindLData32, KindGManData, KindLManData, KindGData32ST, KindLData32ST:
		return true
	}
	return false
}

// IsThreadLocal reports whether the kind is that of a thread-local variable.
// Segment and Offset of one lie in the template of the thread-local storage.
func (k Kind) IsThreadLocal() bool {
	switch k {
	case KindGThread32, KindLThread32, KindGThread32ST, KindLThread32ST:
		return true
	}
	return false
}

// IsConstant reports whether the kind is that of a constant.
func (k Kind) IsConstant() bool {
	return k == KindConstant || k == KindConstantST || k == KindManConstant
}

// isRef reports whether the kind refers to a record of a module.
func (k Kind) isRef() bool {
	switch k {
	case KindProcRef, KindLProcRef, KindDataRef, KindAnnotRef, KindTokenRef:
		return true
	}
	return false
}

// refersTo reports whether a reference of the kind can lead to a record of
// another.
func (k Kind) refersTo(target Kind) bool {
	if k == KindDataRef {
		return target.IsData() || target.IsThreadLocal()
	}
	return target.IsProc()
}

// opens reports whether records up to an end record belong to the record.
func (k Kind) opens() bool {
	switch k {
	case KindBlock32, KindBlock32ST, KindThunk32, KindThunk32ST, KindSepCode, kindInlineSite, kindInlineSite2:
		return true
	}
	return k.IsProc()
}

func (k Kind) closes() bool {
	return k == kindEnd || k == kindProcIDEnd || k == kindInlineSiteEnd
}
