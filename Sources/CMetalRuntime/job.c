#define _GNU_SOURCE
#include "job.h"

#include <string.h>
#include <time.h>

// Threads of a unit of an MTL_ENTRY_RANGE, and how many of them one call of the kernel may get: enough to make calls
// cheap, few enough that a fault or a deadline elsewhere is noticed soon.
#define STRETCH 2048
#define STRETCHES_OF_CALL 32

// A kernel that needs more stack than this runs on a stack of its own even without barriers.
#define OWN_STACK (64 << 10)

mtl_u64 mtl_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (mtl_u64)time.tv_sec * 1000000000u + (mtl_u64)time.tv_nsec;
}

// More than can be counted takes for ever, as it would on a GPU.
static mtl_u64 volume(mtl_u32 width, mtl_u32 height, mtl_u32 depth) {
  mtl_u64 product;
  return __builtin_mul_overflow((mtl_u64)width * height, (mtl_u64)depth, &product) ? ~(mtl_u64)0 : product;
}

void mtl_job_prepare(mtl_job *job, const mtl_kernel *kernel, const mtl_launch *launch) {
  const mtl_u32 *grid = launch->threads_per_grid, *groups = launch->threadgroups_per_grid;
  *job = (mtl_job){.kernel = kernel, .launch = launch, .stretch = STRETCH};
  if (kernel->entry_kind == MTL_ENTRY_RANGE) {
    job->stretches_of_row = grid[0] / STRETCH + (grid[0] % STRETCH != 0);
    job->units = volume(job->stretches_of_row, grid[1], grid[2]);
  } else {
    job->units = volume(groups[0], groups[1], groups[2]);
  }
  if (launch->order_seed) job->order = mtl_make_permutation(job->units, launch->order_seed);
}

void mtl_job_fail(mtl_job *job, mtl_u32 fault, void *address) {
  mtl_u32 none = MTL_FAULT_NONE;
  if (atomic_compare_exchange_strong(&job->fault, &none, fault)) job->fault_address = address;
}

// MARK: Ranges

static void run_stretches(mtl_job *job, mtl_u64 unit, mtl_u32 count) {
  const mtl_u32 *grid = job->launch->threads_per_grid;
  mtl_u64 row = unit / job->stretches_of_row;
  mtl_u64 begin = unit % job->stretches_of_row * job->stretch;
  mtl_u64 end = begin + (mtl_u64)count * job->stretch;
  mtl_range_entry entry = (mtl_range_entry)job->kernel->entry;
  entry(job->launch, (mtl_u32)begin, (mtl_u32)(end < grid[0] ? end : grid[0]), (mtl_u32)(row % grid[1]),
        (mtl_u32)(row / grid[1]));
}

// As many of the units from `unit` on as make one call: neighbours in a row.
static mtl_u32 stretches_of_call(const mtl_job *job, mtl_u64 unit, mtl_u64 end) {
  if (job->launch->order_seed) return 1;
  mtl_u64 count = job->stretches_of_row - unit % job->stretches_of_row;
  if (count > end - unit) count = end - unit;
  return count < STRETCHES_OF_CALL ? (mtl_u32)count : STRETCHES_OF_CALL;
}

static void run_ranges(mtl_job *job, mtl_u64 begin, mtl_u64 end) {
  while (begin < end && !atomic_load_explicit(&job->fault, memory_order_relaxed)) {
    mtl_u32 count = stretches_of_call(job, begin, end);
    run_stretches(job, job->launch->order_seed ? mtl_permute(&job->order, begin) : begin, count);
    begin += count;
  }
}

// MARK: Threadgroups

// The loader's: the calling thread's copy of a shared object's thread-local variables, made at the first call.
extern void *__tls_get_addr(mtl_u64 index[2]);

static void *thread_local_memory(const mtl_kernel *kernel) {
  return __tls_get_addr((mtl_u64[]){kernel->thread_local_module, 0});
}

// Metal does not clear threadgroup memory; under a seed a kernel that relies on zeros is to fail.
static void fill_with_garbage(void *memory, size_t bytes, mtl_u64 seed) {
  unsigned char *byte = memory;
  for (size_t i = 0; i < bytes; i++) byte[i] = (unsigned char)(mtl_mix(seed + (i >> 3)) >> (i & 7) * 8) | 1;
}

static size_t threadgroup_argument_bytes(const mtl_launch *launch) {
  size_t bytes = 0;
  for (unsigned i = 0; i < MTL_THREADGROUP_SLOTS; i++) bytes += ((size_t)launch->threadgroup_lengths[i] + 127) & ~127ul;
  return bytes;
}

static void place_threadgroup_arguments(const mtl_launch *launch, mtl_group *group, char *memory) {
  for (unsigned i = 0; i < MTL_THREADGROUP_SLOTS; i++) {
    group->threadgroup[i] = launch->threadgroup_lengths[i] ? memory : NULL;
    memory += ((size_t)launch->threadgroup_lengths[i] + 127) & ~127ul;
  }
}

