// What the entry stubs of kernels are written with: parameter types, arguments and positions.
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

/// Memory as a pointer parameter, or as what a reference parameter refers to.
template <class Parameter>
MTL_INLINE Parameter memory(void *address) {
  if constexpr (__is_reference(Parameter)) return *static_cast<remove_reference_t<Parameter> *>(address);
  else return static_cast<Parameter>(address);
}

/// The argument of a `device` or `constant` parameter.
template <class Parameter>
MTL_INLINE Parameter argument(const mtl_launch *launch, uint slot) {
  return memory<Parameter>(launch->buffers[slot]);
}

/// The argument of a `threadgroup` parameter: memory of the length that was set for the slot.
template <class Parameter>
MTL_INLINE Parameter threadgroup_argument(const mtl_group *group, uint slot) {
  return memory<Parameter>(group->threadgroup[slot]);
}

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
