#include "metal_runtime.h"

const mtl_header mtl_headers[] = {{0, 0, 0}};
