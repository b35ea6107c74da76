// <metal_math>: functions of floating-point scalars and vectors.
#pragma once
#pragma clang system_header
#include "lift.h"

// The same function on float and on the compiler's vectors of float; half and bfloat come here widened.
namespace mtl::core {
#define MTL_BUILTIN_1(name, builtin)        \
  template <class V>                        \
  MTL_INLINE V name(V x) {                  \
    return __builtin_elementwise_##builtin(x); \
  }
MTL_BUILTIN_1(acos, acos)
MTL_BUILTIN_1(asin, asin)
MTL_BUILTIN_1(atan, atan)
MTL_BUILTIN_1(ceil, ceil)
MTL_BUILTIN_1(cos, cos)
MTL_BUILTIN_1(cosh, cosh)
MTL_BUILTIN_1(exp, exp)
MTL_BUILTIN_1(exp2, exp2)
MTL_BUILTIN_1(exp10, exp10)
MTL_BUILTIN_1(fabs, abs)
MTL_BUILTIN_1(floor, floor)
MTL_BUILTIN_1(log, log)
MTL_BUILTIN_1(log2, log2)
MTL_BUILTIN_1(log10, log10)
MTL_BUILTIN_1(rint, rint)
MTL_BUILTIN_1(round, round)
MTL_BUILTIN_1(sin, sin)
MTL_BUILTIN_1(sinh, sinh)
MTL_BUILTIN_1(sqrt, sqrt)
MTL_BUILTIN_1(tan, tan)
MTL_BUILTIN_1(tanh, tanh)
MTL_BUILTIN_1(trunc, trunc)
#undef MTL_BUILTIN_1

template <class V>
MTL_INLINE V rsqrt(V x) {
  return 1.0f / __builtin_elementwise_sqrt(x);
}
// Below 1 also for tiny negative numbers, as Metal says.
template <class V>
MTL_INLINE V fract(V x) {
  return __builtin_elementwise_min(x - __builtin_elementwise_floor(x), V(0x1.fffffep-1f));
}

#define MTL_BUILTIN_2(name, builtin)        \
  template <class V>                        \
  MTL_INLINE V name(V x, V y) {             \
    return __builtin_elementwise_##builtin(x, y); \
  }
MTL_BUILTIN_2(atan2, atan2)
MTL_BUILTIN_2(copysign, copysign)
MTL_BUILTIN_2(fmax, maxnum)
MTL_BUILTIN_2(fmin, minnum)
MTL_BUILTIN_2(fmod, fmod)
MTL_BUILTIN_2(pow, pow)
MTL_BUILTIN_2(powr, pow)
#undef MTL_BUILTIN_2

template <class V>
MTL_INLINE V divide(V x, V y) {
  return x / y;
}
template <class V>
MTL_INLINE V fma(V a, V b, V c) {
  return __builtin_elementwise_fma(a, b, c);
}
}  // namespace mtl::core

namespace metal {
#define MTL_MATH_1(name)                                            \
  template <mtl::floating_operands A>                               \
  MTL_INLINE mtl::unify_t<A> name(A x) {                            \
    using T = mtl::unify_t<A>;                                      \
    return mtl::narrow<T>(mtl::core::name(mtl::widen(T(x))));       \
  }
MTL_MATH_1(acos)
MTL_MATH_1(asin)
MTL_MATH_1(atan)
MTL_MATH_1(ceil)
MTL_MATH_1(cos)
MTL_MATH_1(cosh)
MTL_MATH_1(exp)
MTL_MATH_1(exp2)
MTL_MATH_1(exp10)
MTL_MATH_1(fabs)
MTL_MATH_1(floor)
MTL_MATH_1(fract)
MTL_MATH_1(log)
MTL_MATH_1(log2)
MTL_MATH_1(log10)
MTL_MATH_1(rint)
MTL_MATH_1(round)
MTL_MATH_1(rsqrt)
MTL_MATH_1(sin)
MTL_MATH_1(sinh)
MTL_MATH_1(sqrt)
MTL_MATH_1(tan)
MTL_MATH_1(tanh)
MTL_MATH_1(trunc)
#undef MTL_MATH_1

#define MTL_MATH_2(name)                                                            \
  template <class A, class B>                                                       \
    requires mtl::floating_operands<A, B>                                           \
  MTL_INLINE mtl::unify_t<A, B> name(A x, B y) {                                    \
    using T = mtl::unify_t<A, B>;                                                   \
    return mtl::narrow<T>(mtl::core::name(mtl::widen(T(x)), mtl::widen(T(y))));     \
  }
MTL_MATH_2(atan2)
MTL_MATH_2(copysign)
MTL_MATH_2(divide)
MTL_MATH_2(fmax)
MTL_MATH_2(fmin)
MTL_MATH_2(fmod)
MTL_MATH_2(pow)
MTL_MATH_2(powr)
#undef MTL_MATH_2

template <class A, class B, class C>
  requires mtl::floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> fma(A a, B b, C c) {
  using T = mtl::unify_t<A, B, C>;
  return mtl::narrow<T>(mtl::core::fma(mtl::widen(T(a)), mtl::widen(T(b)), mtl::widen(T(c))));
}

template <mtl::floating_operands A>
MTL_INLINE mtl::unify_t<A> abs(A x) {
  return fabs(x);
}
template <class A, class B>
  requires mtl::floating_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> max(A x, B y) {
  return fmax(x, y);
}
template <class A, class B>
  requires mtl::floating_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> min(A x, B y) {
  return fmin(x, y);
}
}  // namespace metal
