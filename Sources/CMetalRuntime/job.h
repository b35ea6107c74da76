// One dispatch in progress: its units of work, handed out to the workers that take part, and how it goes.
#ifndef MTL_JOB_H
#define MTL_JOB_H

#include "permutation.h"
#include "worker.h"

/// A unit is a threadgroup, or of an MTL_ENTRY_RANGE a stretch of a row of the grid.
typedef struct mtl_job {
  const mtl_kernel *kernel;
  const mtl_launch *launch;
  mtl_u64 units;
  mtl_u32 stretch;          // threads of a unit of an MTL_ENTRY_RANGE
  mtl_u32 stretches_of_row;
  mtl_permutation order;    // if launch->order_seed is set
  _Atomic mtl_u64 next_unit;
  /// The first fault; the workers look at it before each unit.
  _Atomic mtl_u32 fault;
  void *fault_address;
  /// For the watchdog, under its lock.
  struct mtl_job *next_timed, *previous_timed;
  mtl_u64 deadline;
  _Atomic bool expired;
} mtl_job;

void mtl_job_prepare(mtl_job *job, const mtl_kernel *kernel, const mtl_launch *launch);

/// Runs units on this thread until none is left, a fault happens, or - if `alone_until` is not 0 - until that time has
/// come (CLOCK_MONOTONIC, in ns). True if units are left.
bool mtl_job_work(mtl_job *job, mtl_worker *worker, unsigned participants, mtl_u64 alone_until);

/// Only the first one counts.
void mtl_job_fail(mtl_job *job, mtl_u32 fault, void *address);

mtl_u64 mtl_now(void);

#endif
