/* The type records of page-table entries, in the shapes that the public
   records of these kernels show; those of Windows XP without PAE and of
   Windows 10 2004 are in nt32.c and nt64.c. */
typedef unsigned u32;
typedef unsigned long long u64;
typedef long long s64;

#if ERA == 1 /* Windows 7, x86 without PAE */
typedef u32 pte;
struct _MMPTE_SOFTWARE { u32 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, PageFileHigh : 20; };
struct _MMPTE_PROTOTYPE { u32 Valid : 1, ProtoAddressLow : 8, ReadOnly : 1, Prototype : 1, ProtoAddressHigh : 21; };
struct _MMPTE_SUBSECTION { u32 Valid : 1, SubsectionAddressLow : 9, Prototype : 1, SubsectionAddressHigh : 21; };
struct _MMPTE_TRANSITION {
	u32 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1, PageFrameNumber : 20;
};
#elif ERA == 2 /* Windows XP, x86 with PAE */
typedef u64 pte;
struct _MMPTE_SOFTWARE {
	u64 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, Unused : 20, PageFileHigh : 32;
};
struct _MMPTE_PROTOTYPE {
	u64 Valid : 1, Unused0 : 7, ReadOnly : 1, Unused1 : 1, Prototype : 1, Protection : 5, Unused : 16, ProtoAddress : 32;
};
struct _MMPTE_SUBSECTION {
	u64 Valid : 1, Unused0 : 4, Protection : 5, Prototype : 1, Unused1 : 21, SubsectionAddress : 32;
};
struct _MMPTE_TRANSITION {
	u64 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1,
		PageFrameNumber : 26, Unused : 26;
};
#else /* Windows 7, x64 */
typedef u64 pte;
struct _MMPTE_SOFTWARE {
	u64 Valid : 1, PageFileLow : 4, Protection : 5, Prototype : 1, Transition : 1, UsedPageTableEntries : 10, Reserved : 10,
		PageFileHigh : 32;
};
struct _MMPTE_PROTOTYPE {
	u64 Valid : 1, Unused0 : 7, ReadOnly : 1, Unused1 : 1, Prototype : 1, Protection : 5;
	s64 ProtoAddress : 48;
};
struct _MMPTE_SUBSECTION {
	u64 Valid : 1, Unused0 : 4, Protection : 5, Prototype : 1, Unused1 : 5;
	s64 SubsectionAddress : 48;
};
struct _MMPTE_TRANSITION {
	u64 Valid : 1, Write : 1, Owner : 1, WriteThrough : 1, CacheDisable : 1, Protection : 5, Prototype : 1, Transition : 1,
		PageFrameNumber : 36, Unused : 16;
};
#endif

union _MMPTE_U {
	pte Long;
	struct _MMPTE_SOFTWARE Soft;
	struct _MMPTE_PROTOTYPE Proto;
	struct _MMPTE_SUBSECTION Subsect;
	struct _MMPTE_TRANSITION Trans;
};
struct _MMPTE { union _MMPTE_U u; };
_Static_assert(sizeof(struct _MMPTE) == sizeof(pte), "an entry");

struct _MMPTE *keep;
struct _MMPTE entry;
int __stdcall KiSystemStartup(void *loader) { keep = &entry; return loader == keep; }
