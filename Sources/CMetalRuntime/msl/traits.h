// <metal_type_traits>: what templates ask about types.
#pragma once
#pragma clang system_header
#include "types.h"

namespace metal {
template <class T, T constant>
struct integral_constant {
  static constexpr T value = constant;
  using value_type = T;
  using type = integral_constant;
  constexpr operator T() const { return constant; }
  constexpr T operator()() const { return constant; }
};
template <bool condition>
using bool_constant = integral_constant<bool, condition>;
using true_type = bool_constant<true>;
using false_type = bool_constant<false>;

template <bool condition, class T = void>
struct enable_if {};
template <class T>
struct enable_if<true, T> {
  using type = T;
};
template <bool condition, class T = void>
using enable_if_t = typename enable_if<condition, T>::type;

template <bool condition, class T, class F>
struct conditional {
  using type = T;
};
template <class T, class F>
struct conditional<false, T, F> {
  using type = F;
};
template <bool condition, class T, class F>
using conditional_t = typename conditional<condition, T, F>::type;

template <class T>
T &&declval() noexcept;

// A trait with a value: the class, and the variable that ends in _v.
#define MTL_TRAIT(name, ...)                              \
  template <class T>                                      \
  inline constexpr bool name##_v = __VA_ARGS__;           \
  template <class T>                                      \
  struct name : bool_constant<name##_v<T>> {}
#define MTL_TRAIT_2(name, ...)                            \
  template <class T, class U>                             \
  inline constexpr bool name##_v = __VA_ARGS__;           \
  template <class T, class U>                             \
  struct name : bool_constant<name##_v<T, U>> {}
// A trait with a type: the class, and the alias that ends in _t.
#define MTL_TYPE_TRAIT(name, ...)                         \
  template <class T>                                      \
  struct name {                                           \
    using type = __VA_ARGS__;                             \
  };                                                      \
  template <class T>                                      \
  using name##_t = typename name<T>::type

MTL_TYPE_TRAIT(remove_const, __remove_const(T));
MTL_TYPE_TRAIT(remove_volatile, __remove_volatile(T));
MTL_TYPE_TRAIT(remove_cv, __remove_cv(T));
MTL_TYPE_TRAIT(remove_reference, __remove_reference_t(T));
MTL_TYPE_TRAIT(remove_pointer, __remove_pointer(T));
MTL_TYPE_TRAIT(remove_extent, __remove_extent(T));
MTL_TYPE_TRAIT(remove_all_extents, __remove_all_extents(T));
MTL_TYPE_TRAIT(add_const, const T);
MTL_TYPE_TRAIT(add_volatile, volatile T);
MTL_TYPE_TRAIT(add_cv, const volatile T);
MTL_TYPE_TRAIT(add_pointer, __add_pointer(T));
MTL_TYPE_TRAIT(add_lvalue_reference, __add_lvalue_reference(T));
MTL_TYPE_TRAIT(add_rvalue_reference, __add_rvalue_reference(T));
MTL_TYPE_TRAIT(decay, __decay(T));
MTL_TYPE_TRAIT(underlying_type, __underlying_type(T));

MTL_TRAIT_2(is_same, __is_same(T, U));
MTL_TRAIT_2(is_base_of, __is_base_of(T, U));
MTL_TRAIT_2(is_convertible, __is_convertible_to(T, U));
MTL_TRAIT_2(is_assignable, __is_assignable(T, U));

MTL_TRAIT(is_void, __is_void(T));
MTL_TRAIT(is_integral, __is_integral(T));
MTL_TRAIT(is_floating_point, __is_floating_point(T) || __is_same(__remove_cv(T), half)
                                 || __is_same(__remove_cv(T), bfloat));
MTL_TRAIT(is_arithmetic, is_integral_v<T> || is_floating_point_v<T>);
MTL_TRAIT(is_fundamental, is_arithmetic_v<T> || __is_void(T));
MTL_TRAIT(is_signed, __is_signed(T) || is_floating_point_v<T>);
MTL_TRAIT(is_unsigned, __is_unsigned(T));
MTL_TRAIT(is_array, __is_array(T));
MTL_TRAIT(is_pointer, __is_pointer(T));
MTL_TRAIT(is_reference, __is_reference(T));
MTL_TRAIT(is_lvalue_reference, __is_lvalue_reference(T));
MTL_TRAIT(is_rvalue_reference, __is_rvalue_reference(T));
MTL_TRAIT(is_enum, __is_enum(T));
MTL_TRAIT(is_union, __is_union(T));
MTL_TRAIT(is_class, __is_class(T));
MTL_TRAIT(is_function, __is_function(T));
MTL_TRAIT(is_object, __is_object(T));
MTL_TRAIT(is_scalar, is_arithmetic_v<T> || __is_enum(T) || __is_pointer(T));
MTL_TRAIT(is_compound, !is_fundamental_v<T>);
MTL_TRAIT(is_const, __is_const(T));
MTL_TRAIT(is_volatile, __is_volatile(T));
MTL_TRAIT(is_trivial, __is_trivial(T));
MTL_TRAIT(is_trivially_copyable, __is_trivially_copyable(T));
MTL_TRAIT(is_standard_layout, __is_standard_layout(T));
MTL_TRAIT(is_literal_type, __is_literal_type(T));
MTL_TRAIT(is_default_constructible, __is_constructible(T));

template <class T, class... Arguments>
inline constexpr bool is_constructible_v = __is_constructible(T, Arguments...);
template <class T, class... Arguments>
struct is_constructible : bool_constant<__is_constructible(T, Arguments...)> {};

template <class T>
inline constexpr size_t alignment_of_v = alignof(T);
template <class T>
struct alignment_of : integral_constant<size_t, alignof(T)> {};
template <class T>
inline constexpr size_t rank_v = __array_rank(T);
template <class T>
struct rank : integral_constant<size_t, __array_rank(T)> {};
template <class T, unsigned dimension = 0>
inline constexpr size_t extent_v = __array_extent(T, dimension);
template <class T, unsigned dimension = 0>
struct extent : integral_constant<size_t, __array_extent(T, dimension)> {};

template <class... T>
struct common_type {};
template <class T>
struct common_type<T> {
  using type = decay_t<T>;
};
template <class T, class U>
struct common_type<T, U> {
  using type = decay_t<decltype(false ? declval<T>() : declval<U>())>;
};
template <class T, class U, class V, class... Rest>
struct common_type<T, U, V, Rest...> : common_type<typename common_type<T, U>::type, V, Rest...> {};
template <class... T>
using common_type_t = typename common_type<T...>::type;

// The same size, with the sign or without; vectors of them are in vectors.h.
template <class T>
struct make_signed {
  using type = __make_signed(T);
};
template <class T>
struct make_unsigned {
  using type = __make_unsigned(T);
};
template <class T>
using make_signed_t = typename make_signed<T>::type;
template <class T>
using make_unsigned_t = typename make_unsigned<T>::type;

// Metal has no forward, void_t or is_empty: kernels give these names to things of their own.
template <class T>
constexpr remove_reference_t<T> &&move(T &&value) noexcept {
  return static_cast<remove_reference_t<T> &&>(value);
}
}  // namespace metal

#undef MTL_TRAIT
#undef MTL_TRAIT_2
#undef MTL_TYPE_TRAIT
