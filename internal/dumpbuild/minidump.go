package dumpbuild

import (
	"encoding/binary"
	"unicode/utf16"
)

// Minidump says what a user minidump holds. Parts that are nil are left out.
type Minidump struct {
	Architecture uint16 // PROCESSOR_ARCHITECTURE_*: 0 x86, 9 x64
	Platform     uint32 // PlatformId; 0 is Windows too
	ServicePack  string
	PID, Created uint32 // of the process; left out without a PID
	Comment      string // written in both forms
	Modules      []MinidumpModule
	Unloaded     []MinidumpModule
	Memory       []MinidumpRange  // saved by MemoryListStream
	Full         []MinidumpRange  // saved by Memory64ListStream
	Regions      []MinidumpRegion // MemoryInfoListStream
	Threads      []MinidumpThread
	Exception    *MinidumpThread // its Stack is not written
	ExceptionAt  uint64
	ExceptionIs  uint32
	Parameters   []uint64 // of the exception; nil: a write to address 0x10

	Padded  bool // the module list aligns its entries
	Odd     bool // every part begins at an odd offset
	Streams []MinidumpStream
}

// MinidumpModule is a module, loaded or unloaded.
type MinidumpModule struct {
	Name                  string
	Base                  uint64
	Size, CheckSum, Stamp uint32
	CodeView              []byte
}

// MinidumpRange is a piece of memory.
type MinidumpRange struct {
	Addr uint64
	Data []byte
}

// MinidumpRegion is a region of memory in a state (MEM_*), with its protection
// (PAGE_*) and type (MEM_*).
type MinidumpRegion struct {
	Addr, Size           uint64
	State, Protect, Type uint32
}

// MinidumpThread is a thread; Context is a whole CONTEXT structure.
type MinidumpThread struct {
	ID      uint32
	Name    string
	TEB     uint64
	Stack   MinidumpRange
	Context []byte
}

// MinidumpStream is a stream as it stands, written before all others.
type MinidumpStream struct {
	Type uint32
	Data []byte
}

// Stream types and sizes of minidumpapiset.h.
const (
	mdThreads, mdModules, mdMemory, mdException, mdSystem   = 3, 4, 5, 6, 7
	mdMemory64, mdUnloaded, mdRegions                       = 9, 14, 16
	mdCommentA, mdCommentW, mdMisc, mdNames                 = 10, 11, 15, 24
	mdHeader, mdEntry, mdModule, mdThread, mdRange, mdInfos = 32, 12, 108, 48, 16, 48
)

// BuildMinidump returns the file. It does not check that the parts make sense.
func BuildMinidump(m Minidump) []byte {
	w := &mdWriter{odd: m.Odd}
	for _, s := range m.Streams {
		w.stream(s.Type, s.Data)
	}
	w.system(m)
	w.process(m)
	w.threads(m.Threads)
	w.threadNames(m.Threads)
	w.modules(m.Modules, m.Padded)
	w.unloaded(m.Unloaded)
	w.memory(m.Memory)
	w.regions(m.Regions)
	if m.Exception != nil {
		w.exception(m)
	}
	w.memory64(m.Full)
	return w.file()
}

// mdWriter writes the parts of the file behind a directory whose size it does
// not know yet: offsets are relative to the end of it until file fixes them.
type mdWriter struct {
	odd     bool
	body    []byte
	entries [][3]uint32
	fix     []int // positions in body of 32-bit offsets
	fix64   []int
}

// put adds a part and returns where it begins.
func (w *mdWriter) put(b []byte) uint32 {
	if w.odd && len(w.body)%2 == 0 {
		w.body = append(w.body, 0xcc)
	}
	at := len(w.body)
	w.body = append(w.body, b...)
	return uint32(at)
}

// stream adds a stream; the values at the positions fix are offsets.
func (w *mdWriter) stream(kind uint32, b []byte, fix ...int) {
	at := w.put(b)
	for _, f := range fix {
		w.fix = append(w.fix, int(at)+f)
	}
	w.entries = append(w.entries, [3]uint32{kind, uint32(len(b)), at})
}

