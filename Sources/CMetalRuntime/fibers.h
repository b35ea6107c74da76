// The threads of one threadgroup as fibers: each has a stack, and one of them runs until it meets a barrier.
#ifndef MTL_FIBERS_H
#define MTL_FIBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "metal_runtime.h"

enum {
  MTL_MAX_FIBERS = 1024,
  MTL_DEFAULT_STACK = 16 << 10,
};

/// The fibers of one OS thread. It lies in its arena, at an address that follows from any stack of it, so that a
/// barrier finds it without a thread-local variable.
typedef struct mtl_fiber_group mtl_fiber_group;

/// Makes room for `count` stacks of `stack_bytes` (0 for the default) in `*group`, which may be NULL. False if these are
/// more than MTL_MAX_FIBERS, or there is no memory; then the old stacks are gone as well.
bool mtl_fibers_reserve(mtl_fiber_group **group, size_t count, size_t stack_bytes);

/// Runs one threadgroup of kernel->entry, a mtl_thread_entry, to its end. The stacks must have been reserved.
void mtl_fibers_run(mtl_fiber_group *group, mtl_thread_entry entry, const mtl_launch *launch,
                    const mtl_group *threadgroup);

/// Calls `function` on the first reserved stack.
void mtl_fibers_call(mtl_fiber_group *group, void (*function)(void *), void *argument);

/// Whether `address` is in the guard page under one of the stacks.
bool mtl_fibers_overflowed(const mtl_fiber_group *group, const void *address);

void mtl_fibers_threadgroup_barrier(void);
void mtl_fibers_simdgroup_barrier(void);

#endif
