#define _GNU_SOURCE
#include "fibers.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Arenas begin at multiples of this, and none is larger.
#define ARENA_ALIGNMENT ((uintptr_t)1 << 30)

#ifndef MADV_GUARD_INSTALL // of Linux 6.13
#define MADV_GUARD_INSTALL 102
#endif

// The tops of the stacks are spread over a page, or all of them would compete for the same lines of the first cache.
#define COLOURS 32
#define COLOUR_BYTES 128

typedef struct {
  void *stack_pointer; // while it does not run
  uint16_t group_next, group_previous; // rings of the fibers that have not ended: of the threadgroup
  uint16_t simd_next, simd_previous;   // and of the SIMD-group, which is a stretch of the first
  bool waits_for_simdgroup;            // at the barrier where it stopped
} fiber;

struct mtl_fiber_group {
  void *host_stack_pointer;
  uint16_t current;
  // What the fibers run: threads of a kernel, or `function` if there is one.
  mtl_thread_entry entry;
  const mtl_launch *launch;
  const mtl_group *threadgroup;
  void (*function)(void *);
  void *argument;
  // The arena.
  char *stacks;
  size_t arena_bytes, slot_bytes, guard_bytes, capacity;
  fiber fibers[MTL_MAX_FIBERS];
  mtl_thread threads[MTL_MAX_FIBERS];
};

void mtl_fiber_switch(void **save, void *load);
void mtl_fiber_start(void);

static inline mtl_fiber_group *this_group(void) {
  return (mtl_fiber_group *)((uintptr_t)__builtin_frame_address(0) & ~(ARENA_ALIGNMENT - 1));
}

