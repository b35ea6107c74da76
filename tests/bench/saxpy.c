// y = a * x + y on all cores: what the machine's memory gives.
#include <pthread.h>
#include <stdlib.h>

struct part {
  float a;
  const float *x;
  float *y;
  size_t count;
};

static void *run(void *argument) {
  struct part *part = argument;
  float a = part->a, *restrict y = part->y;
  const float *restrict x = part->x;
  for (size_t i = 0; i < part->count; i++) y[i] = a * x[i] + y[i];
  return NULL;
}

// Returns 0, or -1 if a thread could not be made. The caller's thread does the last part.
int saxpy(float a, const float *x, float *y, size_t count, int threads) {
  pthread_t made[threads];
  struct part parts[threads];
  int started = 0, status = 0;
  for (int i = 0; i < threads; i++) {
    size_t first = count / threads * i, end = i + 1 == threads ? count : count / threads * (i + 1);
    parts[i] = (struct part){a, x + first, y + first, end - first};
    if (i + 1 == threads) run(&parts[i]);
    else if (pthread_create(&made[started], NULL, run, &parts[i]) == 0) started++;
    else status = -1;
  }
  for (int i = 0; i < started; i++) pthread_join(made[i], NULL);
  return status;
}
