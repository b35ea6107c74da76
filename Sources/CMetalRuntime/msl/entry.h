// What the entry stubs of kernels are written with: parameter types and positions; reflection.h has the rest.
#pragma once
#pragma clang system_header
#include "metal_runtime.h"
#include "vectors.h"

namespace mtl {
/// `signature<decltype(&kernel)>::parameter<2>` is the type of the third parameter.
template <class F>
struct signature;
template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...)> {
  using result = Result;
  template <int index>
  using parameter = __type_pack_element<index, Parameters...>;
  static constexpr int count = sizeof...(Parameters);
};

/// A position or size as a scalar, or a vector of two or three components, of the parameter's integer type.
template <class Parameter>
MTL_INLINE constexpr remove_cv_t<Parameter> position(uint x, uint y = 0, uint z = 0) {
  using T = remove_cv_t<Parameter>;
  using E = element_t<T>;
  if constexpr (width_v<T> == 1) return T(x);
  else if constexpr (width_v<T> == 2) return T(E(x), E(y));
  else return T(E(x), E(y), E(z));
}
template <class Parameter>
MTL_INLINE constexpr remove_cv_t<Parameter> position(const mtl_u32 (&xyz)[3]) {
  return position<Parameter>(xyz[0], xyz[1], xyz[2]);
}
}  // namespace mtl
