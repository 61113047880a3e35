package pdb

// Memory returns about how many bytes the File holds of what it has read and
// made so far, to answer faster the next time: pages of the file, whole streams,
// indices. A mapping does not count. It takes microseconds, and less than a
// millisecond where thousands of modules were asked for. What is held can be given
// up only with the File; one that was just opened holds a few KB.
func (f *File) Memory() int64 {
	return f.msf.Held() + f.tablesHeld() + f.modulesHeld() + f.idNames.size()
}

// tablesHeld counts the tables of the whole file.
func (f *File) tablesHeld() (n int64) {
	if x := f.index.done.Load(); x != nil {
		n += int64(len(x.addrs)+len(x.recs)+len(x.pages))*4 + int64(len(x.mods))*2
	}
	if p := f.pubs.done.Load(); p != nil {
		n += p.names.held() + mapHeld(&p.byAddr)
		if set := p.set.done.Load(); set != nil {
			n += int64(len(set.words)+len(set.odd)) * 4
		}
	}
	if g := f.global.done.Load(); g != nil {
		n += g.names.held() + mapHeld(&g.data)
	}
	if c := f.contribs.done.Load(); c != nil {
		n += sliceHeld(&c.inMemory, 12)
	}
	if s := f.strs.done.Load(); s != nil {
		n += s.known.size()
	}
	if names := f.modNames.done.Load(); names != nil {
		n += int64(len(*names)) * 100
	}
	return n + sliceHeld(&f.codeMap, 12) + f.types.done.Load().held() + f.ids.done.Load().held()
}

// modulesHeld counts what is known of the modules one by one.
func (f *File) modulesHeld() (n int64) {
	const opened = 2 << 10 // a stream and its list of blocks
	if mods := f.mods.done.Load(); mods != nil {
		n += int64(len(mods.recs))*4 + int64(len(mods.opened))*16
		for i := range mods.opened {
			if ms := mods.opened[i].done.Load(); ms != nil {
				n += opened + ms.outline.done.Load().held()
			}
		}
	}
	if all := f.code.done.Load(); all != nil {
		n += int64(len(all.list)) * 16
		for i := range all.list {
			n += all.list[i].done.Load().held()
		}
	}
	return n
}

func (o *outline) held() int64 {
	if o == nil {
		return 0
	}
	return int64(len(o.funcs))*8 + int64(len(o.funcAt)+len(o.addrs))*12
}

func (c *moduleCode) held() int64 {
	if c == nil {
		return 0
	}
	return int64(len(c.blocks)+len(c.blockAt)+len(c.inlinees)+len(c.imports))*12 + int64(len(c.files))*16 +
		int64(len(c.exports))*8 + int64(len(c.ids)+len(c.fileNames)+len(c.inlineeNames))*4 + int64(len(c.old)) + sliceHeld(&c.pieces, 20)
}

func (t *names) held() (n int64) {
	if t.table != nil {
		n = int64(len(t.table.words)+len(t.table.ranks)) * 4
	}
	return n + sliceHeld(&t.byHash, 8)
}

func (t *typeTable) held() (n int64) {
	if t == nil {
		return 0
	}
	for _, index := range []*lazy[typeIndex]{&t.index, &t.walked} {
		if x := index.done.Load(); x != nil {
			n += int64(len(x.at)) * 8
		}
	}
	if h := t.hash.done.Load(); h != nil {
		n += int64(len(h.heads)) * 4
		if c := h.chains.done.Load(); c != nil {
			n += int64(len(c.head)+len(c.next)) * 4
		}
	}
	return n + sliceHeld(&t.places, 4) + sliceHeld(&t.unhashed, 8)
}

// sliceHeld returns the bytes of a slice whose elements have so many each.
func sliceHeld[S ~[]E, E any](l *lazy[S], each int64) int64 {
	if s := l.done.Load(); s != nil {
		return int64(len(*s)) * each
	}
	return 0
}

func mapHeld(l *lazy[memoryMap]) int64 { return sliceHeld(l, 12) }

// size returns the bytes of the strings that are remembered.
func (c *stringCache) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.held)
}