func (w *mdWriter) file() []byte {
	start := uint32(mdHeader + mdEntry*len(w.entries))
	head := append([]byte("MDMP\x93\xa7\x2a\x00"), make([]byte, int(start)-8)...)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(w.entries)))
	binary.LittleEndian.PutUint32(head[12:], mdHeader)
	binary.LittleEndian.PutUint32(head[20:], 0x45d35f73)
	for i, e := range w.entries {
		at := head[mdHeader+mdEntry*i:]
		binary.LittleEndian.PutUint32(at, e[0])
		binary.LittleEndian.PutUint32(at[4:], e[1])
		binary.LittleEndian.PutUint32(at[8:], e[2]+start)
	}
	for _, f := range w.fix {
		binary.LittleEndian.PutUint32(w.body[f:], binary.LittleEndian.Uint32(w.body[f:])+start)
	}
	for _, f := range w.fix64 {
		binary.LittleEndian.PutUint64(w.body[f:], binary.LittleEndian.Uint64(w.body[f:])+uint64(start))
	}
	return append(head, w.body...)
}

func (w *mdWriter) system(m Minidump) {
	b := make([]byte, 56)
	binary.LittleEndian.PutUint16(b, m.Architecture)
	binary.LittleEndian.PutUint32(b[20:], m.Platform)
	b[6] = 4
	binary.LittleEndian.PutUint32(b[8:], 10)
	binary.LittleEndian.PutUint32(b[16:], 19045)
	if m.ServicePack == "" {
		w.stream(mdSystem, b)
		return
	}
	binary.LittleEndian.PutUint32(b[24:], w.text(m.ServicePack))
	w.stream(mdSystem, b, 24)
}

// process writes what is known of the process, and the comments.
func (w *mdWriter) process(m Minidump) {
	le := binary.LittleEndian
	if m.PID != 0 {
		b := le.AppendUint32(le.AppendUint32(nil, 24), 3)
		b = le.AppendUint32(le.AppendUint32(b, m.PID), m.Created)
		w.stream(mdMisc, le.AppendUint32(le.AppendUint32(b, 5), 2))
	}
	if m.Comment != "" {
		w.stream(mdCommentA, append([]byte(m.Comment), 0))
		text := w.text(m.Comment)
		w.entries = append(w.entries, [3]uint32{mdCommentW, uint32(len(w.body)) - text - 4, text + 4})
	}
}

// threadNames writes the list, if a thread has a name.
func (w *mdWriter) threadNames(list []MinidumpThread) {
	var rows []byte
	var fix []int
	for _, t := range list {
		if t.Name != "" {
			rows = binary.LittleEndian.AppendUint32(rows, t.ID)
			fix = append(fix, 4+len(rows))
			rows = binary.LittleEndian.AppendUint64(rows, uint64(w.text(t.Name)))
		}
	}
	if rows != nil {
		w.stream(mdNames, append(binary.LittleEndian.AppendUint32(nil, uint32(len(fix))), rows...), fix...)
	}
}

// text adds a MINIDUMP_STRING.
func (w *mdWriter) text(s string) uint32 {
	units := utf16.Encode([]rune(s))
	b := binary.LittleEndian.AppendUint32(nil, uint32(2*len(units)))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return w.put(append(b, 0, 0))
}

func (w *mdWriter) modules(list []MinidumpModule, padded bool) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	if padded {
		b = append(b, 0, 0, 0, 0)
	}
	var fix []int
	for _, m := range list {
		e := make([]byte, mdModule)
		m.put(e, w.text(m.Name))
		fix = append(fix, len(b)+20)
		if m.CodeView != nil {
			binary.LittleEndian.PutUint32(e[76:], uint32(len(m.CodeView)))
			binary.LittleEndian.PutUint32(e[80:], w.put(m.CodeView))
			fix = append(fix, len(b)+80)
		}
		b = append(b, e...)
	}
	w.stream(mdModules, b, fix...)
}

