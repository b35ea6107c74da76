// What the library's own templates ask about their operands: is it a scalar, a vector, of what and how wide.
#pragma once
#pragma clang system_header
#include "traits.h"

namespace metal {
template <class T, int N>
struct vec;
template <class T, int N>
struct packed_vec;
}  // namespace metal

namespace mtl {
using namespace metal;

/// The element type and the number of components of a scalar, vector or packed vector; 0 components for others.
template <class T>
struct shape {
  using element = T;
  static constexpr int width = is_arithmetic_v<T> || __is_enum(T) ? 1 : 0;
  static constexpr bool is_vector = false;
};
template <class T, int N>
struct shape<vec<T, N>> {
  using element = T;
  static constexpr int width = N;
  static constexpr bool is_vector = true;
};
template <class T, int N>
struct shape<packed_vec<T, N>> : shape<vec<T, N>> {};
template <class T>
struct shape<const T> : shape<T> {};

template <class T>
using element_t = typename shape<T>::element;
template <class T>
inline constexpr int width_v = shape<T>::width;

template <class T>
concept scalar = width_v<T> == 1;
template <class T>
concept vector = shape<T>::is_vector;
template <class T>
concept floating = is_floating_point_v<element_t<T>>;
template <class T>
concept integral = is_integral_v<element_t<T>> && !__is_same(element_t<T>, bool);
template <class T>
concept boolean = __is_same(element_t<T>, bool);

/// A boolean vector keeps one byte, 0 or 1, in each lane.
template <class T>
struct lane {
  using type = T;
};
template <>
struct lane<bool> {
  using type = unsigned char;
};
template <class T>
using lane_t = typename lane<T>::type;

/// The signed integer of T's size, which the compiler's vector conditions are made of.
template <int bytes>
struct mask {
  using type = conditional_t<bytes == 1, char, conditional_t<bytes == 2, short, conditional_t<bytes == 4, int, long>>>;
};
template <class T>
using mask_t = typename mask<sizeof(T)>::type;

/// The compiler's vector type for N lanes of T.
template <class T, int N>
struct native_vector {
  typedef lane_t<T> type __attribute__((ext_vector_type(N)));
};
template <class T>
struct native_vector<T, 1> {
  using type = lane_t<T>;
};
template <class T, int N>
using native_t = typename native_vector<T, N>::type;

/// The same vector or scalar type with other elements.
template <class T, class U>
struct replace_element {
  using type = U;
};
template <class T, int N, class U>
struct replace_element<vec<T, N>, U> {
  using type = vec<U, N>;
};
template <class T, class U>
using replace_element_t = typename replace_element<T, U>::type;
}  // namespace mtl
