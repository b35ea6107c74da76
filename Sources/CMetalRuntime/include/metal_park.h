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

void mtl_signal_wake(mtl_signal *signal);

/// Makes the value grow and wakes every sleeper; costs no system call when there is none.
static inline void mtl_signal_advance(mtl_signal *signal) {
  __atomic_fetch_add(&signal->value, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&signal->sleepers, __ATOMIC_SEQ_CST) != 0) mtl_signal_wake(signal);
}

/// Nanoseconds of the host's monotonic clock.
uint64_t mtl_clock_now(void);

/// Starts a thread that runs `body`, named `name`, deaf to the signals a terminal or parent sends; 0 when there is none.
int mtl_start_thread(const char *name, void (*body)(void *), void *context);

#endif
