// <metal_geometric>: functions of vectors as points and directions.
#pragma once
#pragma clang system_header
#include "math.h"

namespace metal {
template <class A, class B>
  requires(mtl::floating_operands<A, B> && mtl::vector<mtl::unify_t<A, B>>)
MTL_INLINE mtl::element_t<mtl::unify_t<A, B>> dot(A x, B y) {
  using T = mtl::unify_t<A, B>;
  auto product = mtl::widen(T(x)) * mtl::widen(T(y));
  float sum = product[0];
  for (int i = 1; i < mtl::width_v<T>; ++i) sum += product[i];
  return mtl::narrow<mtl::element_t<T>>(sum);
}
template <class A>
  requires(mtl::floating_operands<A> && mtl::vector<A>)
MTL_INLINE mtl::element_t<A> length(A x) {
  return sqrt(dot(x, x));
}
template <class A>
  requires(mtl::floating_operands<A> && mtl::vector<A>)
MTL_INLINE mtl::unify_t<A> normalize(A x) {
  return mtl::unify_t<A>(x) * rsqrt(dot(x, x));
}
}  // namespace metal
