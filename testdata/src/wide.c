/* A driver of more than forty pages whose pages all differ: what tests of
   page by page reading, of residency and of page comparison need. Own work. */
typedef unsigned u32;

volatile u32 WideTable[256] = {1, 2, 3, 5, 8, 13};

/* One step touches the table (an absolute address on x86, so a relocation)
   and carries constants of its own (so that no two pages are equal). */
#define STEP(n, i) \
	r = r * 33 + WideTable[((n) * 16 + (i)) & 255]; \
	WideTable[((n) + (i) * 16) & 255] ^= r + ((n) << 8 | (i));
#define STEPS(n) \
	STEP(n, 0) STEP(n, 1) STEP(n, 2) STEP(n, 3) STEP(n, 4) STEP(n, 5) STEP(n, 6) STEP(n, 7) \
	STEP(n, 8) STEP(n, 9) STEP(n, 10) STEP(n, 11) STEP(n, 12) STEP(n, 13) STEP(n, 14) STEP(n, 15) \
	STEP(n, 16) STEP(n, 17) STEP(n, 18) STEP(n, 19) STEP(n, 20) STEP(n, 21) STEP(n, 22) STEP(n, 23)
#define FUNC(n, where) where u32 Wide##n(u32 r) { STEPS(0x##n) return r; }
#define ROW(h, where) \
	FUNC(h##0, where) FUNC(h##1, where) FUNC(h##2, where) FUNC(h##3, where) \
	FUNC(h##4, where) FUNC(h##5, where) FUNC(h##6, where) FUNC(h##7, where) \
	FUNC(h##8, where) FUNC(h##9, where) FUNC(h##A, where) FUNC(h##B, where) \
	FUNC(h##C, where) FUNC(h##D, where) FUNC(h##E, where) FUNC(h##F, where)
#define RESIDENT
#define PAGEABLE __attribute__((section("PAGE")))
#define ONCE __attribute__((section("INIT")))

ROW(1, RESIDENT) ROW(2, RESIDENT) ROW(3, RESIDENT) ROW(4, RESIDENT)
ROW(5, RESIDENT) ROW(6, RESIDENT) ROW(7, RESIDENT) ROW(8, RESIDENT)
ROW(9, RESIDENT) ROW(A, RESIDENT) ROW(B, PAGEABLE) ROW(C, PAGEABLE) ROW(D, PAGEABLE)
FUNC(E0, ONCE) FUNC(E1, ONCE) FUNC(E2, ONCE) FUNC(E3, ONCE)

/* Constants without relocations: pages that the loader leaves as they are. */
#define MIX(i) (2654435761u * ((i) + 1) ^ (i) << 7)
#define FOUR(i) MIX(i), MIX((i) + 1), MIX((i) + 2), MIX((i) + 3)
#define SIXTEEN(i) FOUR(i), FOUR((i) + 4), FOUR((i) + 8), FOUR((i) + 12)
#define SIXTYFOUR(i) SIXTEEN(i), SIXTEEN((i) + 16), SIXTEEN((i) + 32), SIXTEEN((i) + 48)
#define ROWOF(i) SIXTYFOUR(i), SIXTYFOUR((i) + 64), SIXTYFOUR((i) + 128), SIXTYFOUR((i) + 192)
const u32 WideMixture[4096] = {
	ROWOF(0u), ROWOF(256u), ROWOF(512u), ROWOF(768u), ROWOF(1024u), ROWOF(1280u), ROWOF(1536u), ROWOF(1792u),
	ROWOF(2048u), ROWOF(2304u), ROWOF(2560u), ROWOF(2816u), ROWOF(3072u), ROWOF(3328u), ROWOF(3584u), ROWOF(3840u),
};

/* Addresses in data: relocations on x64 too. */
#define NAMES(h) \
	Wide##h##0, Wide##h##1, Wide##h##2, Wide##h##3, Wide##h##4, Wide##h##5, Wide##h##6, Wide##h##7, \
	Wide##h##8, Wide##h##9, Wide##h##A, Wide##h##B, Wide##h##C, Wide##h##D, Wide##h##E, Wide##h##F
u32 (*const WideCalls[])(u32) = {
	NAMES(1), NAMES(2), NAMES(3), NAMES(4), NAMES(5), NAMES(6),
	NAMES(7), NAMES(8), NAMES(9), NAMES(A), NAMES(B), NAMES(C), NAMES(D),
};

#ifdef __i386__
__attribute__((stdcall))
#endif
ONCE int DriverEntry(void *driver, void *registry) {
	u32 r = (driver != 0) + (registry != 0);
	for (u32 i = 0; i < sizeof WideCalls / sizeof *WideCalls; i++)
		r = WideCalls[i](r);
	return (int)(r & 0x7fffffff);
}
