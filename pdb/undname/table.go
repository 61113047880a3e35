package undname

// Every table is a switch, which the compiler turns into a jump: the package
// has no variables.

// Classes of operator codes, by what stands between '?' and the last letter.
const (
	opPlain  = iota // "?4"
	opUnder         // "?_4"
	opDouble        // "?__M"
	opRTTI          // "?_R2"
)

// operatorName returns Microsoft's spelling of an operator or of a special
// name, "" for a code that has none.
func operatorName(class uint16, code byte) string {
	switch class {
	case opPlain:
		return plainOperator(code)
	case opUnder:
		return underOperator(code)
	case opDouble:
		return doubleOperator(code)
	}
	return rttiName(code)
}

func plainOperator(code byte) string {
	switch code {
	case '2':
		return "operator new"
	case '3':
		return "operator delete"
	case '4':
		return "operator="
	case '5':
		return "operator>>"
	case '6':
		return "operator<<"
	case '7':
		return "operator!"
	case '8':
		return "operator=="
	case '9':
		return "operator!="
	case 'A':
		return "operator[]"
	case 'C':
		return "operator->"
	case 'D':
		return "operator*"
	case 'E':
		return "operator++"
	case 'F':
		return "operator--"
	case 'G':
		return "operator-"
	case 'H':
		return "operator+"
	case 'I':
		return "operator&"
	case 'J':
		return "operator->*"
	case 'K':
		return "operator/"
	case 'L':
		return "operator%"
	case 'M':
		return "operator<"
	case 'N':
		return "operator<="
	case 'O':
		return "operator>"
	case 'P':
		return "operator>="
	case 'Q':
		return "operator,"
	case 'R':
		return "operator()"
	case 'S':
		return "operator~"
	case 'T':
		return "operator^"
	case 'U':
		return "operator|"
	case 'V':
		return "operator&&"
	case 'W':
		return "operator||"
	case 'X':
		return "operator*="
	case 'Y':
		return "operator+="
	case 'Z':
		return "operator-="
	}
	return ""
}

func underOperator(code byte) string {
	switch code {
	case '0':
		return "operator/="
	case '1':
		return "operator%="
	case '2':
		return "operator>>="
	case '3':
		return "operator<<="
	case '4':
		return "operator&="
	case '5':
		return "operator|="
	case '6':
		return "operator^="
	case '7':
		return "`vftable'"
	case '8':
		return "`vbtable'"
	case '9':
		return "`vcall'"
	case 'A':
		return "`typeof'"
	case 'B':
		return "`local static guard'"
	case 'D':
		return "`vbase destructor'"
	case 'E':
		return "`vector deleting destructor'"
	case 'F':
		return "`default constructor closure'"
	case 'G':
		return "`scalar deleting destructor'"
	case 'H':
		return "`vector constructor iterator'"
	case 'I':
		return "`vector destructor iterator'"
	case 'J':
		return "`vector vbase constructor iterator'"
	case 'K':
		return "`virtual displacement map'"
	case 'L':
		return "`eh vector constructor iterator'"
	case 'M':
		return "`eh vector destructor iterator'"
	case 'N':
		return "`eh vector vbase constructor iterator'"
	case 'O':
		return "`copy constructor closure'"
	case 'S':
		return "`local vftable'"
	case 'T':
		return "`local vftable constructor closure'"
	case 'U':
		return "operator new[]"
	case 'V':
		return "operator delete[]"
	case 'X':
		return "`placement delete closure'"
	case 'Y':
		return "`placement delete[] closure'"
	}
	return ""
}

func doubleOperator(code byte) string {
	switch code {
	case 'A':
		return "`managed vector constructor iterator'"
	case 'B':
		return "`managed vector destructor iterator'"
	case 'C':
		return "`eh vector copy constructor iterator'"
	case 'D':
		return "`eh vector vbase copy constructor iterator'"
	case 'G':
		return "`vector copy constructor iterator'"
	case 'H':
		return "`vector vbase copy constructor iterator'"
	case 'I':
		return "`managed vector vbase copy constructor iterator'"
	case 'J':
		return "`local static thread guard'"
	case 'L':
		return "operator co_await"
	case 'M':
		return "operator<=>"
	}
	return ""
}

func rttiName(code byte) string {
	switch code {
	case '2':
		return "`RTTI Base Class Array'"
	case '3':
		return "`RTTI Class Hierarchy Descriptor'"
	case '4':
		return "`RTTI Complete Object Locator'"
	}
	return ""
}

// operatorLLVM returns LLVM's spelling where it is not Microsoft's, else "".
func operatorLLVM(class uint16, code byte) string {
	switch class {
	case opUnder:
		return underLLVM(code)
	case opDouble:
		return doubleLLVM(code)
	}
	return ""
}

