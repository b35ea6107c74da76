// <metal_integer>: functions of integer scalars and vectors, all of them modulo the type's width or saturating.
#pragma once
#pragma clang system_header
#include "lift.h"

// The same functions on scalars of 8 to 64 bits, lane by lane where the compiler has no vector form.
namespace mtl::core {
template <class T>
struct wide {
  using type = conditional_t<is_signed_v<T>, long, ulong>;
};
template <>
struct wide<long> {
  using type = __int128;
};
template <>
struct wide<ulong> {
  using type = unsigned __int128;
};
template <class T>
using wide_t = typename wide<T>::type;
template <class T>
inline constexpr int bits_v = int(sizeof(T)) * 8;

template <class T>
MTL_INLINE constexpr T saturate_to(wide_t<T> value) {
  constexpr wide_t<T> low = numeric_limits<T>::min(), high = numeric_limits<T>::max();
  return T(value < low ? low : value > high ? high : value);
}
template <class T>
MTL_INLINE constexpr make_unsigned_t<T> absdiff(T x, T y) {
  using U = make_unsigned_t<T>;
  return x > y ? U(U(x) - U(y)) : U(U(y) - U(x));
}
template <class T>
MTL_INLINE constexpr T clz(T x) {
  using U = make_unsigned_t<T>;
  return T(x == 0 ? bits_v<T> : __builtin_clzll(U(x)) - (64 - bits_v<T>));
}
template <class T>
MTL_INLINE constexpr T ctz(T x) {
  using U = make_unsigned_t<T>;
  return T(x == 0 ? bits_v<T> : __builtin_ctzll(U(x)));
}
template <class T>
MTL_INLINE constexpr T mulhi(T x, T y) {
  return T((wide_t<T>(x) * wide_t<T>(y)) >> bits_v<T>);
}
template <class T>
MTL_INLINE constexpr T madhi(T x, T y, T z) {
  using U = make_unsigned_t<T>;
  return T(U(U(mulhi(x, y)) + U(z)));
}
template <class T>
MTL_INLINE constexpr T madsat(T x, T y, T z) {
  return saturate_to<T>(wide_t<T>(x) * wide_t<T>(y) + wide_t<T>(z));
}
template <class T>
MTL_INLINE constexpr T mul24(T x, T y) {
  constexpr uint unused = 8;
  return T(uint(T(uint(x) << unused) >> unused) * uint(T(uint(y) << unused) >> unused));
}
template <class T>
MTL_INLINE constexpr T mad24(T x, T y, T z) {
  return T(uint(mul24(x, y)) + uint(z));
}
template <class T>
MTL_INLINE constexpr T rotate(T x, T count) {
  using U = make_unsigned_t<T>;
  U left = U(count) & U(bits_v<T> - 1), right = U(-left) & U(bits_v<T> - 1);
  return T(U(U(U(x) << left) | U(U(x) >> right)));
}
// The lowest `count` bits set; all of them from the type's width on.
template <class T>
MTL_INLINE constexpr make_unsigned_t<T> low_bits(uint count) {
  using U = make_unsigned_t<T>;
  return count >= uint(bits_v<T>) ? U(~U(0)) : U((1ul << count) - 1ul);
}
template <class T>
MTL_INLINE constexpr T extract_bits(T x, uint offset, uint count) {
  using U = make_unsigned_t<T>;
  U field = offset < uint(bits_v<T>) ? U(U(x) >> offset) & low_bits<T>(count) : U(0);
  if (!is_signed_v<T> || count == 0 || count >= uint(bits_v<T>)) return T(field);
  U sign = U(1ul << (count - 1));
  return T(U(U(field ^ sign) - sign));
}
template <class T>
MTL_INLINE constexpr T insert_bits(T base, T insert, uint offset, uint count) {
  using U = make_unsigned_t<T>;
  if (offset >= uint(bits_v<T>)) return base;
  U field = U(low_bits<T>(count) << offset);
  return T(U((U(base) & U(~field)) | (U(U(insert) << offset) & field)));
}
}  // namespace mtl::core

namespace mtl {
/// `function` of the elements of scalars or vectors of one type.
template <class Result, class T, class F, class... Rest>
MTL_INLINE constexpr Result each_element(F function, T first, Rest... rest) {
  if constexpr (vector<T>) {
    lane_t<element_t<Result>> lanes[width_v<T>] = {};
    for (int i = 0; i < width_v<T>; ++i) lanes[i] = function(first.native()[i], rest.native()[i]...);
    return Result(from_native(), gather<element_t<Result>, width_v<T>>(lanes));
  } else {
    return function(first, rest...);
  }
}
}  // namespace mtl

