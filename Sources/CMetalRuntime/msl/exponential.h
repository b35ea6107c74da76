// Exponential, logarithmic and hyperbolic functions of mtl::core.
//
// The polynomials are minimax fits; each is followed by the interval it is for and its largest error there. The results
// are within two units in the last place but where it is said, and subnormal numbers are kept.
#pragma once
#pragma clang system_header
#include "math_core.h"

namespace mtl::core {
/// Two to the power of n, an integer in [-126, 127]: adding 3 * 2^22 brings it into the lowest bits.
template <class V>
MTL_INLINE V power_of_two(V n) {
  MTL_AS_WRITTEN
  return as_floats<V>((as_integers(n + V(0x1.8p23f)) << 23) + (127 << 23));
}
/// x * 2^n for an integer n in [-252, 254], in two steps, of which only the second can leave the range.
template <class V>
MTL_INLINE V scaled(V x, V n) {
  MTL_AS_WRITTEN
  V half_n = rint(n * 0.5f);
  return (x * power_of_two(half_n)) * power_of_two(n - half_n);
}
template <class V>
MTL_INLINE V bounded(V x, float low, float high) {
  x = x < low ? V(low) : x;
  return x > high ? V(high) : x; // NaN stays
}

/// e^x * 2^k.
template <class V>
MTL_INLINE V exp_scaled(V x, float k) {
  MTL_AS_WRITTEN
  x = bounded(x, -104.0f, 90.0f);
  V n = rint(x * M_LOG2E_F);
  V r = madd(n, V(-0x1.62e4p-1f), x);
  r = madd(n, V(-1.42860682e-06f), r);
  // [-0.35, 0.35], 2^-28
  V q = polynomial(r, 0.5f, 0.166665122f, 0.0416661873f, 0.00836959854f, 0.00139517174f);
  return scaled(madd(r * r, q, r) + 1.0f, n + k);
}
template <class V>
MTL_INLINE V exp(V x) {
  return exp_scaled(x, 0.0f);
}
template <class V>
MTL_INLINE V exp2(V x) {
  MTL_AS_WRITTEN
  x = bounded(x, -151.0f, 129.0f);
  V n = rint(x);
  V f = x - n;
  // [-0.5, 0.5], 2^-28
  V q = polynomial(f, 0.693147182f, 0.240226507f, 0.0555032566f, 0.00961800199f, 0.00134010869f, 0.000154767797f);
  return scaled(madd(f, q, V(1.0f)), n);
}
template <class V>
MTL_INLINE V exp10(V x) {
  MTL_AS_WRITTEN
  x = bounded(x, -46.0f, 39.0f);
  V n = rint(x * 3.32192809f);
  V r = madd(n, V(-0x1.344p-2f), x);
  r = madd(n, V(-4.60503898e-06f), r);
  // [-0.151, 0.151], 2^-28
  V q = polynomial(r, 2.30258512f, 2.65094924f, 2.03464699f, 1.1712395f, 0.542136431f, 0.207988113f);
  return scaled(madd(r, q, V(1.0f)), n);
}

/// x as m * 2^e with m in [sqrt(1/2), sqrt(2)): the fraction m - 1, and e. For positive finite x.
template <class V>
MTL_INLINE V split_around_one(V x, V &exponent) {
  MTL_AS_WRITTEN
  using I = integers_t<V>;
  auto is_subnormal = x < 0x1p-126f;
  I bits = as_integers(is_subnormal ? x * 0x1p23f : x);
  I e = (bits - 0x3f3504f3) >> 23;
  exponent = converted<V>(e) - (is_subnormal ? V(23.0f) : V(0.0f));
  return as_floats<V>(bits - (e << 23)) - 1.0f;
}
/// log(1 + f) - f for f in [sqrt(1/2) - 1, sqrt(2) - 1].
template <class V>
MTL_INLINE V log_tail(V f) {
  MTL_AS_WRITTEN
  // relative to the logarithm: 2^-30
  V p = polynomial(f, 0.333333135f, -0.250000089f, 0.200021192f, -0.166679963f, 0.142195508f, -0.124055922f,
                   0.118881777f, -0.116756387f, 0.0674659163f);
  V square = f * f;
  return madd(square, V(-0.5f), square * f * p);
}
/// The result for what is not positive and finite.
template <class V>
MTL_INLINE V log_result(V x, V result) {
  V other = x == 0.0f ? V(-__builtin_inff()) : V(__builtin_nanf(""));
  return x > 0.0f ? (x < __builtin_inff() ? result : x) : other;
}
template <class V>
MTL_INLINE V log(V x) {
  MTL_AS_WRITTEN
  V e, f = split_around_one(x, e);
  V tail = madd(e, V(1.42860682e-06f), log_tail(f));
  return log_result(x, madd(e, V(0x1.62e4p-1f), f + tail));
}
template <class V>
MTL_INLINE V log2(V x) {
  MTL_AS_WRITTEN
  V e, f = split_around_one(x, e);
  return log_result(x, madd(f + log_tail(f), V(M_LOG2E_F), e));
}
template <class V>
MTL_INLINE V log10(V x) {
  MTL_AS_WRITTEN
  V e, f = split_around_one(x, e);
  V small = madd(e, V(4.60503898e-06f), (f + log_tail(f)) * M_LOG10E_F);
  return log_result(x, madd(e, V(0x1.344p-2f), small));
}
/// log(1 + u): what rounding 1 + u loses is added again.
template <class V>
MTL_INLINE V log1p(V u) {
  MTL_AS_WRITTEN
  V sum = 1.0f + u;
  V lost = sum < __builtin_inff() ? (u - (sum - 1.0f)) / sum : V(0.0f);
  return log(sum) + lost;
}

// The library's: within 16 units, as Metal allows.
MTL_BUILTIN_2(pow, pow)
MTL_BUILTIN_2(powr, pow)

template <class V>
MTL_INLINE V tanh(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x), square = x * x;
  // [0, 0.625], 2^-32
  V p = polynomial(square, -0.333333313f, 0.133332103f, -0.0539472029f, 0.0217029676f, -0.00818267372f,
                   0.00214753696f);
  V large = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  return a < 0.625f ? madd(x * square, p, x) : copysign(large, x);
}
template <class V>
MTL_INLINE V sinh(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x), square = x * x;
  // [0, 1], 2^-34
  V p = polynomial(square, 0.166666672f, 0.00833335053f, 0.000198360663f, 2.81743974e-06f);
  V half_power = exp_scaled(a, -1.0f);
  V large = half_power - 0.25f / half_power;
  return a < 1.0f ? madd(x * square, p, x) : copysign(large, x);
}
template <class V>
MTL_INLINE V cosh(V x) {
  MTL_AS_WRITTEN
  V half_power = exp_scaled(fabs(x), -1.0f);
  return half_power + 0.25f / half_power;
}

