// <metal_math>: functions of floating-point scalars and vectors.
#pragma once
#pragma clang system_header
#include "exponential.h"
#include "relational.h"
#include "trigonometric.h"

// A function of one, two or three operands from the one of the same name in mtl::core.
#define MTL_MATH_1(name)                                            \
  template <mtl::floating_operands A>                               \
  MTL_INLINE mtl::unify_t<A> name(A x) {                            \
    using T = mtl::unify_t<A>;                                      \
    return mtl::narrow<T>(mtl::core::name(mtl::widen(T(x))));       \
  }
#define MTL_MATH_2(name)                                                            \
  template <class A, class B>                                                       \
    requires mtl::floating_operands<A, B>                                           \
  MTL_INLINE mtl::unify_t<A, B> name(A x, B y) {                                    \
    using T = mtl::unify_t<A, B>;                                                   \
    return mtl::narrow<T>(mtl::core::name(mtl::widen(T(x)), mtl::widen(T(y))));     \
  }
#define MTL_MATH_3(name) MTL_MATH_3_OF(mtl::floating_operands, name)
#define MTL_MATH_3_OF(operands, name)                                                                   \
  template <class A, class B, class C>                                                                  \
    requires operands<A, B, C>                                                                          \
  MTL_INLINE mtl::unify_t<A, B, C> name(A x, B y, C z) {                                                \
    using T = mtl::unify_t<A, B, C>;                                                                    \
    return mtl::narrow<T>(mtl::core::name(mtl::widen(T(x)), mtl::widen(T(y)), mtl::widen(T(z))));       \
  }

namespace metal {
MTL_MATH_1(acos)
MTL_MATH_1(acosh)
MTL_MATH_1(asin)
MTL_MATH_1(asinh)
MTL_MATH_1(atan)
MTL_MATH_1(atanh)
MTL_MATH_1(ceil)
MTL_MATH_1(cos)
MTL_MATH_1(cosh)
MTL_MATH_1(cospi)
MTL_MATH_1(exp)
MTL_MATH_1(exp2)
MTL_MATH_1(exp10)
MTL_MATH_1(fabs)
MTL_MATH_1(floor)
MTL_MATH_1(log)
MTL_MATH_1(log2)
MTL_MATH_1(log10)
MTL_MATH_1(rint)
MTL_MATH_1(round)
MTL_MATH_1(rsqrt)
MTL_MATH_1(sin)
MTL_MATH_1(sinh)
MTL_MATH_1(sinpi)
MTL_MATH_1(sqrt)
MTL_MATH_1(tan)
MTL_MATH_1(tanh)
MTL_MATH_1(tanpi)
MTL_MATH_1(trunc)

MTL_MATH_2(atan2)
MTL_MATH_2(copysign)
MTL_MATH_2(divide)
MTL_MATH_2(fdim)
MTL_MATH_2(fmax)
MTL_MATH_2(fmin)
MTL_MATH_2(fmod)
MTL_MATH_2(pow)
MTL_MATH_2(powr)

MTL_MATH_3(fma)
MTL_MATH_3(fmax3)
MTL_MATH_3(fmedian3)
MTL_MATH_3(fmin3)

// The names without f, which integers have as well.
template <mtl::floating_operands A>
MTL_INLINE mtl::unify_t<A> abs(A x) {
  return fabs(x);
}
template <class A, class B>
  requires mtl::only_floating_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> max(A x, B y) {
  return fmax(x, y);
}
template <class A, class B>
  requires mtl::only_floating_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> min(A x, B y) {
  return fmin(x, y);
}
template <class A, class B, class C>
  requires mtl::only_floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> max3(A x, B y, C z) {
  return fmax3(x, y, z);
}
template <class A, class B, class C>
  requires mtl::only_floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> median3(A x, B y, C z) {
  return fmedian3(x, y, z);
}
template <class A, class B, class C>
  requires mtl::only_floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> min3(A x, B y, C z) {
  return fmin3(x, y, z);
}

/// x - floor(x), below 1 also where rounding would reach it, for tiny negative numbers.
template <mtl::floating_operands A>
MTL_INLINE mtl::unify_t<A> fract(A x) {
  using T = mtl::unify_t<A>;
  using E = mtl::element_t<T>;
  auto below_one = decltype(mtl::widen(T()))(1.0f - float(numeric_limits<E>::epsilon()) / 2);
  return mtl::narrow<T>(mtl::core::fract(mtl::widen(T(x)), below_one));
}

/// The sine; the cosine goes to `cosine`.
template <class T>
  requires mtl::floating_operands<T>
MTL_INLINE T sincos(T x, T &cosine) {
  cosine = cos(x);
  return sin(x);
}
/// The fraction of x, with its sign; the integer part goes to `whole`.
template <class T>
  requires mtl::floating_operands<T>
MTL_INLINE T modf(T x, T &whole) {
  whole = trunc(x);
  return copysign(select(x - whole, T(mtl::element_t<T>(0)), isinf(x)), x);
}
/// The fraction of x in [0.5, 1) and its power of two, or x itself and 0 for zeros, infinities and NaN.
template <class T>
  requires mtl::floating_operands<T>
MTL_INLINE T frexp(T x, mtl::replace_element_t<T, int> &exponent) {
  mtl::native_t<int, mtl::width_v<T>> e;
  T fraction = mtl::narrow<T>(mtl::core::frexp(mtl::widen(x), e));
  exponent = mtl::from<mtl::replace_element_t<T, int>>(e);
  return fraction;
}
/// x times two to the power of k.
template <class T>
  requires mtl::floating_operands<T>
MTL_INLINE T ldexp(T x, mtl::replace_element_t<T, int> k) {
  return mtl::narrow<T>(mtl::core::ldexp(mtl::widen(x), mtl::native(k)));
}
/// The exponent of x as an integer; FP_ILOGB0 for zeros, FP_ILOGBNAN for NaN, INT_MAX for infinities.
template <mtl::floating_operands A>
MTL_INLINE mtl::replace_element_t<mtl::unify_t<A>, int> ilogb(A x) {
  using T = mtl::unify_t<A>;
  return mtl::from<mtl::replace_element_t<T, int>>(mtl::core::ilogb(mtl::widen(T(x))));
}
/// The next number of the type T after x in the direction of y.
template <class A, class B>
  requires mtl::floating_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> nextafter(A first, B second) {
  using T = mtl::unify_t<A, B>;
  using I = mtl::bits_t<T>;
  using E = mtl::element_t<T>;
  const T x = first, y = second;
  const I bits = mtl::bits_of(x), one = I(mtl::element_t<I>(1));
  // Away from zero a number grows with its bits, whatever its sign.
  auto outward = (x < y) == !signbit(x);
  T next = __builtin_bit_cast(T, select(I(bits - one), I(bits + one), outward));
  next = select(next, copysign(T(numeric_limits<E>::denorm_min()), y), x == T(E(0)));
  next = select(next, y, x == y);
  return select(next, T(numeric_limits<E>::quiet_NaN()), isunordered(x, y));
}
}  // namespace metal
