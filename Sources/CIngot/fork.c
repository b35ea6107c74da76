// Notices that the process is the child of one that used Ingot.
#include "boundary.h"

#include <pthread.h>

volatile bool cingot_forked = false;

static void note_fork(void) { cingot_forked = true; }

static void watch(void) { pthread_atfork(0, 0, note_fork); }

void cingot_watch_forks(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch);
}

#ifdef __APPLE__
// Apple's frameworks, which come with the library, crash when they are first used between fork and exec.
__attribute__((constructor)) static void watch_from_the_start(void) { cingot_watch_forks(); }
#endif
