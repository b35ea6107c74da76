// What a thread needs to run kernel code: fibers, threadgroup memory, and a place to come back to after a fault.
#ifndef MTL_WORKER_H
#define MTL_WORKER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fibers.h"
#include "metal_runtime.h"

struct mtl_job;

/// Workers are never freed, so that a signal handler can walk the list of them.
typedef struct mtl_worker {
  struct mtl_worker *next;            // in the list of all
  struct mtl_worker *next_idle;
  /// The thread that has it. Meaningful while `job` is set.
  _Atomic pthread_t thread;
  /// What it runs, while it is inside kernel code; NULL otherwise.
  _Atomic(struct mtl_job *) job;
  /// Where it goes on after a fault.
  sigjmp_buf recovery;
  mtl_u32 fault;
  void *fault_address;

  mtl_fiber_group *fibers;
  char *threadgroup_memory;
  size_t threadgroup_capacity;
} mtl_worker;

/// A worker for the calling thread; NULL if there is no memory.
mtl_worker *mtl_worker_acquire(void);
void mtl_worker_release(mtl_worker *worker);

/// The first of all workers.
mtl_worker *mtl_workers_first(void);

/// The worker of the calling thread, if it is inside kernel code. Safe in a signal handler.
mtl_worker *mtl_worker_in_kernel(void);

/// In a forked child no other thread exists.
void mtl_workers_after_fork(void);

/// Memory for threadgroup arguments of the given total size, aligned to 128 bytes. False if there is none.
bool mtl_worker_reserve_threadgroup_memory(mtl_worker *worker, size_t bytes);

#endif
