// Sleeping until a word of memory changes, and the clock of the device.
#ifndef METAL_PARK_H
#define METAL_PARK_H

#include <stdbool.h>
#include <stdint.h>

/// A number that only grows, and the threads that sleep until it does.
typedef struct mtl_signal {
  uint32_t value;
  uint32_t sleepers;
  uint32_t spins_to_skip;
  uint32_t penalty;
} mtl_signal;

static inline uint32_t mtl_signal_value(const mtl_signal *signal) {
  return __atomic_load_n(&signal->value, __ATOMIC_SEQ_CST);
}

/// Watches the value for so long; true if it changed from `seen`. Where that does not help, because what is waited for
/// takes long or others want the processor, most later calls return false at once.
bool mtl_signal_spin(mtl_signal *signal, uint32_t seen, uint64_t nanoseconds);

/// Sleeps unless the value has changed from `seen`; `nanoseconds` 0 is for ever. May wake without reason.
void mtl_signal_sleep(mtl_signal *signal, uint32_t seen, uint64_t nanoseconds);

void mtl_signal_wake(mtl_signal *signal, int sleepers);

/// Makes the value grow and wakes at most so many sleepers; costs no system call when there is none.
static inline void mtl_signal_advance(mtl_signal *signal, int sleepers) {
  __atomic_fetch_add(&signal->value, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&signal->sleepers, __ATOMIC_SEQ_CST) != 0) mtl_signal_wake(signal, sleepers);
}

/// A lock for moments: a thread that finds it taken looks again for a while before it sleeps. (Swift's Mutex on Linux
/// inherits priorities, and takes tens of microseconds to change hands.)
typedef struct mtl_lock {
  uint32_t state; // 0 free, 1 taken, 2 taken and somebody sleeps
} mtl_lock;

void mtl_lock_take_slowly(mtl_lock *lock);
void mtl_lock_wake(mtl_lock *lock);

static inline void mtl_lock_take(mtl_lock *lock) {
  uint32_t free = 0;
  if (!__atomic_compare_exchange_n(&lock->state, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    mtl_lock_take_slowly(lock);
  }
}

static inline void mtl_lock_give(mtl_lock *lock) {
  if (__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2) mtl_lock_wake(lock);
}

/// Nanoseconds of the host's monotonic clock.
uint64_t mtl_clock_now(void);

/// Starts a thread that runs `body`, named `name`, deaf to the signals a terminal or parent sends; 0 when there is none.
int mtl_start_thread(const char *name, void (*body)(void *), void *context);

#endif
