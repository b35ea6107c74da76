// Signals in kernel code: they end the dispatch, not the process. Elsewhere the previous handlers get them.
#ifndef MTL_FAULTS_H
#define MTL_FAULTS_H

#include <signal.h>

#include "job.h"

/// Installs the handlers (once) and gives the calling thread an alternate stack for them. False if there is no memory.
bool mtl_faults_prepare_thread(void);

/// The signal that makes a thread look at `expired` of its job.
int mtl_faults_stop_signal(void);

/// Blocks every signal for threads that the caller starts, but those that the handlers are for.
void mtl_faults_block_others(sigset_t *previous);

#endif
