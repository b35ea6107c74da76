#define _GNU_SOURCE
#include "pool.h"

#include <linux/futex.h>
#include <limits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

// How long a worker waits for the next job before it parks, and the caller for the last worker.
#define SPIN_NANOSECONDS 50000u

#define STACK_BYTES (8u << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // held while a dispatch has the pool
static unsigned workers;
static bool started, is_child;

static _Atomic(mtl_job *) published;
static _Atomic mtl_u32 sequence; // counts publications; workers park on it
static _Atomic mtl_u32 parked;
static _Atomic mtl_u32 active;   // workers that may use `published`; the caller parks on it
static _Atomic bool caller_waits;

static void park(_Atomic mtl_u32 *word, mtl_u32 value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake(_Atomic mtl_u32 *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

// Waits a short while for *word to change from `value`; true if it did.
static bool spin_until_changed(_Atomic mtl_u32 *word, mtl_u32 value) {
  mtl_u64 end = mtl_now() + SPIN_NANOSECONDS;
  for (unsigned i = 1;; i++) {
    if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
    relax();
    if (i % 64 == 0 && mtl_now() >= end) return false;
  }
}

// MARK: Workers

// The caller first takes `published` back and then waits for `active` to be 0; here the order is the other way round,
// so that no worker holds a job whose caller has gone on.
static void work_on_published(mtl_worker *worker) {
  atomic_fetch_add(&active, 1);
  mtl_job *job = atomic_load(&published);
  if (job) mtl_job_work(job, worker, mtl_pool_participants(), 0);
  if (atomic_fetch_sub(&active, 1) == 1 && atomic_load(&caller_waits)) wake(&active, 1);
}

static void wait_for_publication(mtl_u32 seen) {
  if (spin_until_changed(&sequence, seen)) return;
  atomic_fetch_add(&parked, 1);
  while (atomic_load(&sequence) == seen) park(&sequence, seen);
  atomic_fetch_sub(&parked, 1);
}

static void *work(void *argument) {
  mtl_worker *worker = argument;
  prctl(PR_SET_NAME, "metal-worker");
  atomic_store(&worker->thread, pthread_self());
  if (!mtl_faults_prepare_thread()) return NULL;
  for (mtl_u32 seen = 0;;) {
    wait_for_publication(seen);
    seen = atomic_load(&sequence);
    work_on_published(worker);
  }
}

static bool start_worker(const pthread_attr_t *attributes) {
  pthread_t thread;
  mtl_worker *worker = mtl_worker_acquire();
  if (!worker) return false;
  if (pthread_create(&thread, attributes, work, worker) == 0) return true;
  mtl_worker_release(worker);
  return false;
}

// MARK: Start and fork

void mtl_pool_after_fork(void) {
  pthread_mutex_init(&lock, NULL);
  is_child = true;
  workers = 0;
  atomic_store(&published, NULL);
  atomic_store(&active, 0);
}

static unsigned processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void start_locked(void) {
  started = true;
  sigset_t previous;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  mtl_faults_block_others(&previous);
  for (unsigned left = processors() - 1; left > 0 && start_worker(&attributes); left--) workers++;
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  pthread_attr_destroy(&attributes);
}

// MARK: For the caller

bool mtl_pool_take(void) {
  if (is_child || pthread_mutex_trylock(&lock) != 0) return false;
  if (!started) start_locked();
  if (workers > 0) return true;
  pthread_mutex_unlock(&lock);
  return false;
}

void mtl_pool_return(void) { pthread_mutex_unlock(&lock); }

unsigned mtl_pool_participants(void) { return workers + 1; }

void mtl_pool_publish(mtl_job *job) {
  atomic_store(&published, job);
  atomic_fetch_add(&sequence, 1);
  if (atomic_load(&parked) > 0) wake(&sequence, INT_MAX);
}

void mtl_pool_wait(void) {
  atomic_store(&published, NULL);
  mtl_u32 count;
  while ((count = atomic_load(&active)) != 0) {
    if (spin_until_changed(&active, count)) continue;
    atomic_store(&caller_waits, true);
    while ((count = atomic_load(&active)) != 0) park(&active, count);
    atomic_store(&caller_waits, false);
  }
}
