// Tables, run-time type information, thunks, deleting destructors.
struct A { virtual ~A(); virtual void f(); virtual int g(int) const; int a; };
struct B { virtual ~B(); virtual void h(); virtual void f2(); int b; };
struct AB : A, B { ~AB(); void f() override; void h() override; int c; };
struct V1 : virtual A { V1(); ~V1(); void f() override; int v1; };
struct V2 : virtual A { V2(); ~V2(); virtual void k(); int v2; };
struct D : V1, V2 { D(); ~D(); void f() override; void k() override; int d; };
struct VB : virtual B, V1 { VB(); ~VB(); void h() override; void f() override; };
namespace n { struct P { virtual ~P(); virtual void q(); private: virtual void priv(); protected: virtual void prot(); }; template <class T> struct T1 : P { T1(); ~T1(); void q() override; T t; }; struct Q : T1<int>, B { ~Q(); void h() override; protected: void prot() override; private: void priv() override; void f2() override; }; }
struct Covariant : A { virtual A *clone(); virtual A &ref(); }; struct Cov2 : B, Covariant { Cov2 *clone() override; Cov2 &ref() override; };
A::~A() {} void A::f() {} int A::g(int) const { return 0; } B::~B() {} void B::h() {} void B::f2() {} AB::~AB() {} void AB::f() {} void AB::h() {}
V1::V1() {} V1::~V1() {} void V1::f() {} V2::V2() {} V2::~V2() {} void V2::k() {} D::D() {} D::~D() {} void D::f() {} void D::k() {} VB::VB() {} VB::~VB() {} void VB::h() {} void VB::f() {}
n::P::~P() {} void n::P::q() {} void n::P::priv() {} void n::P::prot() {} template <class T> n::T1<T>::T1() {} template <class T> n::T1<T>::~T1() {} template <class T> void n::T1<T>::q() {} template struct n::T1<int>; template struct n::T1<A>; n::Q::~Q() {} void n::Q::h() {} void n::Q::prot() {} void n::Q::priv() {} void n::Q::f2() {}
A *Covariant::clone() { return 0; } A &Covariant::ref() { return *this; } Cov2 *Cov2::clone() { return 0; } Cov2 &Cov2::ref() { return *this; }
namespace { struct Hidden : A { void f() override {} }; } A *hide() { return new Hidden; }
struct Vtordisp : virtual A { Vtordisp(); virtual void own(); void f() override; }; Vtordisp::Vtordisp() {} void Vtordisp::own() {} void Vtordisp::f() {}
#pragma vtordisp(2)
struct Forced : virtual A, virtual B { Forced(); void f() override; void h() override; void f2() override; }; Forced::Forced() {} void Forced::f() {} void Forced::h() {} void Forced::f2() {}
struct Forced2 : Forced { Forced2(); int g(int) const override; void h() override; }; Forced2::Forced2() {} int Forced2::g(int) const { return 1; } void Forced2::h() {}
struct Pv : private Forced, V2 { Pv(); private: void f() override; void h() override; }; Pv::Pv() {} void Pv::f() {} void Pv::h() {}
struct Dl { ~Dl(); }; Dl::~Dl() {} void del(Dl *p, A *q) { delete[] p; delete[] q; delete q; }
struct Dc { Dc(int = 1); Dc(Dc &, int = 2); }; Dc::Dc(int) {} Dc::Dc(Dc &, int) {}
struct __declspec(dllexport) Ex { Ex(int = 1) {} Ex(const Ex &, int = 2) {} virtual ~Ex() {} Ex &operator=(const Ex &) { return *this; } static int st; virtual void f() {} }; int Ex::st;
void *newarr() { return new Dc[3]; }
typedef void (A::*pmf)(); pmf vcall() { return &A::f; } typedef int (A::*pmg)(int) const; pmg vcall2() { return &A::g; } typedef void (B::*pmh)(); pmh vcall3() { return &B::f2; }
namespace std { class type_info { public: virtual ~type_info(); const char *name() const; }; }
const std::type_info &ti(A *a) { return typeid(*a); } const std::type_info &ti2() { return typeid(int); } const std::type_info &ti3() { return typeid(void (*)(int)); } const std::type_info &ti4() { return typeid(const A *); } const std::type_info &ti5() { return typeid(int[3]); } const std::type_info &ti6() { return typeid(n::T1<n::T1<int>>); } const std::type_info &ti7() { return typeid(void(int)); } const std::type_info &ti8() { return typeid(int A::*); } const std::type_info &ti9() { return typeid(void (A::*)(int) const); } const std::type_info &ti10() { enum Loc {}; return typeid(Loc); } const std::type_info &ti11() { return typeid([] {}); } const std::type_info &ti12() { return typeid(decltype(nullptr)); }
AB *cast(A *a) { return dynamic_cast<AB *>(a); }
struct __declspec(novtable) Nv { virtual void f() = 0; Nv(); }; Nv::Nv() {}
