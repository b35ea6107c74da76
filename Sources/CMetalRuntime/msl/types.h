// The scalar types of the Metal Shading Language, and the words its headers use.
#pragma once
#pragma clang system_header

#define METAL_FUNC inline __attribute__((always_inline))
#define METAL_INTERNAL inline __attribute__((always_inline))
#define METAL_CONST const
#define METAL_PURE
#define METAL_ASM(...)
#define MTL_INLINE inline __attribute__((always_inline))

using uchar = unsigned char;
using ushort = unsigned short;
using uint = unsigned int;
using ulong = unsigned long;
using half = _Float16;
using bfloat = __bf16;

using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long;
using uint8_t = uchar;
using uint16_t = ushort;
using uint32_t = uint;
using uint64_t = ulong;
using intptr_t = long;
using uintptr_t = ulong;
using size_t = decltype(sizeof(0));
using ptrdiff_t = long;

static_assert(sizeof(long) == 8 && sizeof(void *) == 8, "the LP64 model, as on Apple's GPUs");
static_assert(char(-1) < 0, "char is signed: pass -fsigned-char");

// The literals 1.5h and 1.5bf: the rewriter turns their suffixes, in any case, into these, which C++ allows.
consteval half operator""_h(long double value) { return half(value); }
consteval half operator""_h(unsigned long long value) { return half(value); }
consteval bfloat operator""_bf(long double value) { return bfloat(value); }
consteval bfloat operator""_bf(unsigned long long value) { return bfloat(value); }

/// The same bits as another type of the same size.
template <class To, class From>
MTL_INLINE constexpr To as_type(From value) {
  static_assert(!__is_pointer(To) && !__is_pointer(From), "as_type needs scalars or vectors, and no pointers");
  static_assert(sizeof(To) == sizeof(From), "as_type needs types of the same size");
  return __builtin_bit_cast(To, value);
}

namespace metal {
using ::as_type;
using ::bfloat;
using ::half;
using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::intptr_t;
using ::ptrdiff_t;
using ::size_t;
using ::uchar;
using ::uint;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uint8_t;
using ::uintptr_t;
using ::ulong;
using ::ushort;
}  // namespace metal
