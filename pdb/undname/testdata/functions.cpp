// Calling conventions, parameters, results, exception specifications.
struct S {};
class C {};
union U {};
enum E : int { e0 };
enum class W : short { w0 };
void __cdecl cdecl_(int) {}
void __stdcall stdcall_(int) {}
void __fastcall fastcall_(int) {}
void __vectorcall vectorcall_(double) {}
void __regcall regcall_(int) {}
__attribute__((swiftcall)) void swift_(int) {}
#ifdef __x86_64__
__attribute__((swiftasynccall)) void swiftasync_(int) {}
#endif
__attribute__((preserve_most)) void preserve_(int) {}
void nothing() {}
void dots(...) {}
void intdots(int, ...) {}
void noexcept_() noexcept {}
void noexceptptr(void (*)(int) noexcept) {}
S byvalue(S, C, U) { return {}; }
const S constresult() { return {}; }
const int constint() { return 0; }
E enumresult(E, W) { return e0; }
int *ptrresult() { return 0; }
int *const constptrresult() { return 0; }
int &refresult(int &r) { return r; }
int &&rvalue(int &&r) { return (int &&)r; }
const int &&constrvalue(const int &&r) { return (const int &&)r; }
void (*fnresult())(int) { return 0; }
void (*(*fnfnresult())(int))(char) { return 0; }
int (*arrayresult())[3] { return 0; }
int (&refarrayresult(int (&a)[3]))[3] { return a; }
void (C::*memfnresult())(int) { return 0; }
int C::*memresult() { return 0; }
auto autoresult() { return 1; }
decltype(auto) decltyperesult() { return 1; }
auto trailing() -> char { return 'a'; }
void fnparam(void f(int)) {}
void fnptrparam(void (*f)(int), void (*const g)(int)) {}
void fnrefparam(void (&f)(int)) {}
void fnrvalueparam(void (&&f)(int)) {}
void fnptrptr(void (**f)(int), void (*const *g)(int)) {}
void arrayparam(int a[3], int b[2][3], const int c[2][3]) {}
void same(int *, int *, int *, char *, char *, S *, S *) {}
void many(int *, char *, short *, long *, S *, C *, U *, E *, W *, double *, float *, float *) {}
void nested(void (*)(int *, void (*)(int *)), int *) {}
struct M {
  void plain();
  void c() const;
  void v() volatile;
  void cv() const volatile;
  void l() &;
  void r() &&;
  void cl() const &;
  void cr() const &&;
  void n() noexcept;
  void cn() const noexcept;
  void lrn() const & noexcept;
  void un() __unaligned;
  void re() __restrict;
  static void s(int);
  static void sv(int, ...);
  void mv(int, ...);
  void __stdcall st(int);
  void __fastcall fa(int);
  void __vectorcall ve(int);
  void __cdecl cd(int);
  virtual int vi(M &, const M &);
  M *self(M);

protected:
  void prot();
  static void sprot();
  virtual void vprot();

private:
  void priv();
  static void spriv();
  virtual void vpriv() const;
};
void M::plain() {}
void M::c() const {}
void M::v() volatile {}
void M::cv() const volatile {}
void M::l() & {}
void M::r() && {}
void M::cl() const & {}
void M::cr() const && {}
void M::n() noexcept {}
void M::cn() const noexcept {}
void M::lrn() const & noexcept {}
void M::un() __unaligned {}
void M::re() __restrict {}
void M::s(int) {}
void M::sv(int, ...) {}
void M::mv(int, ...) {}
void M::st(int) {}
void M::fa(int) {}
void M::ve(int) {}
void M::cd(int) {}
int M::vi(M &, const M &) { return 0; }
M *M::self(M) { return this; }
void M::prot() {}
void M::sprot() {}
void M::vprot() {}
void M::priv() {}
void M::spriv() {}
void M::vpriv() const {}
