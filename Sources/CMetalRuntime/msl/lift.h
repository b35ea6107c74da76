// How a library function accepts its operands: scalars, vectors, or both at once, of one element type.
#pragma once
#pragma clang system_header
#include "packed.h"

namespace mtl {
struct ambiguous {};

/// The scalar type that overload resolution would choose among functions of one type T for operands A and B: the same
/// type, or the only floating-point type beside integers. Anything else is ambiguous, as in Metal.
template <class A, class B>
consteval auto unify_scalars() {
  if constexpr (__is_same(A, B)) return A();
  else if constexpr (floating<A> && !floating<B> && !__is_same(B, ambiguous)) return A();
  else if constexpr (floating<B> && !floating<A> && !__is_same(A, ambiguous)) return B();
  else if constexpr (__is_same(A, bool) && __is_same(B, int)) return int();
  else if constexpr (__is_same(A, int) && __is_same(B, bool)) return int();
  else return ambiguous();
}

template <class T>
using plain_t = conditional_t<vector<T>, vec<element_t<T>, vector<T> ? width_v<T> : 2>, T>;

template <class A, class B>
struct unify_two {
  using type = decltype(unify_scalars<A, B>());
};
template <class A, class B>
  requires(vector<A> || vector<B>)
struct unify_two<A, B> {
  using type = conditional_t<vector<A> && (__is_same(A, B) || scalar<B>), A,
                             conditional_t<vector<B> && scalar<A>, B, ambiguous>>;
};

template <class A, class... Rest>
struct unify {
  using type = plain_t<A>;
};
template <class A, class B, class... Rest>
struct unify<A, B, Rest...> : unify<typename unify_two<plain_t<A>, plain_t<B>>::type, Rest...> {};

/// The type in which a function of one type T is called with these operands.
template <class... A>
using unify_t = typename unify<A...>::type;

/// Metal's library has no functions of bfloat: that is what kernels convert to float.
template <class... A>
concept floating_operands = floating<unify_t<A...>> && !(__is_same(element_t<plain_t<A>>, bfloat) || ...);
/// Of functions that integers have as well: floats beside integers would fit both, which is ambiguous.
template <class... A>
concept only_floating_operands = floating_operands<A...> && (floating<element_t<plain_t<A>>> && ...);
template <class... A>
concept integer_operands = integral<unify_t<A...>>;
template <class... A>
concept number_operands = floating<unify_t<A...>> || integral<unify_t<A...>>;

/// A scalar, or the compiler's vector inside a vector.
template <class T>
MTL_INLINE constexpr auto native(T value) {
  if constexpr (vector<T>) return value.native();
  else return value;
}
template <class T>
MTL_INLINE constexpr T from(native_t<element_t<T>, width_v<T>> value) {
  if constexpr (vector<T>) return T(from_native(), value);
  else return T(value);
}

/// Half and bfloat functions are computed in float and rounded once.
template <class T>
MTL_INLINE constexpr auto widen(T value) {
  return convert<float, element_t<T>, width_v<T>>(native(value));
}
template <class T>
MTL_INLINE constexpr T narrow(native_t<float, width_v<T>> value) {
  return from<T>(convert<element_t<T>, float, width_v<T>>(value));
}

/// `function` of each lane, where the compiler has no vector form of it.
template <class Result, class F, class V, class... Rest>
MTL_INLINE Result each_lane(F function, V first, Rest... rest) {
  if constexpr (__is_same(V, float) || __is_integral(V)) {
    return function(first, rest...);
  } else {
    Result result;
    for (int i = 0; i < int(__builtin_vectorelements(V)); ++i) result[i] = function(first[i], rest[i]...);
    return result;
  }
}
}  // namespace mtl
