package dumpbuild

// objectTypes are the kinds of objects there are, with the kernel's variable
// that points to the type; their order is that of their numbers.
func objectTypes() []struct{ kind, variable string } {
	return []struct{ kind, variable string }{
		{"Type", "ObpTypeObjectType"}, {"Process", "PsProcessType"}, {"Thread", "PsThreadType"}, {"Event", "ExEventObjectType"},
		{"Section", "MmSectionObjectType"}, {"File", "IoFileObjectType"},
	}
}

// firstType is the number of the first type since Windows 7.
const firstType = 2

// types makes the object types, in kernels whose PDB has them.
func (b *builder) typeObjects() {
	if !b.has("OBJECT_TYPE", "Name") {
		return
	}
	for i, t := range objectTypes() {
		r := b.object(&b.nonPaged, "Type", "OBJECT_TYPE").name(&b.paged, "ObNm", "Name", t.kind).list("TypeList")
		number := uint64(i + 1)
		if b.has("OBJECT_HEADER", "TypeIndex") {
			number = uint64(i + firstType)
			if table := b.symbol("ObTypeIndexTable"); table != 0 {
				b.putPtr(table+number*b.lay.pointer, r.at)
			}
		}
		r.set("Index", number)
		b.objects[t.kind] = r.at
		b.variable(t.variable, r.at)
	}
}

// object allocates an object of a kind behind its header, in kernels whose PDB
// has headers.
func (b *builder) object(p *pool, kind, typ string) record { return b.objectAt(0, p, kind, typ) }

// objectAt is object at an address, if that is not 0.
func (b *builder) objectAt(at uint64, p *pool, kind, typ string) record {
	tag := (kind + "    ")[:4]
	if !b.has("OBJECT_HEADER", "Body") {
		return b.record(typ, b.allocAt(at, p, tag, b.sizeOf(typ)))
	}
	body := b.off("OBJECT_HEADER", "Body")
	if at != 0 {
		at -= body
	}
	h := b.record("OBJECT_HEADER", b.allocAt(at, p, tag, body+b.sizeOf(typ))).set("PointerCount", 2).set("HandleCount", 1).may("Type", b.objects[kind])
	for i, t := range objectTypes() {
		if t.kind == kind {
			h.may("TypeIndex", uint64(i+firstType))
		}
	}
	return b.record(typ, h.at+body)
}

// Types of dispatcher objects.
const (
	notificationEvent = 0
	dispatchProcess   = 3
	dispatchThread    = 6
)

// dispatcher writes the header of an object that threads can wait for.
func (r record) dispatcher(path string, kind uint64) record {
	if r.b.has(r.typ, path+".WaitListHead.Flink") {
		r.set(path+".Type", kind).list(path + ".WaitListHead")
	}
	return r
}
