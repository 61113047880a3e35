/* Two images of a process: notepad.exe, whose size is the one on Microsoft's
   page about paged-out PEBs, and with -DEXPLORERFRAME the DLL of the same
   page. Sizes come from uninitialised data, which the files do not hold. */
#ifdef _M_IX86
#define RELOC 1 /* relocations are a section of their own */
#else
#define RELOC 0
#endif
#ifdef EXPLORERFRAME
#define NAME(x) Frame##x
#define PAGES 0x1b
#else
#define NAME(x) Notepad##x
#define PAGES 0x2f
#endif
typedef unsigned u32;

char NAME(Space)[(PAGES - RELOC - 1) * 0x1000 + 0x800];
u32 NAME(Version) = 6;
const char NAME(Title)[] = "fixture";

__attribute__((noinline)) static u32 NAME(Sum)(const char *text) {
	u32 sum = NAME(Version);
	while (*text)
		sum = sum * 31 + (u32)*text++;
	return sum;
}

#ifdef EXPLORERFRAME
__declspec(dllexport) u32 FrameCreate(u32 at) { return FrameSpace[at % sizeof FrameSpace] + FrameSum(FrameTitle); }
__declspec(dllexport) u32 FrameNavigate(const char *where) { return FrameSum(where) ^ FrameCreate(1); }
u32 DllMain(void *module, u32 reason, void *reserved) { return reason + FrameNavigate("start"); }
#else
__attribute__((noinline)) u32 NotepadOpen(const char *file) { return NotepadSum(file) + (u32)NotepadSpace[1]; }
__attribute__((noinline)) u32 NotepadSave(const char *file) { NotepadSpace[2] = 1; return NotepadSum(file) ^ 1; }
u32 WinMainCRTStartup(void) { return NotepadOpen(NotepadTitle) + NotepadSave(NotepadTitle); }
#endif
