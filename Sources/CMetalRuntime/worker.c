#include "worker.h"

#include <stdlib.h>

static _Atomic(mtl_worker *) all;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static mtl_worker *idle;

static mtl_worker *make_worker(void) {
  mtl_worker *worker = calloc(1, sizeof *worker);
  if (!worker) return NULL;
  worker->next = atomic_load(&all);
  while (!atomic_compare_exchange_weak(&all, &worker->next, worker)) {
  }
  return worker;
}

mtl_worker *mtl_worker_acquire(void) {
  pthread_mutex_lock(&idle_lock);
  mtl_worker *worker = idle;
  if (worker) idle = worker->next_idle;
  pthread_mutex_unlock(&idle_lock);
  if (!worker) worker = make_worker();
  if (worker) atomic_store(&worker->thread, pthread_self());
  return worker;
}

void mtl_worker_release(mtl_worker *worker) {
  pthread_mutex_lock(&idle_lock);
  worker->next_idle = idle;
  idle = worker;
  pthread_mutex_unlock(&idle_lock);
}

mtl_worker *mtl_workers_first(void) { return atomic_load(&all); }

mtl_worker *mtl_worker_in_kernel(void) {
  pthread_t self = pthread_self();
  for (mtl_worker *worker = atomic_load(&all); worker; worker = worker->next)
    if (atomic_load(&worker->job) && pthread_equal(atomic_load(&worker->thread), self)) return worker;
  return NULL;
}

void mtl_workers_after_fork(void) {
  pthread_mutex_init(&idle_lock, NULL);
  idle = NULL;
  for (mtl_worker *worker = atomic_load(&all); worker; worker = worker->next) {
    atomic_store(&worker->job, NULL);
    worker->next_idle = idle;
    idle = worker;
  }
}

bool mtl_worker_reserve_threadgroup_memory(mtl_worker *worker, size_t bytes) {
  if (worker->threadgroup_capacity >= bytes) return true;
  free(worker->threadgroup_memory);
  worker->threadgroup_memory = aligned_alloc(128, (bytes + 127) / 128 * 128);
  worker->threadgroup_capacity = worker->threadgroup_memory ? bytes : 0;
  return worker->threadgroup_memory != NULL;
}
