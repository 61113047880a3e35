package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// printCPP spells the nodes of C++.
func (n *node) printCPP(b *strings.Builder) {
	switch n.kind {
	case kindValue:
		n.printLiteral(b)
	case kindCast:
		b.WriteString("((" + n.typ.String() + ")")
		n.args[0].print(b)
		b.WriteString(")")
	case kindSizeof:
		if len(n.args) == 0 {
			b.WriteString("sizeof(" + n.typ.String() + ")")
			return
		}
		b.WriteString("(sizeof ")
		n.args[0].print(b)
		b.WriteString(")")
	case kindMember:
		b.WriteString("(")
		n.args[0].print(b)
		b.WriteString(n.op + n.text + ")")
	case kindIndex:
		b.WriteString("(")
		n.args[0].print(b)
		b.WriteString("[")
		n.args[1].print(b)
		b.WriteString("])")
	case kindCond:
		b.WriteString("(")
		n.args[0].print(b)
		b.WriteString(" ? ")
		n.args[1].print(b)
		b.WriteString(" : ")
		n.args[2].print(b)
		b.WriteString(")")
	case kindMacro:
		b.WriteString(n.op + "(")
		for _, a := range n.args {
			a.print(b)
			b.WriteString(", ")
		}
		b.WriteString(n.typ.String() + ", " + n.text + ")")
	}
}

// printLiteral spells a literal with the suffix that gives it its type.
func (n *node) printLiteral(b *strings.Builder) {
	v := n.value
	switch v.typ.name {
	case "float":
		b.WriteString(floatText(v.float, 32) + "f")
	case "double":
		b.WriteString(floatText(v.float, 64))
	case "unsigned int":
		fmt.Fprintf(b, "0x%xu", v.Uint)
	case "int64":
		fmt.Fprintf(b, "0x%xi64", v.Uint)
	case "unsigned int64":
		fmt.Fprintf(b, "0x%xui64", v.Uint)
	case "char":
		b.WriteString("'" + escaped(byte(v.Uint)) + "'")
	case "wchar_t":
		b.WriteString("L'" + escaped(byte(v.Uint)) + "'")
	case "short":
		b.WriteString("'" + escaped(byte(v.Uint>>8)) + escaped(byte(v.Uint)) + "'")
	default:
		fmt.Fprintf(b, "0x%x", v.Uint)
	}
}

// floatText spells a number so that it is read as the same one; what is too large
// is infinite when it is read.
func floatText(f float64, bits int) string {
	if f > 1e308*1.79 {
		return "1e999"
	}
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += "."
	}
	return text
}

func escaped(c byte) string {
	if i := strings.IndexByte("\a\b\f\n\r\t\v\x00", c); i >= 0 {
		return `\` + "abfnrtv0"[i:i+1]
	}
	if c == '\'' || c == '\\' {
		return `\` + string([]byte{c})
	}
	return string([]byte{c})
}
