// Code of ARM64EC: the names of functions carry a mark, C names a '#'.
namespace n { struct S { virtual ~S(); void m() const; static int s(int, S *); template <class T> T t(T); int v; }; S::~S() {} void S::m() const {} int S::s(int, S *) { return 0; } template <class T> T S::t(T x) { return x; } template int S::t(int); }
int f() { return 0; }
int v;
extern "C" int c() { return 0; }
void (*fp(void (*)(int)))(char) { return 0; }
struct O { O &operator=(const O &); operator int() const; }; O &O::operator=(const O &) { return *this; } O::operator int() const { return 1; }
