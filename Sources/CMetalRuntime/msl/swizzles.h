// Swizzles: v.x, v.zyx, v.rg ..., as properties whose type is the real vector type.
#pragma once
#pragma clang system_header
#include "conversions.h"

namespace mtl {
struct from_native {};

/// Reading and writing components. `Self` has `native()`, the value, and `lanes()`, where its components are stored.
template <class Self, class T>
struct components {
  template <int... index>
  MTL_INLINE constexpr auto take() const {
    auto value = static_cast<const Self *>(this)->native();
    if constexpr (sizeof...(index) == 1) return T(value[index]...);
    else return vec<T, sizeof...(index)>(from_native(), __builtin_shufflevector(value, value, index...));
  }

  // Lane by lane: another thread may be writing the components that are not named.
  template <int... index>
  MTL_INLINE vec<T, sizeof...(index)> give(vec<T, sizeof...(index)> value) {
    lane_t<T> *lanes = static_cast<Self *>(this)->lanes();
    int from = 0;
    ((lanes[index] = value.native()[from++]), ...);
    return value;
  }
};

// One swizzle: its indices, its name in xyzw, its name in rgba. One that repeats a component cannot be written.
#define MTL_SWIZZLE_1(i, x, r)                                                \
  MTL_INLINE constexpr T get_##x() const { return this->template take<i>(); } \
  MTL_INLINE T set_##x(T value) {                                             \
    static_cast<Self *>(this)->lanes()[i] = value;                            \
    return value;                                                             \
  }                                                                           \
  __declspec(property(get = get_##x, put = set_##x)) T x;                     \
  __declspec(property(get = get_##x, put = set_##x)) T r;
#define MTL_SWIZZLE_2(i, x, r, j, y, g)                                                     \
  MTL_INLINE constexpr vec<T, 2> get_##x##y() const { return this->template take<i, j>(); } \
  MTL_INLINE vec<T, 2> set_##x##y(vec<T, 2> value) requires(i != j) {                       \
    return this->template give<i, j>(value);                                                \
  }                                                                                         \
  __declspec(property(get = get_##x##y, put = set_##x##y)) vec<T, 2> x##y;                  \
  __declspec(property(get = get_##x##y, put = set_##x##y)) vec<T, 2> r##g;
#define MTL_SWIZZLE_3(i, x, r, j, y, g, k, z, b)                                             \
  MTL_INLINE constexpr vec<T, 3> get_##x##y##z() const {                                     \
    return this->template take<i, j, k>();                                                   \
  }                                                                                          \
  MTL_INLINE vec<T, 3> set_##x##y##z(vec<T, 3> value) requires(i != j && i != k && j != k) { \
    return this->template give<i, j, k>(value);                                              \
  }                                                                                          \
  __declspec(property(get = get_##x##y##z, put = set_##x##y##z)) vec<T, 3> x##y##z;          \
  __declspec(property(get = get_##x##y##z, put = set_##x##y##z)) vec<T, 3> r##g##b;
#define MTL_SWIZZLE_4(i, x, r, j, y, g, k, z, b, l, w, a)                                    \
  MTL_INLINE constexpr vec<T, 4> get_##x##y##z##w() const {                                  \
    return this->template take<i, j, k, l>();                                                \
  }                                                                                          \
  MTL_INLINE vec<T, 4> set_##x##y##z##w(vec<T, 4> value)                                     \
    requires(i != j && i != k && i != l && j != k && j != l && k != l) {                     \
    return this->template give<i, j, k, l>(value);                                           \
  }                                                                                          \
  __declspec(property(get = get_##x##y##z##w, put = set_##x##y##z##w)) vec<T, 4> x##y##z##w; \
  __declspec(property(get = get_##x##y##z##w, put = set_##x##y##z##w)) vec<T, 4> r##g##b##a;

// Calls `macro` with the first n components appended to its arguments. A macro cannot call itself, hence four copies.
#define MTL_FIRST_2(macro) macro(0, x, r) macro(1, y, g)
#define MTL_FIRST_3(macro) MTL_FIRST_2(macro) macro(2, z, b)
#define MTL_FIRST_4(macro) MTL_FIRST_3(macro) macro(3, w, a)
#define MTL_SECOND_2(macro, ...) macro(__VA_ARGS__, 0, x, r) macro(__VA_ARGS__, 1, y, g)
#define MTL_SECOND_3(macro, ...) MTL_SECOND_2(macro, __VA_ARGS__) macro(__VA_ARGS__, 2, z, b)
#define MTL_SECOND_4(macro, ...) MTL_SECOND_3(macro, __VA_ARGS__) macro(__VA_ARGS__, 3, w, a)
#define MTL_THIRD_2(macro, ...) macro(__VA_ARGS__, 0, x, r) macro(__VA_ARGS__, 1, y, g)
#define MTL_THIRD_3(macro, ...) MTL_THIRD_2(macro, __VA_ARGS__) macro(__VA_ARGS__, 2, z, b)
#define MTL_THIRD_4(macro, ...) MTL_THIRD_3(macro, __VA_ARGS__) macro(__VA_ARGS__, 3, w, a)
#define MTL_FOURTH_2(macro, ...) macro(__VA_ARGS__, 0, x, r) macro(__VA_ARGS__, 1, y, g)
#define MTL_FOURTH_3(macro, ...) MTL_FOURTH_2(macro, __VA_ARGS__) macro(__VA_ARGS__, 2, z, b)
#define MTL_FOURTH_4(macro, ...) MTL_FOURTH_3(macro, __VA_ARGS__) macro(__VA_ARGS__, 3, w, a)

// All swizzles of a vector of n components: of one, two, three and four letters.
#define MTL_SWIZZLES(n)                \
  MTL_FIRST_##n(MTL_SWIZZLE_1)         \
  MTL_FIRST_##n(MTL_TWO_LETTERS_##n)   \
  MTL_FIRST_##n(MTL_THREE_LETTERS_##n) \
  MTL_FIRST_##n(MTL_FOUR_LETTERS_##n)
#define MTL_TWO_LETTERS_2(...) MTL_SECOND_2(MTL_SWIZZLE_2, __VA_ARGS__)
#define MTL_TWO_LETTERS_3(...) MTL_SECOND_3(MTL_SWIZZLE_2, __VA_ARGS__)
#define MTL_TWO_LETTERS_4(...) MTL_SECOND_4(MTL_SWIZZLE_2, __VA_ARGS__)
#define MTL_THREE_LETTERS_2(...) MTL_SECOND_2(MTL_THREE_REST_2, __VA_ARGS__)
#define MTL_THREE_LETTERS_3(...) MTL_SECOND_3(MTL_THREE_REST_3, __VA_ARGS__)
#define MTL_THREE_LETTERS_4(...) MTL_SECOND_4(MTL_THREE_REST_4, __VA_ARGS__)
#define MTL_THREE_REST_2(...) MTL_THIRD_2(MTL_SWIZZLE_3, __VA_ARGS__)
#define MTL_THREE_REST_3(...) MTL_THIRD_3(MTL_SWIZZLE_3, __VA_ARGS__)
#define MTL_THREE_REST_4(...) MTL_THIRD_4(MTL_SWIZZLE_3, __VA_ARGS__)
#define MTL_FOUR_LETTERS_2(...) MTL_SECOND_2(MTL_FOUR_REST_2, __VA_ARGS__)
#define MTL_FOUR_LETTERS_3(...) MTL_SECOND_3(MTL_FOUR_REST_3, __VA_ARGS__)
#define MTL_FOUR_LETTERS_4(...) MTL_SECOND_4(MTL_FOUR_REST_4, __VA_ARGS__)
#define MTL_FOUR_REST_2(...) MTL_THIRD_2(MTL_FOUR_LAST_2, __VA_ARGS__)
#define MTL_FOUR_REST_3(...) MTL_THIRD_3(MTL_FOUR_LAST_3, __VA_ARGS__)
#define MTL_FOUR_REST_4(...) MTL_THIRD_4(MTL_FOUR_LAST_4, __VA_ARGS__)
#define MTL_FOUR_LAST_2(...) MTL_FOURTH_2(MTL_SWIZZLE_4, __VA_ARGS__)
#define MTL_FOUR_LAST_3(...) MTL_FOURTH_3(MTL_SWIZZLE_4, __VA_ARGS__)
#define MTL_FOUR_LAST_4(...) MTL_FOURTH_4(MTL_SWIZZLE_4, __VA_ARGS__)

template <class Self, class T, int N>
struct swizzles;
template <class Self, class T>
struct swizzles<Self, T, 2> : components<Self, T> {
  MTL_SWIZZLES(2)
};
template <class Self, class T>
struct swizzles<Self, T, 3> : components<Self, T> {
  MTL_SWIZZLES(3)
};
template <class Self, class T>
struct swizzles<Self, T, 4> : components<Self, T> {
  MTL_SWIZZLES(4)
};
}  // namespace mtl
