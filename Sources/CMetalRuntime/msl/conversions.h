// Conversions between the compiler's vector types, with the results Metal gives and without library calls.
#pragma once
#pragma clang system_header
#include "concepts.h"

namespace mtl {
/// Rounds to the nearest bfloat, ties to even, in integers: vectorises everywhere and keeps subnormal numbers.
MTL_INLINE constexpr ushort round_to_bfloat_bits(float value) {
  uint bits = __builtin_bit_cast(uint, value);
  uint rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return ushort(value != value ? (bits >> 16) | 0x40u : rounded);
}

/// One lane converted as C converts scalars; out-of-range floats saturate (-fno-strict-float-cast-overflow).
template <class To, class From>
MTL_INLINE constexpr lane_t<To> convert_lane(lane_t<From> value) {
  if constexpr (__is_same(To, bool)) return value != lane_t<From>(0);
  else if constexpr (__is_same(To, bfloat) && !__is_same(From, bfloat))
    return __builtin_bit_cast(bfloat, round_to_bfloat_bits(float(value)));
  else return To(value);
}

/// `value`, a native vector or scalar of From, with each lane converted to To.
template <class To, class From, int N>
MTL_INLINE constexpr native_t<To, N> convert(native_t<From, N> value) {
  if constexpr (__is_same(To, From)) return value;
  else if constexpr (N == 1) return convert_lane<To, From>(value);
  else if constexpr (N == 2) {
    return native_t<To, 2>{convert_lane<To, From>(value[0]), convert_lane<To, From>(value[1])};
  } else if constexpr (N == 3) {
    return native_t<To, 3>{convert_lane<To, From>(value[0]), convert_lane<To, From>(value[1]),
                           convert_lane<To, From>(value[2])};
  } else {
    return native_t<To, 4>{convert_lane<To, From>(value[0]), convert_lane<To, From>(value[1]),
                           convert_lane<To, From>(value[2]), convert_lane<To, From>(value[3])};
  }
}
}  // namespace mtl

#if defined(__x86_64__) && !defined(__AVX512BF16__)
// What the compiler calls to round to bfloat here; old runtime libraries do not have it.
extern "C" __attribute__((visibility("hidden"))) bfloat __truncsfbf2(float value) {
  return __builtin_bit_cast(bfloat, mtl::round_to_bfloat_bits(value));
}
#endif
