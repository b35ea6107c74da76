/*
 * boundary.h: what IngotABI needs and Swift cannot say. No part of the C ABI: nothing here is exported.
 */
#ifndef INGOT_BOUNDARY_H
#define INGOT_BOUNDARY_H

#include <stdbool.h>
#include <stdint.h>

#include "ingot.h"

/* Bytes for the text of an error, with its NUL; longer texts are cut. */
enum { CINGOT_ERROR_CAPACITY = 8192 };

/* The calling thread's last error. Both live as long as the thread. */
char *_Nonnull cingot_error_text(void);
ingot_error_info *_Nonnull cingot_error_info(void);

/*
 * From the first call of `cingot_watch_forks` on (on a Mac from when the library is loaded), `cingot_is_forked` is true
 * in a child of this process: neither Metal nor any of our threads exist there, and a lock may be held by a thread that
 * does not.
 */
void cingot_watch_forks(void);
extern volatile bool cingot_forked;
static inline bool cingot_is_forked(void) { return cingot_forked; }

#endif
