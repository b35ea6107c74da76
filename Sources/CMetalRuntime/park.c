#define _GNU_SOURCE
#include "metal_park.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Between two looks at the clock this thread was not running.
#define PREEMPTED_NANOSECONDS 20000

#define MAX_PENALTY 64

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool watch(const mtl_signal *signal, uint32_t seen, uint64_t nanoseconds) {
  uint64_t start = mtl_clock_now(), last = start;
  for (;;) {
    for (int i = 0; i < 16; i++) {
      if (mtl_signal_value(signal) != seen) return true;
      relax();
    }
    uint64_t now = mtl_clock_now();
    if (now - start >= nanoseconds || now - last >= PREEMPTED_NANOSECONDS) return false;
    last = now;
  }
}

// The counts are hints: it does no harm when threads overwrite each other's.
bool mtl_signal_spin(mtl_signal *signal, uint32_t seen, uint64_t nanoseconds) {
  uint32_t skips = __atomic_load_n(&signal->spins_to_skip, __ATOMIC_RELAXED);
  if (skips > 0) {
    __atomic_store_n(&signal->spins_to_skip, skips - 1, __ATOMIC_RELAXED);
    return false;
  }
  bool changed = watch(signal, seen, nanoseconds);
  uint32_t penalty = __atomic_load_n(&signal->penalty, __ATOMIC_RELAXED) * 2;
  penalty = changed ? 0 : penalty == 0 ? 1 : penalty < MAX_PENALTY ? penalty : MAX_PENALTY;
  __atomic_store_n(&signal->penalty, penalty, __ATOMIC_RELAXED);
  __atomic_store_n(&signal->spins_to_skip, penalty, __ATOMIC_RELAXED);
  return changed;
}

void mtl_signal_sleep(mtl_signal *signal, uint32_t seen, uint64_t nanoseconds) {
  struct timespec timeout = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
  __atomic_fetch_add(&signal->sleepers, 1, __ATOMIC_SEQ_CST);
  // The kernel compares the value once more, so that a change between the caller's look and this is not missed.
  syscall(SYS_futex, &signal->value, FUTEX_WAIT_PRIVATE, seen, nanoseconds ? &timeout : 0, 0, 0);
  __atomic_fetch_sub(&signal->sleepers, 1, __ATOMIC_SEQ_CST);
}

void mtl_signal_wake(mtl_signal *signal, int sleepers) {
  syscall(SYS_futex, &signal->value, FUTEX_WAKE_PRIVATE, sleepers, 0, 0, 0);
}

void mtl_lock_take_slowly(mtl_lock *lock) {
  for (int look = 0; look < 200; look++) {
    uint32_t free = 0;
    if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED) == 0 &&
        __atomic_compare_exchange_n(&lock->state, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      return;
    }
    relax();
  }
  while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0) {
    syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0);
  }
}

void mtl_lock_wake(mtl_lock *lock) { syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0); }

uint64_t mtl_clock_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct start {
  char name[16]; // the caller's may be gone when the thread runs; Linux takes no more
  void (*body)(void *);
  void *context;
};

static void *thread_main(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  pthread_setname_np(pthread_self(), start.name);
  start.body(start.context);
  return 0;
}

// A thread inherits its creator's mask; these signals are the program's business, not the device's.
static void block_program_signals(sigset_t *before) {
  static const int theirs[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGCHLD, SIGUSR1, SIGUSR2, SIGWINCH};
  sigset_t blocked;
  sigemptyset(&blocked);
  for (unsigned i = 0; i < sizeof theirs / sizeof *theirs; i++) sigaddset(&blocked, theirs[i]);
  pthread_sigmask(SIG_BLOCK, &blocked, before);
}

int mtl_start_thread(const char *name, void (*body)(void *), void *context) {
  struct start *start = malloc(sizeof *start);
  if (!start) return 0;
  *start = (struct start){.body = body, .context = context};
  strncpy(start->name, name, sizeof start->name - 1);
  sigset_t before;
  block_program_signals(&before);
  pthread_t thread;
  int failed = pthread_create(&thread, 0, thread_main, start);
  pthread_sigmask(SIG_SETMASK, &before, 0);
  if (failed) free(start);
  else pthread_detach(thread);
  return !failed;
}
