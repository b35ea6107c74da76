#define _GNU_SOURCE
#include "watchdog.h"

#include <signal.h>
#include <time.h>

#include "faults.h"

// It looks this often while something is watched, so that adding a job need not wake it, ...
#define PERIOD_NANOSECONDS 20000000ull
// ... this often at a job that has expired, until all its workers have left the kernel, ...
#define RETRY_NANOSECONDS 1000000ull
// ... and sleeps until it is woken when nothing has been watched for so many periods.
#define IDLE_PERIODS 50

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static mtl_job *watched;
static bool running, sleeping;

static void stop_workers_locked(mtl_job *job) {
  for (mtl_worker *worker = mtl_workers_first(); worker; worker = worker->next)
    if (atomic_load(&worker->job) == job)
      pthread_kill(atomic_load(&worker->thread), mtl_faults_stop_signal());
}

// Whether some job has expired and still has workers in the kernel.
static bool inspect_locked(void) {
  bool again = false;
  mtl_u64 now = mtl_now();
  for (mtl_job *job = watched; job; job = job->next_timed) {
    if (now < job->deadline) continue;
    mtl_job_fail(job, MTL_FAULT_TIMEOUT, NULL);
    atomic_store(&job->expired, true);
    stop_workers_locked(job);
    again = true;
  }
  return again;
}

static void wait_locked(mtl_u64 nanoseconds) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  mtl_u64 sum = (mtl_u64)until.tv_nsec + nanoseconds;
  until.tv_sec += (time_t)(sum / 1000000000u);
  until.tv_nsec = (long)(sum % 1000000000u);
  pthread_cond_timedwait(&wake, &lock, &until);
}

static void *watch(void *unused) {
  (void)unused;
  unsigned idle_periods = 0;
  pthread_mutex_lock(&lock);
  for (;;) {
    idle_periods = watched ? 0 : idle_periods + 1;
    if (idle_periods > IDLE_PERIODS) {
      sleeping = true;
      while (sleeping) pthread_cond_wait(&wake, &lock);
    }
    bool again = inspect_locked();
    wait_locked(again ? RETRY_NANOSECONDS : PERIOD_NANOSECONDS);
  }
  return NULL;
}

static bool start_locked(void) {
  sigset_t previous;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  mtl_faults_block_others(&previous);
  running = pthread_create(&thread, &attributes, watch, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &previous, NULL);
  pthread_attr_destroy(&attributes);
  return running;
}

bool mtl_watchdog_add(mtl_job *job) {
  pthread_mutex_lock(&lock);
  bool started = running || start_locked();
  if (started) {
    job->next_timed = watched;
    if (watched) watched->previous_timed = job;
    watched = job;
  }
  if (sleeping) {
    sleeping = false;
    pthread_cond_signal(&wake);
  }
  pthread_mutex_unlock(&lock);
  return started;
}

void mtl_watchdog_remove(mtl_job *job) {
  pthread_mutex_lock(&lock);
  if (job->previous_timed) job->previous_timed->next_timed = job->next_timed;
  else watched = job->next_timed;
  if (job->next_timed) job->next_timed->previous_timed = job->previous_timed;
  pthread_mutex_unlock(&lock);
}

void mtl_watchdog_after_fork(void) {
  pthread_mutex_init(&lock, NULL);
  pthread_cond_init(&wake, NULL);
  watched = NULL;
  running = sleeping = false;
}