static void place_group(const mtl_launch *launch, mtl_group *group, mtl_u64 index) {
  const mtl_u32 *groups = launch->threadgroups_per_grid;
  group->position[0] = (mtl_u32)(index % groups[0]);
  group->position[1] = (mtl_u32)(index / groups[0] % groups[1]);
  group->position[2] = (mtl_u32)(index / groups[0] / groups[1]);
  for (unsigned axis = 0; axis < 3; axis++) {
    mtl_u32 left = launch->threads_per_grid[axis] - group->position[axis] * launch->threads_per_threadgroup[axis];
    mtl_u32 whole = launch->threads_per_threadgroup[axis];
    group->size[axis] = left < whole ? left : whole;
  }
  mtl_u32 threads = group->size[0] * group->size[1] * group->size[2];
  group->simdgroups = (threads + MTL_SIMD_WIDTH - 1) / MTL_SIMD_WIDTH;
}

static void spoil_threadgroup_memory(const mtl_job *job, mtl_worker *worker, mtl_u64 seed) {
  const mtl_kernel *kernel = job->kernel;
  fill_with_garbage(worker->threadgroup_memory, threadgroup_argument_bytes(job->launch), seed);
  if (kernel->thread_local_bytes)
    fill_with_garbage(thread_local_memory(kernel), kernel->thread_local_bytes, ~seed);
}

static void run_group(mtl_job *job, mtl_worker *worker, mtl_group *group, mtl_u64 index) {
  void *entry = job->kernel->entry;
  place_group(job->launch, group, index);
  if (job->launch->order_seed) spoil_threadgroup_memory(job, worker, job->launch->order_seed + index);
  if (job->kernel->entry_kind == MTL_ENTRY_THREAD)
    mtl_fibers_run(worker->fibers, (mtl_thread_entry)entry, job->launch, group);
  else
    ((mtl_group_entry)entry)(job->launch, group);
}

static void run_groups(mtl_job *job, mtl_worker *worker, mtl_group *group, mtl_u64 begin, mtl_u64 end) {
  for (; begin < end && !atomic_load_explicit(&job->fault, memory_order_relaxed); begin++)
    run_group(job, worker, group, job->launch->order_seed ? mtl_permute(&job->order, begin) : begin);
}

// MARK: Work

// Large claims first, so that the counter is rarely touched; small ones last, so that all end together.
static mtl_u64 claim(mtl_job *job, unsigned participants, bool alone, mtl_u64 *begin) {
  mtl_u64 taken = atomic_load_explicit(&job->next_unit, memory_order_relaxed);
  if (taken >= job->units) return 0;
  mtl_u64 count = alone ? 1 : (job->units - taken) / (participants * 8u);
  if (count == 0) count = 1;
  *begin = atomic_fetch_add_explicit(&job->next_unit, count, memory_order_relaxed);
  if (*begin >= job->units) return 0;
  return *begin + count <= job->units ? count : job->units - *begin;
}

typedef struct {
  mtl_job *job;
  mtl_worker *worker;
  unsigned participants;
  mtl_u64 alone_until;
  bool left_over;
} share;

static void run_share(void *argument) {
  share *mine = argument;
  mtl_job *job = mine->job;
  mtl_group group = {0};
  place_threadgroup_arguments(job->launch, &group, mine->worker->threadgroup_memory);
  mtl_u64 begin, count;
  while ((count = claim(job, mine->participants, mine->alone_until != 0, &begin))) {
    if (job->kernel->entry_kind == MTL_ENTRY_RANGE) run_ranges(job, begin, begin + count);
    else run_groups(job, mine->worker, &group, begin, begin + count);
    if (atomic_load_explicit(&job->fault, memory_order_relaxed)) return;
    if (mine->alone_until && mtl_now() >= mine->alone_until) {
      mine->left_over = atomic_load_explicit(&job->next_unit, memory_order_relaxed) < job->units;
      return;
    }
  }
}

static bool needs_own_stack(const mtl_kernel *kernel) {
  return kernel->entry_kind != MTL_ENTRY_THREAD && kernel->stack_bytes > OWN_STACK;
}

// What may need memory is done before kernel code begins, where a fault is ours.
static bool reserve(mtl_job *job, mtl_worker *worker) {
  const mtl_u32 *size = job->launch->threads_per_threadgroup;
  const mtl_kernel *kernel = job->kernel;
  if (kernel->thread_local_bytes) thread_local_memory(kernel);
  if (!mtl_worker_reserve_threadgroup_memory(worker, threadgroup_argument_bytes(job->launch))) return false;
  if (needs_own_stack(kernel)) return mtl_fibers_reserve(&worker->fibers, 1, kernel->stack_bytes);
  if (kernel->entry_kind != MTL_ENTRY_THREAD) return true;
  return mtl_fibers_reserve(&worker->fibers, (size_t)size[0] * size[1] * size[2], kernel->stack_bytes);
}

bool mtl_job_work(mtl_job *job, mtl_worker *worker, unsigned participants, mtl_u64 alone_until) {
  if (!reserve(job, worker)) {
    mtl_job_fail(job, MTL_FAULT_MEMORY, NULL);
    return false;
  }
  share mine = {job, worker, participants, alone_until, false};
  if (sigsetjmp(worker->recovery, 0) == 0) {
    atomic_store(&worker->job, job);
    if (needs_own_stack(job->kernel)) mtl_fibers_call(worker->fibers, run_share, &mine);
    else run_share(&mine);
    atomic_store(&worker->job, NULL);
    return mine.left_over;
  }
  mtl_job_fail(job, worker->fault, worker->fault_address);
  return false;
}
