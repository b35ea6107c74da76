// Circular functions of mtl::core and their inverses, within the units that exponential.h says.
#pragma once
#pragma clang system_header
#include "math_core.h"

namespace mtl::core {
// The library's, with its vector forms: they reduce arguments of any size.
MTL_BUILTIN_1(cos, cos)
MTL_BUILTIN_1(sin, sin)
MTL_BUILTIN_1(tan, tan)

/// sin and cos of pi times what lies between x and the nearest multiple of a half, and that multiple modulo 4.
template <class V>
struct half_turns {
  V sine, cosine, quadrant;
};
template <class V>
MTL_INLINE half_turns<V> reduce_half_turns(V x) {
  MTL_AS_WRITTEN
  x = fabs(x) < 0x1p24f ? x : V(0.0f); // all even
  V n = rint(x * 2.0f);
  V f = x - n * 0.5f;
  V square = f * f;
  // [-0.25, 0.25], 2^-37 and 2^-34
  V s = polynomial(square, 3.14159274f, -5.16771269f, 2.55016255f, -0.599200845f, 0.0809904858f);
  V c = polynomial(square, -4.93480206f, 4.05870771f, -1.3350544f, 0.231390834f);
  // What pi loses in a float.
  V sine = madd(f, s, f * -8.74227766e-8f);
  return {sine, madd(square, c, V(1.0f)), n - 4.0f * floor(n * 0.25f)};
}
/// Of infinities and NaN there is none.
template <class V>
MTL_INLINE V finite_or_nan(V x, V result) {
  return fabs(x) < __builtin_inff() ? result : V(__builtin_nanf(""));
}
template <class V>
MTL_INLINE V sinpi(V x) {
  MTL_AS_WRITTEN
  half_turns<V> t = reduce_half_turns(x);
  V magnitude = t.quadrant == 0.0f ? t.sine : t.quadrant == 1.0f ? t.cosine : t.quadrant == 2.0f ? -t.sine : -t.cosine;
  V result = trunc(x) == x ? copysign(V(0.0f), x) : magnitude;
  return finite_or_nan(x, result);
}
template <class V>
MTL_INLINE V cospi(V x) {
  MTL_AS_WRITTEN
  half_turns<V> t = reduce_half_turns(x);
  V result = t.quadrant == 0.0f ? t.cosine : t.quadrant == 1.0f ? -t.sine : t.quadrant == 2.0f ? -t.cosine : t.sine;
  return finite_or_nan(x, result + 0.0f);
}
template <class V>
MTL_INLINE V tanpi(V x) {
  MTL_AS_WRITTEN
  half_turns<V> t = reduce_half_turns(x);
  auto is_odd = (t.quadrant == 1.0f) | (t.quadrant == 3.0f);
  V pole = t.quadrant == 1.0f ? V(__builtin_inff()) : V(-__builtin_inff());
  V odd = t.sine == 0.0f ? pole : -t.cosine / t.sine;
  V zero = copysign(V(0.0f), t.quadrant == 0.0f ? x : -x);
  V even = t.sine == 0.0f ? zero : t.sine / t.cosine;
  return finite_or_nan(x, is_odd ? odd : even);
}

/// asin(x) - x, over x, for |x| <= 0.5 with z = x^2.
template <class V>
MTL_INLINE V asin_tail(V z) {
  // 2^-31
  return z * polynomial(z, 0.166666597f, 0.0750051066f, 0.0445157215f, 0.0318176076f, 0.0144026149f, 0.0375651866f);
}
template <class V>
MTL_INLINE V asin(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x);
  auto is_small = a <= 0.5f;
  V z = is_small ? x * x : 0.5f * (1.0f - a);
  V y = is_small ? a : sqrt(z);
  V r = madd(y, asin_tail(z), y);
  // pi/2 in two parts
  V large = 0x1.921fb6p0f - (2.0f * r + 4.37113883e-8f);
  return copysign(is_small ? r : large, x);
}
template <class V>
MTL_INLINE V acos(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x);
  auto is_small = a <= 0.5f;
  V z = is_small ? x * x : 0.5f * (1.0f - a);
  V y = is_small ? x : sqrt(z);
  V r = madd(y, asin_tail(z), y);
  V small = 0x1.921fb6p0f - (r + 4.37113883e-8f);
  V large = x > 0.0f ? 2.0f * r : 0x1.921fb6p1f - (2.0f * r + 8.74227766e-8f);
  return is_small ? small : large;
}

/// atan of 0 <= a, also infinite.
template <class V>
MTL_INLINE V atan_positive(V a) {
  MTL_AS_WRITTEN
  // tan(pi/8) and tan(3 pi/8) part three ranges, all of which lead to [-tan(pi/8), tan(pi/8)].
  auto is_large = a > 2.41421356f, is_middle = a > 0.414213562f;
  V y = is_large ? -1.0f / a : is_middle ? (a - 1.0f) / (a + 1.0f) : a;
  V base = is_large ? V(0x1.921fb6p0f) : is_middle ? V(0x1.921fb6p-1f) : V(0.0f);
  V rest = is_large ? V(-4.37113883e-8f) : is_middle ? V(-2.18556941e-8f) : V(0.0f);
  V z = y * y;
  // 2^-30
  V p = polynomial(z, -0.333333135f, 0.199984342f, -0.142427415f, 0.105873615f, -0.0606052391f);
  return base + (madd(y * z, p, y) + rest);
}
template <class V>
MTL_INLINE V atan(V x) {
  return copysign(atan_positive(fabs(x)), x);
}
/// Within four units.
template <class V>
MTL_INLINE V atan2(V y, V x) {
  MTL_AS_WRITTEN
  V a = fabs(y), b = fabs(x);
  auto both = ((a == b) & (b == __builtin_inff())) | ((a == 0.0f) & (b == 0.0f));
  V equal = b == 0.0f ? V(0.0f) : V(0x1.921fb6p-1f);
  V angle = both ? equal : atan_positive(a / b);
  V is_left = copysign(V(1.0f), x);
  return copysign(is_left < 0.0f ? 0x1.921fb6p1f - (angle + 8.74227766e-8f) : angle, y);
}
}  // namespace mtl::core
