// <metal_common>: clamp, mix, saturate, sign, smoothstep, step.
#pragma once
#pragma clang system_header
#include "math.h"

namespace mtl::core {
template <class V>
MTL_INLINE V clamp(V x, V low, V high) {
  return fmin(fmax(x, low), high);
}
template <class V>
MTL_INLINE V saturate(V x) {
  return clamp(x, V(0.0f), V(1.0f));
}
template <class V>
MTL_INLINE V mix(V x, V y, V a) {
  return x + (y - x) * a;
}
// Zeros keep their sign; the sign of NaN is 0.
template <class V>
MTL_INLINE V sign(V x) {
  V zero = __builtin_elementwise_copysign(V(0.0f), x);
  return x > 0.0f ? V(1.0f) : x < 0.0f ? V(-1.0f) : x == 0.0f ? zero : V(0.0f);
}
template <class V>
MTL_INLINE V step(V edge, V x) {
  return x < edge ? V(0.0f) : V(1.0f);
}
template <class V>
MTL_INLINE V smoothstep(V low, V high, V x) {
  V t = saturate((x - low) / (high - low));
  return t * t * (3.0f - 2.0f * t);
}
}  // namespace mtl::core

namespace metal {
MTL_MATH_1(saturate)
MTL_MATH_1(sign)
MTL_MATH_2(step)
MTL_MATH_3_OF(mtl::only_floating_operands, clamp)
MTL_MATH_3(mix)
MTL_MATH_3(smoothstep)
}  // namespace metal
