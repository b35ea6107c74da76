// The Metal Shading Language's types and standard library in C++20, for kernels that the rewriter has freed of address
// spaces and attributes. Freestanding. Compile with
//   -std=c++20 -fdeclspec -nostdinc -nostdinc++ -fsigned-char -fno-exceptions -fno-rtti
//   -fno-math-errno -fno-trapping-math -fno-strict-float-cast-overflow
// The last makes conversions of floats that do not fit an integer saturate, as they do on a GPU.
#pragma once

#ifndef MTL_KERNEL_CODE
#define MTL_KERNEL_CODE 1
#endif
#include "metal_runtime.h"

#include "types.h"
#include "traits.h"
#include "limits.h"
#include "concepts.h"
#include "conversions.h"
#include "swizzles.h"
#include "vectors.h"
#include "packed.h"
#include "array.h"
#include "lift.h"
#include "relational.h"
#include "math_core.h"
#include "exponential.h"
#include "trigonometric.h"
#include "math.h"
#include "common.h"
#include "integer.h"
#include "geometric.h"
#include "modes.h"
#include "pack.h"
#include "synchronisation.h"
#include "entry.h"
#include "reflection.h"