// MARK: Arena

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Address space of `bytes` at a multiple of ARENA_ALIGNMENT, not accessible yet.
static char *map_aligned(size_t bytes) {
  size_t wide = bytes + ARENA_ALIGNMENT;
  char *start = mmap(NULL, wide, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *aligned = (char *)round_up((uintptr_t)start, ARENA_ALIGNMENT);
  if (aligned > start) munmap(start, aligned - start);
  munmap(aligned + bytes, start + wide - (aligned + bytes));
  return aligned;
}

// How many stacks share a guard page. A process may have 65530 mappings, and each page that is protected makes two:
// where there are very many processors and the kernel has no other guards, not every stack can have its own.
static size_t stacks_of_guard(char *first_guard, size_t page, size_t count) {
  if (madvise(first_guard, page, MADV_GUARD_INSTALL) == 0) return 1;
  size_t mappings = 32768 / (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  return 1 + 2 * count / (mappings + 1);
}

static bool protect(char *page, size_t bytes) {
  return madvise(page, bytes, MADV_GUARD_INSTALL) == 0 || mprotect(page, bytes, PROT_NONE) == 0;
}

// Header, then for each fiber a page to guard and its stack.
static bool make_accessible(char *arena, size_t bytes, size_t header, size_t page, size_t slot) {
  if (mprotect(arena, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  char *stacks = arena + header;
  size_t count = (bytes - header) / slot, step = stacks_of_guard(stacks, page, count);
  for (size_t i = 0; i < count; i += step)
    if (!protect(stacks + i * slot, page)) return false;
  return true;
}

static mtl_fiber_group *make_group(size_t count, size_t stack_bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t header = round_up(sizeof(mtl_fiber_group), page);
  size_t slot = page + round_up(stack_bytes + COLOURS * COLOUR_BYTES, page);
  if (slot > (ARENA_ALIGNMENT - header) / count) return NULL;
  size_t bytes = header + count * slot;
  char *arena = map_aligned(bytes);
  if (!arena) return NULL;
  if (!make_accessible(arena, bytes, header, page, slot)) {
    munmap(arena, bytes);
    return NULL;
  }
  mtl_fiber_group *group = (mtl_fiber_group *)arena;
  group->stacks = arena + header;
  group->arena_bytes = bytes;
  group->slot_bytes = slot;
  group->guard_bytes = page;
  group->capacity = count;
  return group;
}

bool mtl_fibers_reserve(mtl_fiber_group **group, size_t count, size_t stack_bytes) {
  mtl_fiber_group *old = *group;
  if (count > MTL_MAX_FIBERS) return false;
  if (count == 0) count = 1;
  if (stack_bytes == 0) stack_bytes = MTL_DEFAULT_STACK;
  if (old) {
    size_t usable = old->slot_bytes - old->guard_bytes - COLOURS * COLOUR_BYTES;
    if (old->capacity >= count && usable >= stack_bytes) return true;
    munmap(old, old->arena_bytes);
  }
  *group = make_group(count, stack_bytes);
  return *group != NULL;
}

bool mtl_fibers_overflowed(const mtl_fiber_group *group, const void *address) {
  if (!group) return false;
  uintptr_t offset = (uintptr_t)address - (uintptr_t)group->stacks;
  return offset < group->capacity * group->slot_bytes && offset % group->slot_bytes < group->guard_bytes;
}

// MARK: Switching

// What runs on fibers is not for ThreadSanitizer: it does not know their stacks, which are too small for it, too.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)
#endif

static inline void switch_to(mtl_fiber_group *group, fiber *from, uint16_t next) {
  group->current = next;
  mtl_fiber_switch(&from->stack_pointer, group->fibers[next].stack_pointer);
}

// A fiber that goes on behind a barrier knows that all others have arrived there: they run in the order of the ring,
// each until its next barrier, and the ring has come round.
__attribute__((noinline)) void mtl_fibers_threadgroup_barrier(void) {
  mtl_fiber_group *group = this_group();
  fiber *self = &group->fibers[group->current];
  self->waits_for_simdgroup = false;
  if (self->group_next != group->current) switch_to(group, self, self->group_next);
}

// The same in the ring of the SIMD-group. The two differ only behind its last fiber.
__attribute__((noinline)) void mtl_fibers_simdgroup_barrier(void) {
  mtl_fiber_group *group = this_group();
  fiber *self = &group->fibers[group->current];
  self->waits_for_simdgroup = true;
  if (self->simd_next != group->current) switch_to(group, self, self->simd_next);
}

const mtl_runtime_table mtl_host_runtime = {
    .threadgroup_barrier = mtl_fibers_threadgroup_barrier,
    .simdgroup_barrier = mtl_fibers_simdgroup_barrier,
};

static void leave_rings(mtl_fiber_group *group, const fiber *self) {
  fiber *fibers = group->fibers;
  fibers[self->group_previous].group_next = self->group_next;
  fibers[self->group_next].group_previous = self->group_previous;
  fibers[self->simd_previous].simd_next = self->simd_next;
  fibers[self->simd_next].simd_previous = self->simd_previous;
}

// Who runs after `self` has ended. If the rest of its SIMD-group waits for one another, they go on now: when the
// threadgroup's ring comes round, everyone must be at its barrier.
static uint16_t successor(const mtl_fiber_group *group, const fiber *self) {
  bool last_of_simdgroup = self->simd_next <= group->current;
  bool rest_waits = group->fibers[self->simd_next].waits_for_simdgroup;
  return last_of_simdgroup && rest_waits && self->simd_next != group->current ? self->simd_next : self->group_next;
}

static _Noreturn void end_fiber(mtl_fiber_group *group) {
  fiber *self = &group->fibers[group->current];
  if (self->group_next == group->current) {
    mtl_fiber_switch(&self->stack_pointer, group->host_stack_pointer);
  } else {
    leave_rings(group, self);
    switch_to(group, self, successor(group, self));
  }
  __builtin_unreachable();
}

__attribute__((used)) _Noreturn void mtl_fiber_main(void) {
  mtl_fiber_group *group = this_group();
  if (group->function) {
    group->function(group->argument);
  } else {
    group->entry(group->launch, group->threadgroup, &group->threads[group->current]);
  }
  end_fiber(group);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

// MARK: Starting

// Lays out what mtl_fiber_switch restores: zeros for the registers, then where to go.
static void *first_frame(const mtl_fiber_group *group, size_t index) {
  uintptr_t end = (uintptr_t)group->stacks + (index + 1) * group->slot_bytes;
  uintptr_t top = end - (index % COLOURS) * COLOUR_BYTES;
#if defined(__x86_64__)
  // Nine words: six registers, the address, and two so that the stack pointer is a multiple of 16 where it begins.
  void **frame = (void **)top - 9;
  memset(frame, 0, 9 * sizeof(void *));
  frame[6] = (void *)mtl_fiber_start;
  return frame;
#else
  void **frame = (void **)top - 20;
  memset(frame, 0, 20 * sizeof(void *));
  frame[11] = (void *)mtl_fiber_start;
  return frame;
#endif
}

static void place_fiber(mtl_fiber_group *group, uint16_t index, uint16_t count) {
  uint16_t simd_first = index / MTL_SIMD_WIDTH * MTL_SIMD_WIDTH;
  uint16_t simd_last = simd_first + MTL_SIMD_WIDTH - 1 < count ? simd_first + MTL_SIMD_WIDTH - 1 : count - 1;
  group->fibers[index] = (fiber){
      .stack_pointer = first_frame(group, index),
      .group_next = index + 1 < count ? index + 1 : 0,
      .group_previous = index > 0 ? index - 1 : count - 1,
      .simd_next = index < simd_last ? index + 1 : simd_first,
      .simd_previous = index > simd_first ? index - 1 : simd_last,
  };
}

static void place_threads(mtl_fiber_group *group) {
  const mtl_u32 *size = group->threadgroup->size, *position = group->threadgroup->position;
  const mtl_u32 *whole = group->launch->threads_per_threadgroup;
  mtl_u32 index = 0;
  for (mtl_u32 z = 0; z < size[2]; z++)
    for (mtl_u32 y = 0; y < size[1]; y++)
      for (mtl_u32 x = 0; x < size[0]; x++, index++)
        group->threads[index] = (mtl_thread){
            .position_in_grid = {position[0] * whole[0] + x, position[1] * whole[1] + y, position[2] * whole[2] + z},
            .position_in_threadgroup = {x, y, z},
            .index_in_threadgroup = index,
            .index_in_simdgroup = index % MTL_SIMD_WIDTH,
            .simdgroup_index = index / MTL_SIMD_WIDTH,
        };
}

static void start(mtl_fiber_group *group, uint16_t count) {
  for (uint16_t i = 0; i < count; i++) place_fiber(group, i, count);
  group->current = 0;
  mtl_fiber_switch(&group->host_stack_pointer, group->fibers[0].stack_pointer);
}

void mtl_fibers_run(mtl_fiber_group *group, mtl_thread_entry entry, const mtl_launch *launch,
                    const mtl_group *threadgroup) {
  group->function = NULL;
  group->entry = entry;
  group->launch = launch;
  group->threadgroup = threadgroup;
  place_threads(group);
  start(group, (uint16_t)(threadgroup->size[0] * threadgroup->size[1] * threadgroup->size[2]));
}

void mtl_fibers_call(mtl_fiber_group *group, void (*function)(void *), void *argument) {
  group->function = function;
  group->argument = argument;
  start(group, 1);
}
