// <metal_integer>: functions of integer scalars and vectors.
#pragma once
#pragma clang system_header
#include "lift.h"

namespace metal {
template <class A, class B>
  requires mtl::integer_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> max(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return mtl::from<T>(__builtin_elementwise_max(mtl::native(T(x)), mtl::native(T(y))));
}
template <class A, class B>
  requires mtl::integer_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> min(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return mtl::from<T>(__builtin_elementwise_min(mtl::native(T(x)), mtl::native(T(y))));
}
template <class A, class B, class C>
  requires mtl::integer_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> clamp(A x, B low, C high) {
  return min(max(x, low), high);
}
template <mtl::integer_operands A>
MTL_INLINE mtl::unify_t<A> abs(A x) {
  using T = mtl::unify_t<A>;
  if constexpr (numeric_limits<mtl::element_t<T>>::is_signed)
    return mtl::from<T>(__builtin_elementwise_abs(mtl::native(T(x))));
  else return x;
}
}  // namespace metal
