// <metal_limits> and the numeric macros of <metal_math>.
#pragma once
#pragma clang system_header
#include "types.h"

#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-128)
#define UCHAR_MAX 255
#define CHAR_MAX 127
#define CHAR_MIN (-128)
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u
#define LONG_MAX 9223372036854775807l
#define LONG_MIN (-9223372036854775807l - 1l)
#define ULONG_MAX 18446744073709551615ul

#define FLT_DIG 6
#define FLT_MANT_DIG 24
#define FLT_MAX_10_EXP 38
#define FLT_MAX_EXP 128
#define FLT_MIN_10_EXP (-37)
#define FLT_MIN_EXP (-125)
#define FLT_RADIX 2
#define FLT_MAX 0x1.fffffep127f
#define FLT_MIN 0x1.0p-126f
#define FLT_EPSILON 0x1.0p-23f
#define FLT_DECIMAL_DIG 9
#define HALF_DIG 3
#define HALF_MANT_DIG 11
#define HALF_MAX_10_EXP 4
#define HALF_MAX_EXP 16
#define HALF_MIN_10_EXP (-4)
#define HALF_MIN_EXP (-13)
#define HALF_RADIX 2
#define HALF_MAX (half(0x1.ffcp15f))
#define HALF_MIN (half(0x1.0p-14f))
#define HALF_EPSILON (half(0x1.0p-10f))
#define HALF_DECIMAL_DIG 5
#define BFLT_MAX (bfloat(0x1.fep127f))
#define BFLT_MIN (bfloat(0x1.0p-126f))
#define BFLT_EPSILON (bfloat(0x1.0p-7f))

#define INFINITY (__builtin_inff())
#define NAN (__builtin_nanf(""))
#define HUGE_VALF (__builtin_inff())
#define HUGE_VALH (half(__builtin_inff()))
#define MAXFLOAT FLT_MAX
#define MAXHALF HALF_MAX
#define MAXBFLOAT BFLT_MAX
#define FP_ILOGB0 (-2147483647 - 1)
#define FP_ILOGBNAN 2147483647

// Each constant as _F, _H (half) and _BF (bfloat).
#define M_E_F 2.71828182845904523536f
#define M_LOG2E_F 1.44269504088896340736f
#define M_LOG10E_F 0.434294481903251827651f
#define M_LN2_F 0.693147180559945309417f
#define M_LN10_F 2.30258509299404568402f
#define M_PI_F 3.14159265358979323846f
#define M_PI_2_F 1.57079632679489661923f
#define M_PI_4_F 0.785398163397448309616f
#define M_1_PI_F 0.318309886183790671538f
#define M_2_PI_F 0.636619772367581343076f
#define M_2_SQRTPI_F 1.12837916709551257390f
#define M_SQRT2_F 1.41421356237309504880f
#define M_SQRT1_2_F 0.707106781186547524401f
#define M_E_H (half(M_E_F))
#define M_LOG2E_H (half(M_LOG2E_F))
#define M_LOG10E_H (half(M_LOG10E_F))
#define M_LN2_H (half(M_LN2_F))
#define M_LN10_H (half(M_LN10_F))
#define M_PI_H (half(M_PI_F))
#define M_PI_2_H (half(M_PI_2_F))
#define M_PI_4_H (half(M_PI_4_F))
#define M_1_PI_H (half(M_1_PI_F))
#define M_2_PI_H (half(M_2_PI_F))
#define M_2_SQRTPI_H (half(M_2_SQRTPI_F))
#define M_SQRT2_H (half(M_SQRT2_F))
#define M_SQRT1_2_H (half(M_SQRT1_2_F))
#define M_E_BF (bfloat(M_E_F))
#define M_LOG2E_BF (bfloat(M_LOG2E_F))
#define M_LOG10E_BF (bfloat(M_LOG10E_F))
#define M_LN2_BF (bfloat(M_LN2_F))
#define M_LN10_BF (bfloat(M_LN10_F))
#define M_PI_BF (bfloat(M_PI_F))
#define M_PI_2_BF (bfloat(M_PI_2_F))
#define M_PI_4_BF (bfloat(M_PI_4_F))
#define M_1_PI_BF (bfloat(M_1_PI_F))
#define M_2_PI_BF (bfloat(M_2_PI_F))
#define M_2_SQRTPI_BF (bfloat(M_2_SQRTPI_F))
#define M_SQRT2_BF (bfloat(M_SQRT2_F))
#define M_SQRT1_2_BF (bfloat(M_SQRT1_2_F))

