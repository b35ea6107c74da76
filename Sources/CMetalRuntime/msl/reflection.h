// What the entry stub of a kernel tells of its parameters, and what the check of a library asks of them.
#pragma once
#pragma clang system_header
#include "entry.h"
#include "function_constants.h"

namespace mtl {
/// What the host passes for a parameter that is a pointer or a reference: a pointer.
template <class Parameter>
struct pointer_to {
  using type = Parameter;
};
template <class T>
struct pointer_to<T &> {
  using type = T *;
};
template <class Parameter>
using pointer = typename pointer_to<remove_cv_t<Parameter>>::type;

/// The parameter that such a pointer stands for.
template <class Parameter>
MTL_INLINE Parameter dereference(pointer<Parameter> address) {
  if constexpr (__is_reference(Parameter)) return *address;
  else return address;
}

/// The raw value of MTLDataType for a scalar; its vectors follow it.
template <class T>
consteval mtl_u32 scalar_data_type() {
  if constexpr (__is_same(T, float)) return 3;
  else if constexpr (__is_same(T, half)) return 16;
  else if constexpr (__is_same(T, int)) return 29;
  else if constexpr (__is_same(T, uint)) return 33;
  else if constexpr (__is_same(T, short)) return 37;
  else if constexpr (__is_same(T, ushort)) return 41;
  else if constexpr (__is_same(T, char) || __is_same(T, signed char)) return 45;
  else if constexpr (__is_same(T, uchar)) return 49;
  else if constexpr (__is_same(T, bool)) return 53;
  else if constexpr (__is_same(T, long)) return 81;
  else if constexpr (__is_same(T, ulong)) return 85;
  else if constexpr (__is_same(T, bfloat)) return 121;
  else return 1;
}

/// The raw value of MTLDataType for any type.
template <class T>
consteval mtl_u32 data_type() {
  if constexpr (__is_void(T)) return 0;
  else if constexpr (__is_pointer(T)) return 60;
  else if constexpr (__is_array(T)) return 2;
  else if constexpr (__is_enum(T)) return scalar_data_type<__underlying_type(T)>();
  else if constexpr (width_v<T> > 0) return scalar_data_type<element_t<T>>() + width_v<T> - 1;
  else return 1;
}

/// What is passed for an argument whose function constant is false: whoever follows it faults.
template <class Parameter>
MTL_INLINE pointer<Parameter> absent() {
  return reinterpret_cast<pointer<Parameter>>(0x1000);
}

/// What reflection says of a parameter. An element of `void` is a byte.
template <class Parameter>
consteval mtl_argument describe(bool is_present = true) {
  using T = remove_pointer_t<pointer<Parameter>>;
  using Plain = remove_cv_t<T>;
  if constexpr (__is_void(T)) return {0, 1, 1, __is_const(T), is_present};
  else return {data_type<Plain>(), alignof(T), sizeof(T), __is_const(T), is_present};
}

/// A pointer or reference to anything but pointers.
template <class Parameter>
inline constexpr bool is_argument = false;
template <class T>
inline constexpr bool is_argument<T *> = !__is_pointer(T);
template <class T>
inline constexpr bool is_argument<T &> = !__is_pointer(T);

/// An unsigned 16-bit or 32-bit integer, or a vector of up to `width` of them.
template <class Parameter, int width>
inline constexpr bool is_position =
    width_v<Parameter> >= 1 && width_v<Parameter> <= width &&
    (__is_same(element_t<Parameter>, ushort) || __is_same(element_t<Parameter>, uint));

/// Whether two positions have as many components, and whether their components are of one type.
template <class A, class B>
inline constexpr bool same_width = width_v<A> == width_v<B>;
template <class A, class B>
inline constexpr bool same_element = __is_same(element_t<A>, element_t<B>);
}  // namespace mtl
