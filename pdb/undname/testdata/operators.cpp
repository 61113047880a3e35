// Every operator that can be overloaded, conversions, literals.
typedef decltype(sizeof 0) size;
struct X;
struct Y {};
namespace std { struct strong { int v; }; enum class align_val_t : size {}; template <class T = void> struct coroutine_handle {}; }
struct X {
  X();
  X(const X &);
  X(X &&);
  explicit X(int, ...);
  ~X();
  X &operator=(const X &);
  X &operator=(X &&);
  X operator+() const; X operator-() const; X operator~() const; bool operator!() const; X *operator&(); X &operator*() const; X *operator->() const;
  X operator+(const X &) const; X operator-(const X &) const; X operator*(const X &) const; X operator/(const X &) const; X operator%(const X &) const;
  X operator^(const X &) const; X operator&(const X &) const; X operator|(const X &) const; X operator<<(int) const; X operator>>(int) const;
  X &operator+=(const X &); X &operator-=(const X &); X &operator*=(const X &); X &operator/=(const X &); X &operator%=(const X &);
  X &operator^=(const X &); X &operator&=(const X &); X &operator|=(const X &); X &operator<<=(int); X &operator>>=(int);
  bool operator==(const X &) const; bool operator!=(const X &) const; bool operator<(const X &) const; bool operator>(const X &) const;
  bool operator<=(const X &) const; bool operator>=(const X &) const; bool operator&&(const X &) const; bool operator||(const X &) const;
  X &operator++(); X operator++(int); X &operator--(); X operator--(int); X operator,(const X &) const; int X::*operator->*(int) const;
  int operator()(int, char) const; int &operator[](int); static void operator()(X);
  std::strong operator<=>(const X &) const;
  int operator co_await();
  operator bool() const; operator int *(); operator const char *() const; operator Y &(); operator Y &&() &&;
  typedef void (*fn)(int); operator fn() const; typedef int (&ar)[3]; operator ar(); typedef void (Y::*mf)(); operator mf(); operator const Y() const; operator int Y::*();
  template <class T> operator T *() const; template <class T> operator T &(); template <class T> X &operator<<(T); template <class T> X(T *, T);
  void *operator new(size); void *operator new[](size); void *operator new(size, void *); void operator delete(void *); void operator delete[](void *);
};
X::X() {} X::X(const X &) {} X::X(X &&) {} X::X(int, ...) {} X::~X() {}
X &X::operator=(const X &) { return *this; } X &X::operator=(X &&) { return *this; }
X X::operator+() const { return *this; } X X::operator-() const { return *this; } X X::operator~() const { return *this; } bool X::operator!() const { return 0; } X *X::operator&() { return 0; } X &X::operator*() const { return (X &)*this; } X *X::operator->() const { return 0; }
X X::operator+(const X &) const { return *this; } X X::operator-(const X &) const { return *this; } X X::operator*(const X &) const { return *this; } X X::operator/(const X &) const { return *this; } X X::operator%(const X &) const { return *this; }
X X::operator^(const X &) const { return *this; } X X::operator&(const X &) const { return *this; } X X::operator|(const X &) const { return *this; } X X::operator<<(int) const { return *this; } X X::operator>>(int) const { return *this; }
X &X::operator+=(const X &) { return *this; } X &X::operator-=(const X &) { return *this; } X &X::operator*=(const X &) { return *this; } X &X::operator/=(const X &) { return *this; } X &X::operator%=(const X &) { return *this; }
X &X::operator^=(const X &) { return *this; } X &X::operator&=(const X &) { return *this; } X &X::operator|=(const X &) { return *this; } X &X::operator<<=(int) { return *this; } X &X::operator>>=(int) { return *this; }
bool X::operator==(const X &) const { return 0; } bool X::operator!=(const X &) const { return 0; } bool X::operator<(const X &) const { return 0; } bool X::operator>(const X &) const { return 0; }
bool X::operator<=(const X &) const { return 0; } bool X::operator>=(const X &) const { return 0; } bool X::operator&&(const X &) const { return 0; } bool X::operator||(const X &) const { return 0; }
X &X::operator++() { return *this; } X X::operator++(int) { return *this; } X &X::operator--() { return *this; } X X::operator--(int) { return *this; } X X::operator,(const X &) const { return *this; } int X::*X::operator->*(int) const { return 0; }
int X::operator()(int, char) const { return 0; } int &X::operator[](int) { return *(int *)0; } void X::operator()(X) {}
std::strong X::operator<=>(const X &) const { return {}; } int X::operator co_await() { return 0; }
X::operator bool() const { return 0; } X::operator int *() { return 0; } X::operator const char *() const { return 0; } X::operator Y &() { return *(Y *)0; } X::operator Y &&() && { return (Y &&)*(Y *)0; }
X::operator fn() const { return 0; } X::operator ar() { return *(int(*)[3])0; } X::operator mf() { return 0; } X::operator const Y() const { return {}; } X::operator int Y::*() { return 0; }
template <class T> X::operator T *() const { return 0; } template <class T> X::operator T &() { return *(T *)0; } template <class T> X &X::operator<<(T) { return *this; } template <class T> X::X(T *, T) {}
typedef void (*fnp)(int);
template X::operator short *() const; template X::operator fnp *() const;
template X::operator long &(); template X &X::operator<<(Y); template X::X(char *, char);
void *X::operator new(size) { return 0; } void *X::operator new[](size) { return 0; } void *X::operator new(size, void *) { return 0; } void X::operator delete(void *) {} void X::operator delete[](void *) {}
void *operator new(size) { return 0; } void *operator new[](size) { return 0; } void operator delete(void *) noexcept {} void operator delete[](void *) noexcept {} void operator delete(void *, size) noexcept {} void *operator new(size, std::align_val_t) { return 0; }
X operator+(const X &x, int) { return x; } bool operator==(Y, Y) { return 1; } namespace n { struct Z {}; Z &operator|=(Z &z, Z) { return z; } template <class T> T operator-(T t, Z) { return t; } template int operator-(int, Z); bool operator<=>(Z, Z) { return 1; } }
long double operator""_ld(long double d) { return d; } int operator""_str(const char *, size) { return 0; } template <char... C> int operator""_tpl() { return 0; } template int operator""_tpl<'1', '2'>(); unsigned long long operator"" _old(unsigned long long v) { return v; }
