// The process's worker threads, one for each processor but the caller's.
#ifndef MTL_POOL_H
#define MTL_POOL_H

#include "job.h"

/// Makes the pool the caller's, if it is free and has workers. The caller ends that with mtl_pool_return.
bool mtl_pool_take(void);
void mtl_pool_return(void);

/// The threads that can work on a job, the caller's among them.
unsigned mtl_pool_participants(void);

/// Lets the workers begin with `job`.
void mtl_pool_publish(mtl_job *job);

/// Returns when no worker uses the published job any more.
void mtl_pool_wait(void);

/// In a forked child there are no workers, and none are started: the pool is never free.
void mtl_pool_after_fork(void);

#endif
