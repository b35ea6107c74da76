// The simple functions of mtl::core: each on a float or one of the compiler's vectors of float. Half and bfloat
// operands come here widened. Branches are written as selections, so that loops over them vectorise.
#pragma once
#pragma clang system_header
#include "lift.h"

namespace mtl::core {
// The order of additions matters in what follows, whatever the kernel's maths mode is.
#define MTL_AS_WRITTEN _Pragma("clang fp reassociate(off) reciprocal(off)")

/// The integers beside V: same number, same size.
template <class V>
struct integers {
  using type = int;
  using wide = double;
  using wide_integer = long;
};
template <class V>
  requires(!__is_same(V, float))
struct integers<V> {
  static constexpr int count = int(__builtin_vectorelements(V));
  using type = native_t<int, count>;
  using wide = native_t<double, count>;
  using wide_integer = native_t<long, count>;
};
template <class V>
using integers_t = typename integers<V>::type;

template <class V>
MTL_INLINE integers_t<V> as_integers(V x) {
  return __builtin_bit_cast(integers_t<V>, x);
}
template <class V>
MTL_INLINE V as_floats(integers_t<V> x) {
  return __builtin_bit_cast(V, x);
}
template <class To, class From>
MTL_INLINE To converted(From x) {
  if constexpr (__is_scalar(From)) return To(x);
  else return __builtin_convertvector(x, To);
}

/// a * b + c, fused where the processor can.
template <class V>
MTL_INLINE V madd(V a, V b, V c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// c0 + c1 x + c2 x^2 ...
template <class V>
MTL_INLINE V polynomial(V, float c0) {
  return V(c0);
}
template <class V, class... C>
MTL_INLINE V polynomial(V x, float c0, C... rest) {
  return madd(x, polynomial(x, rest...), V(c0));
}

#define MTL_BUILTIN_1(name, builtin)          \
  template <class V>                          \
  MTL_INLINE V name(V x) {                    \
    return __builtin_elementwise_##builtin(x); \
  }
#define MTL_BUILTIN_2(name, builtin)          \
  template <class V>                          \
  MTL_INLINE V name(V x, V y) {               \
    return __builtin_elementwise_##builtin(x, y); \
  }
MTL_BUILTIN_1(ceil, ceil)
MTL_BUILTIN_1(fabs, abs)
MTL_BUILTIN_1(floor, floor)
MTL_BUILTIN_1(rint, rint)
MTL_BUILTIN_1(round, round)
MTL_BUILTIN_1(sqrt, sqrt)
MTL_BUILTIN_1(trunc, trunc)
MTL_BUILTIN_2(copysign, copysign)
MTL_BUILTIN_2(fmax, maxnum)
MTL_BUILTIN_2(fmin, minnum)
MTL_BUILTIN_2(fmod, fmod)

// An estimate with a step of Newton's, which fast maths would make of it, has no result for 0 and infinities.
template <class V>
MTL_INLINE V rsqrt(V x) {
  MTL_AS_WRITTEN
  return 1.0f / __builtin_elementwise_sqrt(x);
}
template <class V>
MTL_INLINE V divide(V x, V y) {
  return x / y;
}
template <class V>
MTL_INLINE V fma(V a, V b, V c) {
  return __builtin_elementwise_fma(a, b, c);
}
template <class V>
MTL_INLINE V fdim(V x, V y) {
  return x <= y ? V(0.0f) : x - y;
}
template <class V>
MTL_INLINE V fmax3(V x, V y, V z) {
  return fmax(fmax(x, y), z);
}
template <class V>
MTL_INLINE V fmin3(V x, V y, V z) {
  return fmin(fmin(x, y), z);
}
template <class V>
MTL_INLINE V fmedian3(V x, V y, V z) {
  return fmax(fmin(x, y), fmin(fmax(x, y), z));
}
template <class V>
MTL_INLINE V fract(V x, V below_one) {
  V rest = x - floor(x);
  rest = rest > below_one ? below_one : rest;
  return fabs(x) == __builtin_inff() ? V(0.0f) : rest;
}

// Zeros, infinities and NaN have no exponent.
template <class V>
MTL_INLINE auto has_exponent(V x) {
  return (fabs(x) < __builtin_inff()) & (x != 0.0f);
}
template <class V>
MTL_INLINE V frexp(V x, integers_t<V> &exponent) {
  using I = integers_t<V>;
  auto is_subnormal = fabs(x) < 0x1p-126f;
  I bits = as_integers(is_subnormal ? x * 0x1p24f : x);
  I found = ((bits >> 23) & 255) - (is_subnormal ? I(126 + 24) : I(126));
  exponent = has_exponent(x) ? found : I(0);
  return has_exponent(x) ? as_floats<V>((bits & I(0x807fffff)) | 0x3f000000) : x;
}
template <class V>
MTL_INLINE integers_t<V> ilogb(V x) {
  using I = integers_t<V>;
  I exponent;
  frexp(x, exponent);
  I other = x == 0.0f ? I(FP_ILOGB0) : I(INT_MAX);
  return has_exponent(x) ? exponent - 1 : other;
}
// In double every step is exact, so that the result is rounded once.
template <class V>
MTL_INLINE V ldexp(V x, integers_t<V> k) {
  using D = typename integers<V>::wide;
  using L = typename integers<V>::wide_integer;
  using I = integers_t<V>;
  I bounded = __builtin_elementwise_min(__builtin_elementwise_max(k, I(-400)), I(400));
  return converted<V>(converted<D>(x) * __builtin_bit_cast(D, (converted<L>(bounded) + 1023) << 52));
}
}  // namespace mtl::core
