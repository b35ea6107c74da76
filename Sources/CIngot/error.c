// The text of the last error, kept per thread: Swift has no thread-local variables.
#include "boundary.h"

static _Thread_local char text[CINGOT_ERROR_CAPACITY];
static _Thread_local ingot_error_info info;

char *cingot_error_text(void) { return text; }

ingot_error_info *cingot_error_info(void) { return &info; }

const char *ingot_status_name(ingot_status status) {
#define NAME(status) \
  case status: \
    return #status
  switch (status) {
    NAME(INGOT_OK);
    NAME(INGOT_ERROR_ARGUMENT);
    NAME(INGOT_ERROR_CLOSED);
    NAME(INGOT_ERROR_DEVICE_NOT_FOUND);
    NAME(INGOT_ERROR_OUT_OF_MEMORY);
    NAME(INGOT_ERROR_COMPILE);
    NAME(INGOT_ERROR_PIPELINE);
    NAME(INGOT_ERROR_STATE);
    NAME(INGOT_ERROR_IN_FLIGHT);
    NAME(INGOT_ERROR_TIMEOUT);
    NAME(INGOT_ERROR_COMMAND_BUFFER);
    default:
      return 0;
  }
}
