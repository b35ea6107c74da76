// Packed vectors: aligned to one component, for memory. They turn into vectors wherever something is computed.
#pragma once
#pragma clang system_header
#include "vectors.h"

namespace metal {
template <class T, int N>
struct packed_vec : mtl::swizzles<packed_vec<T, N>, T, N> {
  packed_vec() = default;
  MTL_INLINE constexpr packed_vec(vec<T, N> value) : packed_vec() { *this = value; }

  /// As the constructors of vec.
  template <mtl::scalar A>
  MTL_INLINE constexpr packed_vec(A value) : packed_vec(vec<T, N>(value)) {}
  template <class U>
    requires(!__is_same(U, T))
  MTL_INLINE constexpr explicit packed_vec(vec<U, N> other) : packed_vec(vec<T, N>(other)) {}
  template <class U>
    requires(!__is_same(U, T))
  MTL_INLINE constexpr explicit packed_vec(packed_vec<U, N> other) : packed_vec(vec<T, N>(vec<U, N>(other))) {}
  template <class A, class B, class... Rest>
    requires __is_constructible(vec<T, N>, A, B, Rest...)
  MTL_INLINE constexpr packed_vec(A first, B second, Rest... rest)
      : packed_vec(vec<T, N>(first, second, rest...)) {}

  MTL_INLINE constexpr packed_vec &operator=(vec<T, N> value) {
    for (int i = 0; i < N; ++i) storage[i] = T(value.native()[i]);
    return *this;
  }

  MTL_INLINE constexpr operator vec<T, N>() const { return vec<T, N>(mtl::from_native(), native()); }
  template <class U>
    requires(!__is_same(U, T))
  MTL_INLINE constexpr explicit operator vec<U, N>() const { return vec<U, N>(vec<T, N>(*this)); }

  MTL_INLINE constexpr T &operator[](int index) { return storage[index]; }
  MTL_INLINE constexpr T operator[](int index) const { return storage[index]; }

  MTL_INLINE constexpr mtl::native_t<T, N> native() const {
    if constexpr (N == 2) return {storage[0], storage[1]};
    else if constexpr (N == 3) return {storage[0], storage[1], storage[2]};
    else return {storage[0], storage[1], storage[2], storage[3]};
  }
  MTL_INLINE mtl::lane_t<T> *lanes() { return reinterpret_cast<mtl::lane_t<T> *>(storage); }

  // The operators of vec, where at least one operand is packed and the other fits. They are inside the class, since
  // clang confuses a property of a dependent type, `v.xy * 2`, with operators that it sees outside of classes.
#define MTL_PACKED_OPERATOR(op)                                     \
  template <class A, class B>                                       \
    requires(__is_same(A, packed_vec) && __is_same(B, packed_vec))  \
  friend MTL_INLINE constexpr auto operator op(A a, B b) {          \
    return vec<T, N>(a) op vec<T, N>(b);                            \
  }                                                                 \
  template <mtl::scalar S>                                          \
  friend MTL_INLINE constexpr auto operator op(packed_vec a, S b) { \
    return vec<T, N>(a) op b;                                       \
  }                                                                 \
  template <mtl::scalar S>                                          \
  friend MTL_INLINE constexpr auto operator op(S a, packed_vec b) { \
    return a op vec<T, N>(b);                                       \
  }
#define MTL_PACKED_ASSIGNMENT(op)                                    \
  MTL_PACKED_OPERATOR(op)                                            \
  MTL_INLINE constexpr packed_vec &operator op##=(vec<T, N> value) { \
    return *this = vec<T, N>(*this) op value;                        \
  }
  MTL_PACKED_ASSIGNMENT(+)
  MTL_PACKED_ASSIGNMENT(-)
  MTL_PACKED_ASSIGNMENT(*)
  MTL_PACKED_ASSIGNMENT(/)
  MTL_PACKED_ASSIGNMENT(%)
  MTL_PACKED_ASSIGNMENT(&)
  MTL_PACKED_ASSIGNMENT(|)
  MTL_PACKED_ASSIGNMENT(^)
  MTL_PACKED_ASSIGNMENT(<<)
  MTL_PACKED_ASSIGNMENT(>>)
  MTL_PACKED_OPERATOR(==)
  MTL_PACKED_OPERATOR(!=)
  MTL_PACKED_OPERATOR(<)
  MTL_PACKED_OPERATOR(<=)
  MTL_PACKED_OPERATOR(>)
  MTL_PACKED_OPERATOR(>=)
#undef MTL_PACKED_ASSIGNMENT
#undef MTL_PACKED_OPERATOR
  friend MTL_INLINE constexpr vec<T, N> operator-(packed_vec a) { return -vec<T, N>(a); }
  friend MTL_INLINE constexpr vec<T, N> operator+(packed_vec a) { return +vec<T, N>(a); }
  friend MTL_INLINE constexpr vec<T, N> operator~(packed_vec a) { return ~vec<T, N>(a); }

 private:
  T storage[N];
};
}  // namespace metal

#define MTL_PACKED_NAMES(T)                      \
  using packed_##T##2 = metal::packed_vec<T, 2>; \
  using packed_##T##3 = metal::packed_vec<T, 3>; \
  using packed_##T##4 = metal::packed_vec<T, 4>; \
  namespace metal {                              \
  using ::packed_##T##2;                         \
  using ::packed_##T##3;                         \
  using ::packed_##T##4;                         \
  }
MTL_PACKED_NAMES(bool)
MTL_PACKED_NAMES(char)
MTL_PACKED_NAMES(uchar)
MTL_PACKED_NAMES(short)
MTL_PACKED_NAMES(ushort)
MTL_PACKED_NAMES(int)
MTL_PACKED_NAMES(uint)
MTL_PACKED_NAMES(long)
MTL_PACKED_NAMES(ulong)
MTL_PACKED_NAMES(half)
MTL_PACKED_NAMES(bfloat)
MTL_PACKED_NAMES(float)
#undef MTL_PACKED_NAMES
