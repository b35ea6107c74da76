// Integer division that has no result: a GPU goes on with some value, an x86 processor raises SIGFPE.
#ifndef MTL_DIVIDE_H
#define MTL_DIVIDE_H

#include <stdbool.h>

/// If the interrupted instruction is a division, gives it a result and moves behind it: by zero, the quotient is 0 and
/// the remainder the dividend (as aarch64 has it); the least integer by -1 is itself, remainder 0.
bool mtl_divide_mend(void *ucontext);

#endif