func underLLVM(code byte) string {
	switch code {
	case 'D':
		return "`vbase dtor'"
	case 'E':
		return "`vector deleting dtor'"
	case 'F':
		return "`default ctor closure'"
	case 'G':
		return "`scalar deleting dtor'"
	case 'H':
		return "`vector ctor iterator'"
	case 'I':
		return "`vector dtor iterator'"
	case 'J':
		return "`vector vbase ctor iterator'"
	case 'L':
		return "`eh vector ctor iterator'"
	case 'M':
		return "`eh vector dtor iterator'"
	case 'N':
		return "`eh vector vbase ctor iterator'"
	case 'O':
		return "`copy ctor closure'"
	case 'T':
		return "`local vftable ctor closure'"
	}
	return ""
}

func doubleLLVM(code byte) string {
	switch code {
	case 'A':
		return "`managed vector ctor iterator'"
	case 'B':
		return "`managed vector dtor iterator'"
	case 'C':
		return "`EH vector copy ctor iterator'"
	case 'D':
		return "`EH vector vbase copy ctor iterator'"
	case 'G':
		return "`vector copy ctor iterator'"
	}
	return ""
}

// primitiveName returns the built-in type of a one-letter code, "" for none.
func primitiveName(code byte) string {
	switch code {
	case 'C':
		return "signed char"
	case 'D':
		return "char"
	case 'E':
		return "unsigned char"
	case 'F':
		return "short"
	case 'G':
		return "unsigned short"
	case 'H':
		return "int"
	case 'I':
		return "unsigned int"
	case 'J':
		return "long"
	case 'K':
		return "unsigned long"
	case 'M':
		return "float"
	case 'N':
		return "double"
	case 'O':
		return "long double"
	case 'X':
		return "void"
	}
	return ""
}

// extendedName returns the built-in type whose code is '_' and a letter.
func extendedName(code byte) string {
	switch code {
	case 'D':
		return "__int8"
	case 'E':
		return "unsigned __int8"
	case 'F':
		return "__int16"
	case 'G':
		return "unsigned __int16"
	case 'H':
		return "__int32"
	case 'I':
		return "unsigned __int32"
	case 'J':
		return "__int64"
	case 'K':
		return "unsigned __int64"
	case 'L':
		return "__int128"
	case 'M':
		return "unsigned __int128"
	case 'N':
		return "bool"
	case 'P':
		return "auto"
	case 'Q':
		return "char8_t"
	case 'S':
		return "char16_t"
	case 'T':
		return "decltype(auto)"
	case 'U':
		return "char32_t"
	case 'W':
		return "wchar_t"
	}
	return ""
}

// The words before the name of a class or an enumeration.
const (
	tagUnion = iota
	tagStruct
	tagClass
	tagEnum        // and the seven after it, by base type
	tagCoclass     = tagEnum + 8
	tagCointerface = tagEnum + 9
)

// tagName returns the words with the space behind them. Microsoft names the
// base type of an enumeration where it is not int, whose code is '4'.
func tagName(tag uint8) string {
	switch tag {
	case tagUnion:
		return "union "
	case tagStruct:
		return "struct "
	case tagClass:
		return "class "
	case tagEnum + 0:
		return "enum char "
	case tagEnum + 1:
		return "enum unsigned char "
	case tagEnum + 2:
		return "enum short "
	case tagEnum + 3:
		return "enum unsigned short "
	case tagEnum + 5:
		return "enum unsigned int "
	case tagEnum + 6:
		return "enum long "
	case tagEnum + 7:
		return "enum unsigned long "
	case tagCoclass:
		return "coclass "
	case tagCointerface:
		return "cointerface "
	}
	return "enum "
}

// callingName returns a calling convention. Each has two letters: the second
// is the "saveregs" form of 16-bit exports. Unknown letters are "".
func callingName(code byte, llvm bool) string {
	switch code {
	case 'A', 'B':
		return "__cdecl"
	case 'C', 'D':
		return "__pascal"
	case 'E', 'F':
		return "__thiscall"
	case 'G', 'H':
		return "__stdcall"
	case 'I', 'J':
		return "__fastcall"
	case 'M', 'N':
		return "__clrcall"
	case 'O', 'P':
		return "__eabi"
	case 'Q':
		return "__vectorcall"
	case 'S':
		if llvm {
			return "__attribute__((__swiftcall__))"
		}
		return "__swift_1"
	case 'W':
		if llvm {
			return "__attribute__((__swiftasynccall__))"
		}
		return "__swift_3"
	}
	return ""
}
