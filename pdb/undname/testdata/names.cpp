// Namespaces, nesting, references to names, local names, lambdas.
namespace n { void f() {} int v; struct S { void m() {} struct T { void m(); static int i; enum K {}; }; }; void S::T::m() {} int S::T::i; }
namespace n { namespace m { namespace k { void f() {} S::T *t(S, S::T, S::T::K) { return 0; } } } }
namespace n { inline namespace v1 { void g() {} } }
namespace { int hidden; void hid(int) {} struct A { void f(); static int s; }; void A::f() {} int A::s; void use(A *, A) {} template <class T> struct HT { void f(); }; template <class T> void HT<T>::f() {} }
namespace n { namespace { void inner(A &, A *) {} } void callinner() { A a; inner(a, 0); } }
namespace a { namespace b { namespace c { namespace d { namespace e { namespace f { namespace g { namespace h { namespace i { namespace j { namespace k { struct L {}; void deep(L, L *, L &) {} } } } } } } } } } } }
namespace a { void again(b::c::d::e::f::g::h::i::j::k::L, b::c::d::e::f::g::h::i::j::k::L) {} }
void keep() { hidden = 1; hid(1); A x; x.f(); A::s = 2; use(&x, x); HT<int>().f(); HT<A>().f(); n::callinner(); }
inline int &local() { static int x; return x; }
inline int &blocks(int k) { if (k) { static int x; return x; } { static int x; static int y; return k == 2 ? x : y; } }
struct S { int &member() const { static int z; return z; } template <class T> int &tm(T) { static T z; return (int &)z; } };
extern "C" inline int &cfunction() { static int c; return c; }
extern "C" int cvariable;
namespace n { extern "C" void incnamespace() {} }
inline void withtypes() { struct Local { void f() {} }; Local().f(); enum Le { l0 }; static Le e; e = l0; { struct Local { void g() {} }; Local().g(); } }
struct { int a; void anon() {} } unnamedstruct;
enum { u0, u1 } unnamedenum;
typedef struct { void g() {} } Typedefed;
struct Outer { struct { int q; } in; enum { o0 } oe; union { int aa; float bb; }; void use(decltype(in) *, decltype(oe)) {} };
auto lambda = [](int x) { return x; };
auto capturing(int k) { return [k](int x) mutable noexcept { return x + k; }; }
inline auto inl() { return [](auto x) { static int s; return s += x; }; }
inline auto nestedlambda() { return [] { return [] { return 1; }; }; }
template <class T> void take(T t) { t(1); }
template <class T> void take0(T t) { t(); }
struct Init { int m = [] { return 3; }(); };
void go() {
  local() = 1; blocks(2) = 3; S().member() = 1; S().tm(1) = 1; S().tm('c') = 1; cfunction() = 2; withtypes();
  unnamedstruct.anon(); unnamedenum = u1; Typedefed().g(); Outer o; o.use(&o.in, o.oe); Init i;
  take(lambda); take(capturing(1)); take(inl()); inl()('c'); nestedlambda()()(); take0(nestedlambda()); take([](int) {}); int (*conv)(int) = lambda; conv(1);
}
int $dollar$; int _under; int x1y2z3;
int \u00e9t\u00e9;
namespace \u4e2d { int \u6587; }
template <int> struct Ta {};
void sametemplate(Ta<1>, Ta<1>, Ta<2>, Ta<1> *, n::S, n::S *) {}
namespace q { template <class T> struct B { struct I { template <class V> void f(V, T, I); }; }; template <class T> template <class V> void B<T>::I::f(V, T, I) {} template void B<int>::I::f<char>(char, int, B<int>::I); template void B<n::S>::I::f<B<n::S>>(B<n::S>, n::S, B<n::S>::I); }
