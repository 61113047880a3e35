package dwarf

// Forms of attributes (DWARF 5, 7.5.6) and GNU's.
const (
	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSdata         = 0x0d
	formStrp          = 0x0e
	formUdata         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUdata      = 0x15
	formIndirect      = 0x16
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formRefSup4       = 0x1c
	formStrpSup       = 0x1d
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formRefSup8       = 0x24
	formStrx1         = 0x25
	formStrx2         = 0x26
	formStrx3         = 0x27
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx2        = 0x2a
	formAddrx3        = 0x2b
	formAddrx4        = 0x2c
	formGNUAddrIndex  = 0x1f01
	formGNUStrIndex   = 0x1f02
	formGNURefAlt     = 0x1f20
	formGNUStrpAlt    = 0x1f21
)

// encoding is what the size of forms depends on.
type encoding struct {
	version    uint16
	width      uint8 // bytes of an address
	offsetSize uint8 // of an offset into a section
}

// fixedSize is the size of a form that does not depend on the value, or -1.
func (e encoding) fixedSize(form uint16) int {
	switch form {
	case formFlagPresent, formImplicitConst:
		return 0
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2
	case formStrx3, formAddrx3:
		return 3
	case formData4, formRef4, formRefSup4, formStrx4, formAddrx4:
		return 4
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8
	case formData16:
		return 16
	case formAddr:
		return int(e.width)
	case formStrp, formSecOffset, formLineStrp, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return int(e.offsetSize)
	case formRefAddr:
		if e.version <= 2 {
			return int(e.width)
		}
		return int(e.offsetSize)
	}
	return -1
}

// value is the value of an attribute: a number, an offset or an index, as its
// form says, or bytes.
type value struct {
	form uint16
	u    uint64
	b    []byte // of blocks, expressions and texts in place
}

// value reads a value.
func (r *reader) value(e encoding, form uint16, implicit int64) value {
	if form == formIndirect {
		form = uint16(min(r.uleb(), 0xffff))
	}
	v := value{form: form}
	switch form {
	case formImplicitConst:
		v.u = uint64(implicit)
	case formFlagPresent:
		v.u = 1
	case formString:
		v.b = r.text()
	case formBlock1:
		v.b = r.take(uint64(r.u8()))
	case formBlock2:
		v.b = r.take(r.fixed(2))
	case formBlock4:
		v.b = r.take(r.fixed(4))
	case formBlock, formExprloc:
		v.b = r.take(r.uleb())
	case formSdata:
		v.u = uint64(r.sleb())
	case formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.u = r.uleb()
	case formData16:
		v.b = r.take(16)
	default:
		n := e.fixedSize(form)
		if n < 0 { // nobody knows how long it is
			r.bad = true
			return v
		}
		v.u = r.fixed(n)
	}
	return v
}

// signed is a constant whose sign its form leaves open.
func (v value) signed() int64 {
	switch v.form {
	case formData1:
		return int64(int8(v.u))
	case formData2:
		return int64(int16(v.u))
	case formData4:
		return int64(int32(v.u))
	}
	return int64(v.u)
}

// isConstant reports whether a value is a number rather than an offset or bytes.
func (v value) isConstant() bool {
	switch v.form {
	case formData1, formData2, formData4, formData8, formSdata, formUdata, formImplicitConst:
		return true
	}
	return false
}
