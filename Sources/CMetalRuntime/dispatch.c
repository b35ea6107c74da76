#include "faults.h"
#include "pool.h"
#include "watchdog.h"

// A dispatch that takes no longer than this stays on the calling thread: others would only just have woken up.
#define ALONE_NANOSECONDS 5000u

static void work(mtl_job *job, mtl_worker *worker) {
  bool shared = job->units > 1 && mtl_pool_take();
  bool left = mtl_job_work(job, worker, 1, shared ? mtl_now() + ALONE_NANOSECONDS : 0);
  if (shared && left) {
    mtl_pool_publish(job);
    mtl_job_work(job, worker, mtl_pool_participants(), 0);
    mtl_pool_wait();
  }
  if (shared) mtl_pool_return();
}

static void watched_work(mtl_job *job, mtl_worker *worker) {
  mtl_u64 timeout = job->launch->timeout_nanoseconds;
  if (timeout == 0) return work(job, worker);
  mtl_u64 now = mtl_now();
  job->deadline = timeout < ~now ? now + timeout : ~(mtl_u64)0;
  if (!mtl_watchdog_add(job)) return mtl_job_fail(job, MTL_FAULT_MEMORY, NULL);
  work(job, worker);
  mtl_watchdog_remove(job);
}

// None of the other threads exists in a child, and they may have held any lock.
static void after_fork(void) {
  mtl_pool_after_fork();
  mtl_workers_after_fork();
  mtl_watchdog_after_fork();
}

static void prepare_process(void) { pthread_atfork(NULL, NULL, after_fork); }

mtl_result mtl_dispatch(const mtl_kernel *kernel, const mtl_launch *launch) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, prepare_process);
  mtl_worker *worker = mtl_faults_prepare_thread() ? mtl_worker_acquire() : NULL;
  if (!worker) return (mtl_result){.fault = MTL_FAULT_MEMORY};
  mtl_job job;
  mtl_job_prepare(&job, kernel, launch);
  watched_work(&job, worker);
  mtl_worker_release(worker);
  return (mtl_result){.fault = job.fault, .address = job.fault_address};
}
