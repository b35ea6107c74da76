// <metal_geometric>: functions of vectors as points and directions. Half and bfloat sums are kept in float.
#pragma once
#pragma clang system_header
#include "common.h"

namespace mtl {
template <class... A>
concept vector_operands = floating_operands<A...> && vector<unify_t<A...>>;

namespace core {
template <class V>
MTL_INLINE float dot(V x, V y) {
  V product = x * y;
  float sum = product[0];
  for (int i = 1; i < int(__builtin_vectorelements(V)); ++i) sum += product[i];
  return sum;
}
}  // namespace core
}  // namespace mtl

namespace metal {
template <class A, class B>
  requires mtl::vector_operands<A, B>
MTL_INLINE mtl::element_t<mtl::unify_t<A, B>> dot(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return mtl::narrow<mtl::element_t<T>>(mtl::core::dot(mtl::widen(T(x)), mtl::widen(T(y))));
}
template <mtl::vector_operands A>
MTL_INLINE mtl::element_t<A> length_squared(A x) {
  return dot(x, x);
}
template <mtl::vector_operands A>
MTL_INLINE mtl::element_t<A> length(A x) {
  auto wide = mtl::widen(mtl::unify_t<A>(x));
  return mtl::narrow<mtl::element_t<A>>(__builtin_sqrtf(mtl::core::dot(wide, wide)));
}
template <class A, class B>
  requires mtl::vector_operands<A, B>
MTL_INLINE auto distance_squared(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return length_squared(T(x) - T(y));
}
template <class A, class B>
  requires mtl::vector_operands<A, B>
MTL_INLINE auto distance(A x, B y) {
  using T = mtl::unify_t<A, B>;
  return length(T(x) - T(y));
}
template <mtl::vector_operands A>
MTL_INLINE mtl::unify_t<A> normalize(A x) {
  using T = mtl::unify_t<A>;
  auto wide = mtl::widen(T(x));
  return mtl::narrow<T>(wide * (1.0f / __builtin_sqrtf(mtl::core::dot(wide, wide))));
}
template <class A, class B>
  requires(mtl::vector_operands<A, B> && mtl::width_v<mtl::unify_t<A, B>> == 3)
MTL_INLINE mtl::unify_t<A, B> cross(A x, B y) {
  using T = mtl::unify_t<A, B>;
  auto a = mtl::widen(T(x)), b = mtl::widen(T(y));
  return mtl::narrow<T>(__builtin_shufflevector(a, a, 1, 2, 0) * __builtin_shufflevector(b, b, 2, 0, 1) -
                        __builtin_shufflevector(a, a, 2, 0, 1) * __builtin_shufflevector(b, b, 1, 2, 0));
}
template <class A, class B, class C>
  requires mtl::vector_operands<A, B, C>
MTL_INLINE mtl::unify_t<A, B, C> faceforward(A normal, B incident, C reference) {
  using T = mtl::unify_t<A, B, C>;
  return dot(T(reference), T(incident)) < 0 ? T(normal) : -T(normal);
}
template <class A, class B>
  requires mtl::vector_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> reflect(A incident, B normal) {
  using T = mtl::unify_t<A, B>;
  auto i = mtl::widen(T(incident)), n = mtl::widen(T(normal));
  return mtl::narrow<T>(i - 2.0f * mtl::core::dot(n, i) * n);
}
/// Zero where total reflection leaves nothing to refract.
template <class A, class B>
  requires mtl::vector_operands<A, B>
MTL_INLINE mtl::unify_t<A, B> refract(A incident, B normal, mtl::element_t<mtl::unify_t<A, B>> eta) {
  using T = mtl::unify_t<A, B>;
  auto i = mtl::widen(T(incident)), n = mtl::widen(T(normal));
  float ratio = eta, cosine = mtl::core::dot(n, i);
  float k = 1.0f - ratio * ratio * (1.0f - cosine * cosine);
  return k < 0 ? T(mtl::element_t<T>(0)) : mtl::narrow<T>(ratio * i - (ratio * cosine + __builtin_sqrtf(k)) * n);
}
}  // namespace metal
