// <metal_pack>: vectors in the bits of an integer. Component x is in the lowest bits.
#pragma once
#pragma clang system_header
#include "common.h"

namespace mtl {
/// A component of `bits` bits: 0 to 1, or with a sign -1 to 1.
MTL_INLINE float from_unorm(uint value, uint bits) { return float(value) / float((1u << bits) - 1u); }
MTL_INLINE float from_snorm(uint value, uint bits) {
  int extended = int(value << (32 - bits)) >> (32 - bits);
  return fmax(float(extended) / float((1u << (bits - 1)) - 1u), -1.0f);
}
// Rounds to the nearest, ties to even; NaN becomes 0.
MTL_INLINE uint to_unorm(float value, uint bits) {
  float bounded = value == value ? core::saturate(value) : 0.0f;
  return uint(core::rint(bounded * float((1u << bits) - 1u)));
}
MTL_INLINE uint to_snorm(float value, uint bits) {
  float bounded = value == value ? core::clamp(value, -1.0f, 1.0f) : 0.0f;
  return uint(int(core::rint(bounded * float((1u << (bits - 1)) - 1u)))) & ((1u << bits) - 1u);
}
MTL_INLINE float from_srgb(float value) {
  return value <= 0.04045f ? value / 12.92f : core::pow((value + 0.055f) / 1.055f, 2.4f);
}
MTL_INLINE float to_srgb(float value) {
  float bounded = value == value ? core::saturate(value) : 0.0f;
  return bounded < 0.0031308f ? 12.92f * bounded : 1.055f * core::pow(bounded, 1.0f / 2.4f) - 0.055f;
}
}  // namespace mtl

namespace metal {
// Each for float and half: the pair of functions, named by the type.
#define MTL_PACK(T)                                                                                     \
  MTL_INLINE vec<T, 4> unpack_unorm4x8_to_##T(uint x) {                                                 \
    return vec<T, 4>(mtl::from_unorm(x & 255, 8), mtl::from_unorm(x >> 8 & 255, 8),                     \
                     mtl::from_unorm(x >> 16 & 255, 8), mtl::from_unorm(x >> 24, 8));                   \
  }                                                                                                     \
  MTL_INLINE vec<T, 4> unpack_snorm4x8_to_##T(uint x) {                                                 \
    return vec<T, 4>(mtl::from_snorm(x, 8), mtl::from_snorm(x >> 8, 8), mtl::from_snorm(x >> 16, 8),    \
                     mtl::from_snorm(x >> 24, 8));                                                      \
  }                                                                                                     \
  MTL_INLINE vec<T, 4> unpack_unorm4x8_srgb_to_##T(uint x) {                                            \
    float4 linear = unpack_unorm4x8_to_float(x);                                                        \
    return vec<T, 4>(mtl::from_srgb(linear.x), mtl::from_srgb(linear.y), mtl::from_srgb(linear.z),      \
                     linear.w);                                                                         \
  }                                                                                                     \
  MTL_INLINE vec<T, 2> unpack_unorm2x16_to_##T(uint x) {                                                \
    return vec<T, 2>(mtl::from_unorm(x & 65535, 16), mtl::from_unorm(x >> 16, 16));                     \
  }                                                                                                     \
  MTL_INLINE vec<T, 2> unpack_snorm2x16_to_##T(uint x) {                                                \
    return vec<T, 2>(mtl::from_snorm(x, 16), mtl::from_snorm(x >> 16, 16));                             \
  }                                                                                                     \
  MTL_INLINE vec<T, 4> unpack_unorm10a2_to_##T(uint x) {                                                \
    return vec<T, 4>(mtl::from_unorm(x & 1023, 10), mtl::from_unorm(x >> 10 & 1023, 10),                \
                     mtl::from_unorm(x >> 20 & 1023, 10), mtl::from_unorm(x >> 30, 2));                 \
  }                                                                                                     \
  MTL_INLINE vec<T, 3> unpack_unorm565_to_##T(ushort x) {                                               \
    return vec<T, 3>(mtl::from_unorm(x & 31u, 5), mtl::from_unorm(x >> 5 & 63u, 6),                     \
                     mtl::from_unorm(x >> 11 & 31u, 5));                                                \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_unorm4x8(vec<T, 4> x) {                                                 \
    return mtl::to_unorm(x.x, 8) | mtl::to_unorm(x.y, 8) << 8 | mtl::to_unorm(x.z, 8) << 16 |           \
           mtl::to_unorm(x.w, 8) << 24;                                                                 \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_snorm4x8(vec<T, 4> x) {                                                 \
    return mtl::to_snorm(x.x, 8) | mtl::to_snorm(x.y, 8) << 8 | mtl::to_snorm(x.z, 8) << 16 |           \
           mtl::to_snorm(x.w, 8) << 24;                                                                 \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_srgb_unorm4x8(vec<T, 4> x) {                                            \
    return pack_float_to_unorm4x8(                                                                      \
        float4(mtl::to_srgb(x.x), mtl::to_srgb(x.y), mtl::to_srgb(x.z), float(x.w)));                   \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_unorm2x16(vec<T, 2> x) {                                                \
    return mtl::to_unorm(x.x, 16) | mtl::to_unorm(x.y, 16) << 16;                                       \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_snorm2x16(vec<T, 2> x) {                                                \
    return mtl::to_snorm(x.x, 16) | mtl::to_snorm(x.y, 16) << 16;                                       \
  }                                                                                                     \
  MTL_INLINE uint pack_##T##_to_unorm10a2(vec<T, 4> x) {                                                \
    return mtl::to_unorm(x.x, 10) | mtl::to_unorm(x.y, 10) << 10 | mtl::to_unorm(x.z, 10) << 20 |       \
           mtl::to_unorm(x.w, 2) << 30;                                                                 \
  }                                                                                                     \
  MTL_INLINE ushort pack_##T##_to_unorm565(vec<T, 3> x) {                                               \
    return ushort(mtl::to_unorm(x.x, 5) | mtl::to_unorm(x.y, 6) << 5 | mtl::to_unorm(x.z, 5) << 11);    \
  }
MTL_PACK(float)
MTL_PACK(half)
#undef MTL_PACK
}  // namespace metal
