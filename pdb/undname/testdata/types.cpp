// Built-in types, pointers, references, arrays, qualifiers.
void builtin(signed char, char, unsigned char, short, unsigned short, int, unsigned, long, unsigned long) {}
void builtin2(long long, unsigned long long, bool, wchar_t, float, double, long double) {}
void builtin3(char8_t, char16_t, char32_t, decltype(nullptr)) {}
#ifdef __x86_64__
void wide(__int128, unsigned __int128) {}
void sized(__int8, __int16, __int32, __int64, unsigned __int64) {}
void half(_Float16, __bf16) {}
#endif
struct S { int i; const char *p; void f(); int a[4]; };
class C;
union U;
enum E {};
enum class F : unsigned char {};
int i;
const int ci = 1;
extern const int eci = 2;
volatile int vi;
extern const volatile int cvi = 3;
int *p;
const int *pc;
volatile int *pv;
const volatile int *pcv;
int *const cp = 0;
extern int *const ecp = 0;
extern const int *const ecpc = 0;
int *volatile vp;
extern int *const volatile cvp = 0;
int **pp;
const int **ppc;
int *const *pcp;
int ***ppp;
int &r = i;
const int &rc = ci;
int &&rr = 1;
int *&rp = p;
S s;
extern const S cs = {};
S *ps;
const S *pcs;
C *pcl;
U *pu;
E e;
E *pe;
F f;
int a1[3];
const int ca1[3] = {1, 2, 3};
extern const int eca1[3] = {1, 2, 3};
int a2[2][3];
int *ap[3];
int (*pa)[3];
const int (*pca)[3];
int (&ra)[3] = a1;
int (*pa2)[2][3];
int *(*pap)[3];
int (**ppa)[3];
int (*const cpa)[3] = 0;
extern int (*const ecpa)[3] = 0;
void (*fp)(int);
void (*const cfp)(int) = 0;
extern void (*const ecfp)(int) = 0;
void (**fpp)(int);
void (***fppp)(int);
void (*afp[4])(short);
void (*(*pafp)[4])(short);
void (&fr)(int) = *fp;
int (*fpr)(int (*)(char), char *);
void (*fpret(int))(char);
int (*(*fpfp)(int))(char);
int S::*pm;
const int S::*pmc;
int S::*const cpm = 0;
extern int S::*const ecpm = 0;
int S::**ppm;
const char *S::*pmp;
int (S::*pma)[4];
void (S::*pmf)();
void (S::*pmfi)(int);
void (S::*pmfc)(int) const;
void (S::*pmfl)() &;
void (S::*pmfr)() &&;
void (S::*pmfn)() noexcept;
void (S::*const cpmf)() = 0;
extern void (S::*const ecpmf)() = 0;
void (S::**ppmf)();
void (S::*(*fpmf)(int))(char);
void (__stdcall *sfp)(int);
void (__fastcall *ffp)(int);
void (__vectorcall *vfp)(int);
int *__restrict rp1;
int *__restrict *rp2;
__unaligned int *up;
__unaligned int *__restrict urp;
__unaligned const int *ucp;
S __unaligned *us;
int *__ptr32 p32;
int *__ptr64 p64;
int *__sptr __ptr32 sp32;
int *__uptr __ptr32 up32;
void params(int *, const int *, int *const, int *volatile, const volatile int *const) {}
void refs(int &, const int &, volatile int &, int &&, const int &&) {}
void ptrs(int **, const int **, int *const *, const int *const *) {}
void arrays(int (*)[3], int (&)[3], const int (&)[3], int (&&)[2], int (*)[2][3], int *(&)[3]) {}
void members(int S::*, const int S::*, void (S::*)(), void (S::*)(int) const) {}
void restricts(int *__restrict, int *__restrict *, __unaligned int *) {}
void fns(void (*)(), void (**)(), void (&)(), void (*const)(), int (*(*)())()) {}
void unbounded(int (*)[], int (&)[]) {}
__attribute__((address_space(1))) int *as1;
typedef int v4 __attribute__((vector_size(16)));
v4 vec;
void vecs(v4, v4 *) {}
_Complex double cplx;
void cplxs(_Complex float) {}
typedef float m4 __attribute__((ext_vector_type(3)));
void ext(m4) {}
_Atomic(int) at;
void atomics(_Atomic(int) *) {}
_BitInt(7) bits;
void bitints(_BitInt(31), unsigned _BitInt(9)) {}
