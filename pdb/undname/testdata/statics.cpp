// Guards of local statics, dynamic initializers and destructors, threads.
struct Q { Q(int); ~Q(); int v; };
int f(); void use(void *);
Q q1(1); static Q q2(2); namespace n { Q q3(3); namespace m { Q q4(f()); } } namespace { Q q5(5); } struct S { static Q sq; static inline Q siq{7}; static int si; struct N { static Q nq; }; }; Q S::sq(6); Q S::N::nq(8); int S::si = f(); int dyn = f(); const int cdyn = f(); Q arr[2] = {1, 2}; Q *ptr = new Q(3);
template <class T> struct T1 { static Q tq; static int ti; }; template <class T> Q T1<T>::tq(9); template <class T> int T1<T>::ti = f(); template struct T1<int>; template struct T1<S>; template <class T> Q tv(10); template Q tv<int>; template Q tv<S *>; inline Q iq(11); namespace n { inline Q niq(12); }
inline Q &local() { static Q x(1); return x; } Q &local2() { static Q x(1); static Q y(2); return f() ? x : y; } inline Q &blocks() { if (f()) { static Q x(1); return x; } static Q y(2); return y; } struct M { Q &m() const { static Q x(3); return x; } }; template <class T> Q &lt(T) { static Q x(4); return x; } extern "C" inline Q &lc() { static Q x(5); return x; }
inline int &many() { static int a = f(), b = f(), c = f(); return a += b += c; }
thread_local Q tq(1); thread_local int ti = f(); extern thread_local Q etq; inline thread_local Q itq(2); struct Th { static thread_local Q st; static inline thread_local int sti = f(); }; thread_local Q Th::st(3); inline Q &tl() { static thread_local Q x(4); return x; } inline Q &tl2() { thread_local Q x(4); thread_local Q y(5); return f() ? x : y; } int *tlp() { static thread_local int i = f(); return &i; } namespace { thread_local Q atq(1); }
void go() { use(&local()); use(&local2()); use(&blocks()); use(&M().m()); use(&lt(1)); use(&lt(S())); use(&lc()); use(&many()); use(&tq); use(&ti); use(&etq); use(&itq); use(&Th::st); use(&Th::sti); use(&tl()); use(&tl2()); use(tlp()); use(&q2); use(&q5); use(&atq); use(&S::siq); use(&iq); use(&n::niq); auto l = [] { static Q x(6); return &x; }; use(l()); }
__declspec(selectany) Q sel(13); __declspec(dllexport) Q exported(14); __declspec(dllimport) int imported(); __declspec(dllimport) extern int impvar; int imp() { return imported() + impvar; } struct __declspec(dllimport) Imp { Imp(); virtual ~Imp(); virtual void f(); }; void *newimp() { return new Imp; }
#pragma init_seg(lib)
Q seg(15);
int &ref = *new int(f()); const Q &lifetime = Q(16); const Q &lifetime2 = Q(17); struct Rt { static const Q &r; }; const Q &Rt::r = Q(18); inline const Q &lref() { static const Q &x = Q(19); return x; }
