// <metal_common>: clamp, mix, saturate, sign, smoothstep, step.
#pragma once
#pragma clang system_header
#include "math.h"

namespace metal {
template <class A, class B, class C>
  requires mtl::floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> clamp(A x, B low, C high) {
  using T = mtl::unify_t<A, B, C>;
  return fmin(fmax(T(x), T(low)), T(high));
}
template <mtl::floating_operands A>
MTL_INLINE mtl::unify_t<A> saturate(A x) {
  using T = mtl::unify_t<A>;
  return clamp(T(x), T(0), T(1));
}
template <class A, class B, class C>
  requires mtl::floating_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> mix(A x, B y, C a) {
  using T = mtl::unify_t<A, B, C>;
  return T(x) + (T(y) - T(x)) * T(a);
}
}  // namespace metal
