// y = a * x + y on all cores: what the machine's memory gives.
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

// Threads take a piece at a time, so that one that lost its core for a while does not hold up the others.
enum { PIECE = 1 << 16 };

struct job {
  float a;
  const float *x;
  float *y;
  size_t count;
  atomic_size_t next;
};

static void *run(void *argument) {
  struct job *job = argument;
  const float a = job->a;
  for (;;) {
    size_t first = atomic_fetch_add_explicit(&job->next, PIECE, memory_order_relaxed);
    if (first >= job->count) return NULL;
    size_t end = job->count - first < PIECE ? job->count : first + PIECE;
    const float *restrict x = job->x;
    float *restrict y = job->y;
    for (size_t i = first; i < end; i++) y[i] = a * x[i] + y[i];
  }
}

// Returns 0, or -1 if a thread could not be made. The caller's thread works too.
int saxpy(float a, const float *x, float *y, size_t count, int threads) {
  struct job job = {.a = a, .x = x, .y = y, .count = count};
  pthread_t made[threads];
  int started = 0;
  while (started < threads - 1 && pthread_create(&made[started], NULL, run, &job) == 0) started++;
  run(&job);
  for (int i = 0; i < started; i++) pthread_join(made[i], NULL);
  return started == threads - 1 ? 0 : -1;
}
