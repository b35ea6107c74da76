// <metal_array>: array<T, N>.
#pragma once
#pragma clang system_header
#include "types.h"

namespace metal {
template <class T, size_t N>
struct array {
  using value_type = T;
  using size_type = size_t;
  T mtl_elements[N];

  constexpr T &operator[](size_t index) { return mtl_elements[index]; }
  constexpr const T &operator[](size_t index) const { return mtl_elements[index]; }
  constexpr T &front() { return mtl_elements[0]; }
  constexpr const T &front() const { return mtl_elements[0]; }
  constexpr T &back() { return mtl_elements[N - 1]; }
  constexpr const T &back() const { return mtl_elements[N - 1]; }
  constexpr T *data() { return mtl_elements; }
  constexpr const T *data() const { return mtl_elements; }
  constexpr T *begin() { return mtl_elements; }
  constexpr const T *begin() const { return mtl_elements; }
  constexpr T *end() { return mtl_elements + N; }
  constexpr const T *end() const { return mtl_elements + N; }
  constexpr size_t size() const { return N; }
  constexpr bool empty() const { return false; }
  constexpr void fill(const T &value) {
    for (size_t i = 0; i < N; ++i) mtl_elements[i] = value;
  }
};
}  // namespace metal