// From here on squares overflow or swallow the 1.
inline constexpr float far = 0x1p12f;

template <class V>
MTL_INLINE V asinh(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x), square = x * x;
  // [0, 0.5], 2^-34
  V p = polynomial(square, -0.166666657f, 0.0749989003f, -0.0446134433f, 0.0300144963f, -0.0199856218f,
                   0.00917537138f);
  V middle = log1p(a + square / (1.0f + sqrt(1.0f + square)));
  V large = a > far ? log(a) + M_LN2_F : middle;
  return a < 0.5f ? madd(x * square, p, x) : copysign(large, x);
}
template <class V>
MTL_INLINE V acosh(V x) {
  MTL_AS_WRITTEN
  V t = x - 1.0f;
  V result = x > far ? log(x) + M_LN2_F : log1p(t + sqrt(2.0f * t + t * t));
  return x < 1.0f ? V(__builtin_nanf("")) : result;
}
/// Within four units.
template <class V>
MTL_INLINE V atanh(V x) {
  MTL_AS_WRITTEN
  V a = fabs(x), square = x * x;
  // [0, 0.5], 2^-33
  V p = polynomial(square, 0.333333373f, 0.199997187f, 0.142950639f, 0.109646767f, 0.102977507f, 0.0240764618f,
                   0.176457763f);
  V large = 0.5f * log1p(2.0f * a / (1.0f - a));
  return a < 0.5f ? madd(x * square, p, x) : copysign(large, x);
}
}  // namespace mtl::core