namespace mtl {
struct no_limits {
  static constexpr bool is_specialized = false;
};

template <class T>
struct integer_limits {
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = T(-1) < T(0);
  static constexpr bool is_integer = true;
  static constexpr bool is_exact = true;
  static constexpr bool has_infinity = false;
  static constexpr bool has_quiet_NaN = false;
  static constexpr bool has_denorm = false;
  static constexpr bool is_iec559 = false;
  static constexpr bool is_bounded = true;
  static constexpr int radix = 2;
  static constexpr int digits = __is_same(T, bool) ? 1 : int(sizeof(T)) * 8 - is_signed;
  static constexpr int digits10 = digits * 30103 / 100000;
  static constexpr T max() {
    if constexpr (__is_same(T, bool)) return true;
    else return T(~0ul >> (64 - digits));
  }
  static constexpr T min() { return is_signed ? T(-max() - 1) : T(0); }
  static constexpr T lowest() { return min(); }
  static constexpr T epsilon() { return T(0); }
  static constexpr T infinity() { return T(0); }
  static constexpr T quiet_NaN() { return T(0); }
};

template <class T, int mantissa_bits, int exponent_bits>
struct floating_limits {
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = true;
  static constexpr bool is_integer = false;
  static constexpr bool is_exact = false;
  static constexpr bool has_infinity = true;
  static constexpr bool has_quiet_NaN = true;
  static constexpr bool has_denorm = true;
  static constexpr bool is_iec559 = true;
  static constexpr bool is_bounded = true;
  static constexpr int radix = 2;
  static constexpr int digits = mantissa_bits;
  static constexpr int digits10 = (mantissa_bits - 1) * 30103 / 100000;
  static constexpr int max_digits10 = mantissa_bits * 30103 / 100000 + 2;
  static constexpr int max_exponent = 1 << (exponent_bits - 1);
  static constexpr int min_exponent = 3 - max_exponent;
  static constexpr int max_exponent10 = max_exponent * 30103 / 100000;
  static constexpr int min_exponent10 = (min_exponent - 1) * 30103 / 100000;
  static constexpr T max() { return T((2 - power(1 - digits)) * power(max_exponent - 1)); }
  static constexpr T min() { return T(power(min_exponent - 1)); }
  static constexpr T lowest() { return T(-max()); }
  static constexpr T epsilon() { return T(power(1 - digits)); }
  static constexpr T round_error() { return T(0.5f); }
  static constexpr T denorm_min() { return T(power(min_exponent - digits)); }
  static constexpr T infinity() { return T(__builtin_inff()); }
  static constexpr T quiet_NaN() { return T(__builtin_nanf("")); }
  static constexpr T signaling_NaN() { return T(__builtin_nansf("")); }

 private:
  // In double, and only ever evaluated by the compiler.
  static constexpr double power(int exponent) {
    double result = 1;
    for (; exponent > 0; --exponent) result *= 2;
    for (; exponent < 0; ++exponent) result /= 2;
    return result;
  }
};
}  // namespace mtl

namespace metal {
template <class T>
struct numeric_limits : mtl::no_limits {};
template <class T>
struct numeric_limits<const T> : numeric_limits<T> {};
#define MTL_INTEGER_LIMITS(T) \
  template <>                 \
  struct numeric_limits<T> : mtl::integer_limits<T> {}
MTL_INTEGER_LIMITS(bool);
MTL_INTEGER_LIMITS(char);
MTL_INTEGER_LIMITS(signed char);
MTL_INTEGER_LIMITS(uchar);
MTL_INTEGER_LIMITS(short);
MTL_INTEGER_LIMITS(ushort);
MTL_INTEGER_LIMITS(int);
MTL_INTEGER_LIMITS(uint);
MTL_INTEGER_LIMITS(long);
MTL_INTEGER_LIMITS(ulong);
#undef MTL_INTEGER_LIMITS
template <>
struct numeric_limits<float> : mtl::floating_limits<float, 24, 8> {};
template <>
struct numeric_limits<half> : mtl::floating_limits<half, 11, 5> {};
template <>
struct numeric_limits<bfloat> : mtl::floating_limits<bfloat, 8, 8> {};
}  // namespace metal
