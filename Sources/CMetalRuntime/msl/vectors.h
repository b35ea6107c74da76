// Vectors: vec<T, N>, their constructors, component access and operators, and the names float2 ... bool4.
#pragma once
#pragma clang system_header
#include "limits.h"
#include "swizzles.h"

namespace mtl {
/// Copies a scalar or the components of a vector to `lanes`, converted to T; returns the place after them.
template <class T, class A>
MTL_INLINE constexpr lane_t<T> *append(lane_t<T> *lanes, const A &part) {
  if constexpr (vector<A>) {
    for (int i = 0; i < width_v<A>; ++i) *lanes++ = convert_lane<T, element_t<A>>(part[i]);
  } else {
    *lanes++ = lane_t<T>(T(part));
  }
  return lanes;
}

template <class T, int N>
MTL_INLINE constexpr native_t<T, N> gather(const lane_t<T> *lanes) {
  if constexpr (N == 2) return native_t<T, N>{lanes[0], lanes[1]};
  else if constexpr (N == 3) return native_t<T, N>{lanes[0], lanes[1], lanes[2]};
  else return native_t<T, N>{lanes[0], lanes[1], lanes[2], lanes[3]};
}

/// What arithmetic on T is done in: bfloat computes as float.
template <class T>
using compute_t = conditional_t<__is_same(T, bfloat), float, T>;
}  // namespace mtl

namespace metal {
/// N components of T: aligned to its size, which for three components is that of four.
template <class T, int N>
struct vec : mtl::swizzles<vec<T, N>, T, N> {
  static_assert(N >= 2 && N <= 4, "a vector has two, three or four components");
  using mtl_native = mtl::native_t<T, N>;
  using mtl_compute = mtl::native_t<mtl::compute_t<T>, N>;

  vec() = default;
  MTL_INLINE constexpr vec(mtl::from_native, mtl_native value) : storage(value) {}

  /// The scalar in every component; a float does not become a vector of integers unasked.
  template <mtl::scalar A>
  MTL_INLINE constexpr explicit(mtl::floating<A> && !mtl::floating<T>) vec(A value)
      : storage(mtl_native(mtl::lane_t<T>(T(value)))) {}

  template <class U>
    requires(!__is_same(U, T))
  MTL_INLINE constexpr explicit vec(vec<U, N> other)
      : storage(mtl::convert<T, U, N>(other.native())) {}

  /// Scalars and vectors one after another, N components in all.
  template <class A, class B, class... Rest>
    requires(mtl::width_v<A> > 0 && mtl::width_v<B> > 0 && ((mtl::width_v<Rest> > 0) && ... && true) &&
             mtl::width_v<A> + mtl::width_v<B> + (mtl::width_v<Rest> + ... + 0) == N)
  MTL_INLINE constexpr vec(A first, B second, Rest... rest) : storage{} {
    mtl::lane_t<T> lanes[N] = {};
    auto *next = mtl::append<T>(mtl::append<T>(lanes, first), second);
    ((next = mtl::append<T>(next, rest)), ...);
    storage = mtl::gather<T, N>(lanes);
  }

  MTL_INLINE T &operator[](int index) { return reinterpret_cast<T *>(&storage)[index]; }
  MTL_INLINE constexpr T operator[](int index) const { return T(storage[index]); }

  MTL_INLINE constexpr mtl_native native() const { return storage; }
  MTL_INLINE mtl::lane_t<T> *lanes() { return reinterpret_cast<mtl::lane_t<T> *>(&storage); }

#include "vector_operators.h"

 private:
  mtl_native storage;
};

template <class T, int N>
struct make_signed<vec<T, N>> {
  using type = vec<__make_signed(T), N>;
};
template <class T, int N>
struct make_unsigned<vec<T, N>> {
  using type = vec<__make_unsigned(T), N>;
};
}  // namespace metal

#define MTL_VECTOR_NAMES(T)         \
  using T##2 = metal::vec<T, 2>;    \
  using T##3 = metal::vec<T, 3>;    \
  using T##4 = metal::vec<T, 4>;    \
  namespace metal {                 \
  using ::T##2;                     \
  using ::T##3;                     \
  using ::T##4;                     \
  }
MTL_VECTOR_NAMES(bool)
MTL_VECTOR_NAMES(char)
MTL_VECTOR_NAMES(uchar)
MTL_VECTOR_NAMES(short)
MTL_VECTOR_NAMES(ushort)
MTL_VECTOR_NAMES(int)
MTL_VECTOR_NAMES(uint)
MTL_VECTOR_NAMES(long)
MTL_VECTOR_NAMES(ulong)
MTL_VECTOR_NAMES(half)
MTL_VECTOR_NAMES(bfloat)
MTL_VECTOR_NAMES(float)
#undef MTL_VECTOR_NAMES
