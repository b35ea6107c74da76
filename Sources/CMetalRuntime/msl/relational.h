// <metal_relational>: classification, all, any, select. They look at bits, so they hold under any maths mode.
#pragma once
#pragma clang system_header
#include "lift.h"

namespace mtl {
template <class E>
struct float_bits;
template <>
struct float_bits<float> {
  using bits = uint;
  static constexpr uint infinity = 0x7f800000u, least_normal = 0x00800000u;
};
template <>
struct float_bits<half> {
  using bits = ushort;
  static constexpr ushort infinity = 0x7c00, least_normal = 0x0400;
};
template <>
struct float_bits<bfloat> {
  using bits = ushort;
  static constexpr ushort infinity = 0x7f80, least_normal = 0x0080;
};

template <class T>
using bits_t = replace_element_t<T, typename float_bits<element_t<T>>::bits>;
template <class T>
using boolean_t = replace_element_t<T, bool>;

/// The bits of each component, or of a scalar.
template <class T>
MTL_INLINE constexpr bits_t<T> bits_of(T value) {
  return __builtin_bit_cast(bits_t<T>, value);
}
template <class T>
MTL_INLINE constexpr bits_t<T> magnitude_of(T value) {
  using B = element_t<bits_t<T>>;
  return bits_t<T>(bits_of(value) & bits_t<T>(B(B(~B(0)) >> 1)));
}
template <class T>
inline constexpr auto infinity_bits = float_bits<element_t<T>>::infinity;
}  // namespace mtl

namespace metal {
#define MTL_CLASSIFICATION(name, ...)                       \
  template <mtl::floating_operands A>                       \
  MTL_INLINE mtl::boolean_t<mtl::unify_t<A>> name(A x) {    \
    using T = mtl::unify_t<A>;                              \
    using B = mtl::bits_t<T>;                               \
    B magnitude = mtl::magnitude_of(T(x));                  \
    B infinity = B(mtl::infinity_bits<T>);                  \
    return __VA_ARGS__;                                     \
  }
MTL_CLASSIFICATION(isfinite, magnitude < infinity)
MTL_CLASSIFICATION(isinf, magnitude == infinity)
MTL_CLASSIFICATION(isnan, magnitude > infinity)
MTL_CLASSIFICATION(isnormal,
                   (magnitude < infinity) & (magnitude >= B(mtl::float_bits<mtl::element_t<T>>::least_normal)))
#undef MTL_CLASSIFICATION

template <mtl::floating_operands A>
MTL_INLINE mtl::boolean_t<mtl::unify_t<A>> signbit(A x) {
  using T = mtl::unify_t<A>;
  using B = mtl::bits_t<T>;
  return mtl::bits_of(T(x)) > B(mtl::element_t<B>(mtl::element_t<B>(~mtl::element_t<B>(0)) >> 1));
}
template <class A, class B>
  requires mtl::floating_operands<A, B>
MTL_INLINE auto isunordered(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return mtl::boolean_t<T>(isnan(T(x)) | isnan(T(y)));
}
template <class A, class B>
  requires mtl::floating_operands<A, B>
MTL_INLINE auto isordered(A x, B y) {
  return !isunordered(x, y);
}

MTL_INLINE constexpr bool all(bool x) { return x; }
MTL_INLINE constexpr bool any(bool x) { return x; }
template <int N>
MTL_INLINE constexpr bool all(vec<bool, N> x) {
  uchar result = x.native()[0];
  for (int i = 1; i < N; ++i) result &= x.native()[i];
  return result;
}
template <int N>
MTL_INLINE constexpr bool any(vec<bool, N> x) {
  uchar result = x.native()[0];
  for (int i = 1; i < N; ++i) result |= x.native()[i];
  return result;
}

/// Component by component: y where the condition holds, x elsewhere.
template <class T, int N>
MTL_INLINE constexpr vec<T, N> select(vec<T, N> x, vec<T, N> y, vec<bool, N> condition) {
  auto mask = __builtin_convertvector(condition.native() != uchar(0), mtl::native_t<mtl::mask_t<T>, N>);
  return vec<T, N>(mtl::from_native(), mask ? y.native() : x.native());
}
template <class A, class B>
  requires(mtl::scalar<mtl::unify_t<A, B>> && mtl::floating<A> == mtl::floating<B>)
MTL_INLINE constexpr mtl::unify_t<A, B> select(A x, B y, bool condition) {
  using T = mtl::unify_t<A, B>;
  return condition ? T(y) : T(x);
}
template <class A, class B, int N>
  requires(mtl::vector<mtl::unify_t<A, B>> && !(__is_same(A, mtl::unify_t<A, B>) && __is_same(B, A)))
MTL_INLINE constexpr mtl::unify_t<A, B> select(A x, B y, vec<bool, N> condition) {
  using T = mtl::unify_t<A, B>;
  return select(T(x), T(y), condition);
}
}  // namespace metal
