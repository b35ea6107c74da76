// A pseudo-random order of 0 ..< count, one element at a time and without a table.
#ifndef MTL_PERMUTATION_H
#define MTL_PERMUTATION_H

#include "metal_runtime.h"

typedef struct {
  mtl_u64 count, seed;
  unsigned half_bits;
} mtl_permutation;

static inline mtl_u64 mtl_mix(mtl_u64 x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

static inline mtl_permutation mtl_make_permutation(mtl_u64 count, mtl_u64 seed) {
  mtl_permutation order = {count, mtl_mix(seed), 1};
  while (order.half_bits < 32 && (1ull << (2 * order.half_bits)) < count) order.half_bits++;
  return order;
}

// A Feistel network permutes the next power of four; walking its cycles stays below `count`.
static inline mtl_u64 mtl_permute(const mtl_permutation *order, mtl_u64 index) {
  const mtl_u64 mask = (1ull << order->half_bits) - 1;
  do {
    mtl_u64 left = index >> order->half_bits, right = index & mask;
    for (unsigned round = 0; round < 4; round++) {
      mtl_u64 mixed = left ^ (mtl_mix(order->seed + round + (right << 8)) & mask);
      left = right;
      right = mixed;
    }
    index = left << order->half_bits | right;
  } while (index >= order->count);
  return index;
}

#endif
