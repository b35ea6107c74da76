// Ends dispatches that take too long.
#ifndef MTL_WATCHDOG_H
#define MTL_WATCHDOG_H

#include "job.h"

/// Watches `job` until mtl_watchdog_remove; its deadline must be set. False if the thread could not be started.
bool mtl_watchdog_add(mtl_job *job);
void mtl_watchdog_remove(mtl_job *job);

void mtl_watchdog_after_fork(void);

#endif