// put writes what both lists have.
func (m MinidumpModule) put(b []byte, name uint32) {
	binary.LittleEndian.PutUint64(b, m.Base)
	binary.LittleEndian.PutUint32(b[8:], m.Size)
	binary.LittleEndian.PutUint32(b[12:], m.CheckSum)
	binary.LittleEndian.PutUint32(b[16:], m.Stamp)
	binary.LittleEndian.PutUint32(b[20:], name)
}

func (w *mdWriter) unloaded(list []MinidumpModule) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 12), 24), uint32(len(list)))
	var fix []int
	for _, m := range list {
		fix = append(fix, len(b)+20)
		b = append(b, make([]byte, 24)...)
		m.put(b[len(b)-24:], w.text(m.Name))
	}
	w.stream(mdUnloaded, b, fix...)
}

func (w *mdWriter) memory(list []MinidumpRange) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	var fix []int
	for _, r := range list {
		b = binary.LittleEndian.AppendUint64(b, r.Addr)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Data)))
		fix = append(fix, len(b))
		b = binary.LittleEndian.AppendUint32(b, w.put(r.Data))
	}
	w.stream(mdMemory, b, fix...)
}

// memory64 comes last: its data follow the list without offsets of their own.
func (w *mdWriter) memory64(list []MinidumpRange) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(len(list))), 0)
	var data []byte
	for _, r := range list {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, r.Addr), uint64(len(r.Data)))
		data = append(data, r.Data...)
	}
	w.stream(mdMemory64, b)
	at := int(w.entries[len(w.entries)-1][2]) + 8
	binary.LittleEndian.PutUint64(w.body[at:], uint64(len(w.body)))
	w.fix64 = append(w.fix64, at)
	w.body = append(w.body, data...)
}

func (w *mdWriter) regions(list []MinidumpRegion) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 16), mdInfos), uint64(len(list)))
	for _, r := range list {
		e := make([]byte, mdInfos)
		binary.LittleEndian.PutUint64(e, r.Addr)
		binary.LittleEndian.PutUint64(e[24:], r.Size)
		binary.LittleEndian.PutUint64(e[8:], r.Addr)
		binary.LittleEndian.PutUint32(e[32:], r.State)
		binary.LittleEndian.PutUint32(e[36:], r.Protect)
		binary.LittleEndian.PutUint32(e[40:], r.Type)
		b = append(b, e...)
	}
	w.stream(mdRegions, b)
}

func (w *mdWriter) threads(list []MinidumpThread) {
	if list == nil {
		return
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	var fix []int
	for _, t := range list {
		e := make([]byte, mdThread)
		binary.LittleEndian.PutUint32(e, t.ID)
		binary.LittleEndian.PutUint64(e[16:], t.TEB)
		binary.LittleEndian.PutUint64(e[24:], t.Stack.Addr)
		binary.LittleEndian.PutUint32(e[32:], uint32(len(t.Stack.Data)))
		binary.LittleEndian.PutUint32(e[36:], w.put(t.Stack.Data))
		binary.LittleEndian.PutUint32(e[40:], uint32(len(t.Context)))
		binary.LittleEndian.PutUint32(e[44:], w.put(t.Context))
		fix = append(fix, len(b)+36, len(b)+44)
		b = append(b, e...)
	}
	w.stream(mdThreads, b, fix...)
}

func (w *mdWriter) exception(m Minidump) {
	b := make([]byte, 168)
	binary.LittleEndian.PutUint32(b, m.Exception.ID)
	binary.LittleEndian.PutUint32(b[8:], m.ExceptionIs)
	binary.LittleEndian.PutUint64(b[24:], m.ExceptionAt)
	parameters := m.Parameters
	if parameters == nil {
		parameters = []uint64{1, 0x10}
	}
	binary.LittleEndian.PutUint32(b[32:], uint32(len(parameters)))
	for i, p := range parameters {
		binary.LittleEndian.PutUint64(b[40+8*i:], p)
	}
	binary.LittleEndian.PutUint32(b[160:], uint32(len(m.Exception.Context)))
	binary.LittleEndian.PutUint32(b[164:], w.put(m.Exception.Context))
	w.stream(mdException, b, 164)
}
