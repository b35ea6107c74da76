// Function constants: what the code of a specialisation is given, and what the check of a library asks of them.
#pragma once
#pragma clang system_header
#include "vectors.h"

namespace mtl {
/// The value of the function constant of an index. The text of a specialisation specialises it for those that are given;
/// the bits of each component stand in a word of their own.
template <int index>
struct constant_value {
  static constexpr bool is_defined = false;
  static constexpr ulong bits[4] = {};
};

template <class T>
consteval T from_bits(ulong bits) {
  if constexpr (__is_same(T, bool)) return bits != 0;
  else if constexpr (sizeof(T) == 1) return __builtin_bit_cast(T, uchar(bits));
  else if constexpr (sizeof(T) == 2) return __builtin_bit_cast(T, ushort(bits));
  else if constexpr (sizeof(T) == 4) return __builtin_bit_cast(T, uint(bits));
  else return __builtin_bit_cast(T, bits);
}

template <class T, int index>
consteval T function_constant() {
  using E = element_t<T>;
  constexpr auto &bits = constant_value<index>::bits;
  if constexpr (width_v<T> == 1) return from_bits<T>(bits[0]);
  else if constexpr (width_v<T> == 2) return T(from_bits<E>(bits[0]), from_bits<E>(bits[1]));
  else if constexpr (width_v<T> == 3)
    return T(from_bits<E>(bits[0]), from_bits<E>(bits[1]), from_bits<E>(bits[2]));
  else
    return T(from_bits<E>(bits[0]), from_bits<E>(bits[1]), from_bits<E>(bits[2]), from_bits<E>(bits[3]));
}

// How function constants are declared in code. Where it is asked which of them a kernel uses, they are symbols instead.
#define MTL_CONSTANT static constexpr
#define MTL_CONSTANT_VALUE(index, ...) = ::mtl::function_constant<__VA_ARGS__, index>()
#define MTL_CONSTANT_IS_DEFINED(index) = ::mtl::constant_value<index>::is_defined
#define MTL_CONDITION(...) (__VA_ARGS__)
#define MTL_NOTE_CONDITION(...)

/// The type of a program scope constant without its address space: `decltype(value_of(x))`.
template <class T>
T value_of(T);
}  // namespace mtl
