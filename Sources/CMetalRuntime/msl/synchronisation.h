// <metal_compute>: barriers, and the words that memory order is written in.
#pragma once
#pragma clang system_header
#include "metal_runtime.h"
#include "types.h"

/// The functions of the runtime; the loader sets this before the first launch.
extern "C" {
__attribute__((visibility("default"), used)) const mtl_runtime_table *mtl_runtime;
}

namespace metal {
enum class mem_flags {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
  mem_object_data = 16,
};
MTL_INLINE constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
MTL_INLINE constexpr mem_flags operator&(mem_flags a, mem_flags b) { return mem_flags(int(a) & int(b)); }

enum memory_order {
  memory_order_relaxed = __ATOMIC_RELAXED,
  memory_order_acquire = __ATOMIC_ACQUIRE,
  memory_order_release = __ATOMIC_RELEASE,
  memory_order_acq_rel = __ATOMIC_ACQ_REL,
  memory_order_seq_cst = __ATOMIC_SEQ_CST,
};
enum thread_scope {
  thread_scope_thread,
  thread_scope_simdgroup,
  thread_scope_threadgroup,
  thread_scope_device,
};

/// All threads of the threadgroup wait here for one another.
MTL_INLINE void threadgroup_barrier(mem_flags) { mtl_runtime->threadgroup_barrier(); }

/// All threads of the SIMD-group wait here for one another. Without memory to order there is nothing to see of it.
MTL_INLINE void simdgroup_barrier(mem_flags flags) {
  if (flags != mem_flags::mem_none) mtl_runtime->simdgroup_barrier();
}

/// Orders this thread's accesses to memory, as others see them.
MTL_INLINE void atomic_thread_fence(mem_flags, memory_order order, thread_scope = thread_scope_device) {
  if (order != memory_order_relaxed) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
}  // namespace metal