namespace metal {
// Functions that the compiler has for its vectors.
#define MTL_INTEGER_1(name, expression)                     \
  template <mtl::integer_operands A>                        \
  MTL_INLINE constexpr mtl::unify_t<A> name(A argument) {   \
    using T = mtl::unify_t<A>;                              \
    auto x = mtl::native(T(argument));                      \
    using V = decltype(x);                                  \
    return mtl::from<T>(V(expression));                     \
  }
#define MTL_INTEGER_2(name, expression)                                             \
  template <class A, class B>                                                       \
    requires mtl::integer_operands<A, B>                                            \
  MTL_INLINE constexpr mtl::unify_t<A, B> name(A first, B second) {                 \
    using T = mtl::unify_t<A, B>;                                                   \
    auto x = mtl::native(T(first));                                                 \
    auto y = mtl::native(T(second));                                                \
    using V = decltype(x);                                                          \
    return mtl::from<T>(V(expression));                                             \
  }
MTL_INTEGER_1(popcount, __builtin_elementwise_popcount(x))
MTL_INTEGER_1(reverse_bits, __builtin_elementwise_bitreverse(x))
MTL_INTEGER_2(max, __builtin_elementwise_max(x, y))
MTL_INTEGER_2(min, __builtin_elementwise_min(x, y))
MTL_INTEGER_2(addsat, __builtin_elementwise_add_sat(x, y))
MTL_INTEGER_2(subsat, __builtin_elementwise_sub_sat(x, y))
MTL_INTEGER_2(hadd, (x >> 1) + (y >> 1) + (x & y & V(1)))
MTL_INTEGER_2(rhadd, (x >> 1) + (y >> 1) + ((x | y) & V(1)))
#undef MTL_INTEGER_1
#undef MTL_INTEGER_2

template <mtl::integer_operands A>
MTL_INLINE constexpr mtl::unify_t<A> abs(A argument) {
  using T = mtl::unify_t<A>;
  if constexpr (is_signed_v<mtl::element_t<T>>)
    return mtl::from<T>(__builtin_elementwise_abs(mtl::native(T(argument))));
  else return T(argument);
}

// Functions of single elements.
#define MTL_ELEMENT_1(name)                                                                     \
  template <mtl::integer_operands A>                                                            \
  MTL_INLINE constexpr mtl::unify_t<A> name(A x) {                                              \
    using T = mtl::unify_t<A>;                                                                  \
    return mtl::each_element<T>([](auto a) { return mtl::core::name(a); }, T(x));               \
  }
#define MTL_ELEMENT_2(name)                                                                     \
  template <class A, class B>                                                                   \
    requires mtl::integer_operands<A, B>                                                        \
  MTL_INLINE constexpr mtl::unify_t<A, B> name(A x, B y) {                                      \
    using T = mtl::unify_t<A, B>;                                                               \
    return mtl::each_element<T>([](auto a, auto b) { return mtl::core::name(a, b); }, T(x), T(y)); \
  }
#define MTL_ELEMENT_3(name)                                                                     \
  template <class A, class B, class C>                                                          \
    requires mtl::integer_operands<A, B, C>                                                     \
  MTL_INLINE constexpr mtl::unify_t<A, B, C> name(A x, B y, C z) {                              \
    using T = mtl::unify_t<A, B, C>;                                                            \
    return mtl::each_element<T>([](auto a, auto b, auto c) { return mtl::core::name(a, b, c); },  \
                                T(x), T(y), T(z));                                              \
  }
MTL_ELEMENT_1(clz)
MTL_ELEMENT_1(ctz)
MTL_ELEMENT_2(mulhi)
MTL_ELEMENT_2(rotate)
MTL_ELEMENT_3(madhi)
MTL_ELEMENT_3(madsat)
MTL_ELEMENT_2(mul24)
MTL_ELEMENT_3(mad24)
#undef MTL_ELEMENT_1
#undef MTL_ELEMENT_2
#undef MTL_ELEMENT_3

template <class A, class B>
  requires mtl::integer_operands<A, B>
MTL_INLINE constexpr auto absdiff(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return mtl::each_element<make_unsigned_t<T>>([](auto a, auto b) { return mtl::core::absdiff(a, b); }, T(x), T(y));
}
template <mtl::integer_operands A>
MTL_INLINE constexpr mtl::unify_t<A> extract_bits(A x, uint offset, uint bits) {
  using T = mtl::unify_t<A>;
  return mtl::each_element<T>([=](auto a) { return mtl::core::extract_bits(a, offset, bits); }, T(x));
}
template <class A, class B>
  requires mtl::integer_operands<A, B>
MTL_INLINE constexpr mtl::unify_t<A, B> insert_bits(A base, B insert, uint offset, uint bits) {
  using T = mtl::unify_t<A, B>;
  return mtl::each_element<T>([=](auto a, auto b) { return mtl::core::insert_bits(a, b, offset, bits); }, T(base),
                              T(insert));
}

template <class A, class B, class C>
  requires mtl::integer_operands<A, B, C>
MTL_INLINE constexpr mtl::unify_t<A, B, C> clamp(A x, B low, C high) {
  using T = mtl::unify_t<A, B, C>;
  return min(max(T(x), T(low)), T(high));
}
template <class A, class B, class C>
  requires mtl::integer_operands<A, B, C>
MTL_INLINE constexpr mtl::unify_t<A, B, C> max3(A x, B y, C z) {
  using T = mtl::unify_t<A, B, C>;
  return max(max(T(x), T(y)), T(z));
}
template <class A, class B, class C>
  requires mtl::integer_operands<A, B, C>
MTL_INLINE constexpr mtl::unify_t<A, B, C> min3(A x, B y, C z) {
  using T = mtl::unify_t<A, B, C>;
  return min(min(T(x), T(y)), T(z));
}
template <class A, class B, class C>
  requires mtl::integer_operands<A, B, C>
MTL_INLINE constexpr mtl::unify_t<A, B, C> median3(A x, B y, C z) {
  using T = mtl::unify_t<A, B, C>;
  return max(min(T(x), T(y)), min(max(T(x), T(y)), T(z)));
}
}  // namespace metal
