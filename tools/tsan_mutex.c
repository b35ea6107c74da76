// Shows ThreadSanitizer the slow paths of Swift's Mutex, which on Linux are in a library that is not instrumented:
// preloaded by tools/tsan.py. What is on the fast paths is in the program itself, as atomics that it sees.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define CONTEXT __attribute__((swift_context)) void *
#define SWIFT __attribute__((swiftcall))
#define HANDLE "$s15Synchronization12_MutexHandleV"

// Absent in the programs that the tests start, which are preloaded too.
__attribute__((weak)) void __tsan_acquire(void *);
__attribute__((weak)) void __tsan_release(void *);

SWIFT void lock_slow(uint32_t, CONTEXT) __asm__(HANDLE "9_lockSlowyys6UInt32VF");
SWIFT bool try_lock_slow(CONTEXT) __asm__(HANDLE "12_tryLockSlowSbyF");
SWIFT void unlock_slow(CONTEXT) __asm__(HANDLE "11_unlockSlowyyF");

static void *library(const char *name) { return dlsym(RTLD_NEXT, name); }

SWIFT void lock_slow(uint32_t thread, CONTEXT handle) {
  static SWIFT void (*theirs)(uint32_t, CONTEXT);
  if (!theirs) theirs = (SWIFT void (*)(uint32_t, CONTEXT))library(HANDLE "9_lockSlowyys6UInt32VF");
  theirs(thread, handle);
  if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT bool try_lock_slow(CONTEXT handle) {
  static SWIFT bool (*theirs)(CONTEXT);
  if (!theirs) theirs = (SWIFT bool (*)(CONTEXT))library(HANDLE "12_tryLockSlowSbyF");
  bool is_taken = theirs(handle);
  if (is_taken && __tsan_acquire) __tsan_acquire(handle);
  return is_taken;
}

SWIFT void unlock_slow(CONTEXT handle) {
  static SWIFT void (*theirs)(CONTEXT);
  if (!theirs) theirs = (SWIFT void (*)(CONTEXT))library(HANDLE "11_unlockSlowyyF");
  if (__tsan_release) __tsan_release(handle);
  theirs(handle);
}
