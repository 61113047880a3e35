package undname

// nameOnlyC returns the undecorated form of a C name: without one or two leading
// dots (".refptr.x" of mingw) and then a leading '_' or '@', cut at the first '@'
// that is followed by a digit, and without any other '@'. A name that begins with the byte 0x7F, as linkers mark import
// thunk data, loses just that byte (dbghelp keeps it). Names of which nothing
// would be left are returned unchanged.
//
// The rule was measured: it reproduces what dbghelp 10.0.15063 shows for every
// C name of 18 images. dbghelp does not look at the machine, so neither does
// this: x64 names lose their underscore as well.
//
// It allocates only when an '@' inside the name has to go.
func nameOnlyC(raw string) string {
	name, inner := trim(raw)
	if !inner {
		return name
	}
	return string(appendWithoutAt(make([]byte, 0, len(name)), name))
}

func appendNameOnlyC(dst, raw []byte) []byte {
	name, inner := trim(raw)
	if !inner {
		return append(dst, name...)
	}
	return appendWithoutAt(dst, name)
}

// trim cuts both ends; inner says that a '@' is left inside.
func trim[T string | []byte](raw T) (name T, inner bool) {
	if len(raw) < 2 {
		return raw, false
	}
	if raw[0] == 0x7F {
		return raw[1:], false
	}
	name = raw
	for dots := 0; dots < 2 && len(name) > 1 && name[0] == '.'; dots++ {
		name = name[1:]
	}
	if len(name) > 1 && (name[0] == '_' || name[0] == '@') {
		name = name[1:]
	}
	keep := 0 // bytes that are no '@'
	for i := 0; i < len(name); i++ {
		if name[i] != '@' {
			keep++
			continue
		}
		if i+1 < len(name) && '0' <= name[i+1] && name[i+1] <= '9' {
			name = name[:i]
			break
		}
	}
	if keep == 0 {
		return raw, false
	}
	return name, keep != len(name)
}

func appendWithoutAt[T string | []byte](dst []byte, name T) []byte {
	for i := 0; i < len(name); i++ {
		if name[i] != '@' {
			dst = append(dst, name[i])
		}
	}
	return dst
}
