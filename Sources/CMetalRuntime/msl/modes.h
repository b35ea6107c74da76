// The namespaces metal::precise and metal::fast: here the same functions, which are precise in either.
#pragma once
#pragma clang system_header
#include "geometric.h"

#define MTL_MODE(mode)                                                                              \
  namespace metal::mode {                                                                           \
  using metal::acos, metal::acosh, metal::asin, metal::asinh, metal::atan, metal::atan2;            \
  using metal::abs, metal::atanh, metal::ceil, metal::clamp, metal::copysign, metal::cos;           \
  using metal::cosh, metal::cospi, metal::divide, metal::exp, metal::exp10, metal::exp2;            \
  using metal::fabs, metal::fdim, metal::floor, metal::fma, metal::fmax, metal::fmax3;              \
  using metal::fmedian3, metal::fmin, metal::fmin3, metal::fmod, metal::fract, metal::frexp;        \
  using metal::ilogb, metal::ldexp, metal::log, metal::log10, metal::log2, metal::max;              \
  using metal::max3, metal::median3, metal::min, metal::min3, metal::mix, metal::modf;              \
  using metal::nextafter, metal::pow, metal::powr, metal::rint, metal::round, metal::rsqrt;         \
  using metal::saturate, metal::sign, metal::sin, metal::sincos, metal::sinh, metal::sinpi;         \
  using metal::smoothstep, metal::sqrt, metal::step, metal::tan, metal::tanh, metal::tanpi;         \
  using metal::cross, metal::distance, metal::distance_squared, metal::dot, metal::faceforward;     \
  using metal::length, metal::length_squared, metal::normalize, metal::reflect, metal::refract;     \
  using metal::trunc;                                                                               \
  }
MTL_MODE(precise)
MTL_MODE(fast)
#undef MTL_MODE
