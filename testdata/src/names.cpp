// Types and names of C++: virtual bases, static members, nested and merely declared
// types, enumerations of several widths, nullptr_t, thread-local variables, string
// literals, and a function that belongs to a C++20 module.
using nullptr_type = decltype(nullptr);

struct Base {
	int base;
};
struct Left : virtual Base {
	int left;
	static int count;
};
struct Right : virtual Base {
	int right;
};
struct Most : Left, Right {
	static const char *title;
	int most;
	struct Inner {
		int value;
		nullptr_type none;
		enum class Wide : unsigned long long { Low = 1, High = 0xFFFFFFFFFFFFFFFFull } wide;
		enum class Byte : unsigned char { Top = 0xFF } byte;
		enum class Sign : signed char { Minus = -1 } sign;
	};
	struct Opaque;
	Opaque *hidden;
};
namespace ns {
struct Inner {
	char c;
};
template <class T> struct Box {
	struct Item {
		T item;
	} it;
};
struct Only;
} // namespace ns

int Left::count = 3;
const char *Most::title = "a title";
Most most;
Most::Inner inner;
ns::Inner small;
ns::Box<ns::Inner> box;
ns::Only *only;
int table[24];
thread_local int per_thread = 5;

extern "C" {
int _tls_index;
int _fltused;
}
__asm__(".globl \"?owned@@YAXXZ::<!math.core>\"\n\"?owned@@YAXXZ::<!math.core>\":\n ret\n");

extern "C" int start() { return most.most + inner.value + per_thread + table[3] + Most::title[0] + (only != nullptr); }
