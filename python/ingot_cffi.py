"""Describes the C ABI to cffi: the text of ingot.h between its two marker comments, nothing written twice."""

import os
import re
import sys
from pathlib import Path

from cffi import FFI

header = Path(os.environ["INGOT_HEADER"])
cdef = header.read_text(encoding="utf-8").split("// cdef begin")[1].split("// cdef end")[0]

# For the paths where a tenth of a microsecond counts. A handle is returned, so Python makes no cell for it at each
# call; NULL is a failure, of which `ingot_last_error_info` has the status. A grid along x needs no more than a number.
helpers = """
static ingot_buffer new_empty_of_device(ingot_device device, int32_t dtype, uint64_t count) {
  ingot_buffer buffer = 0;
  ingot_buffer_create_empty(device, dtype, count, &buffer);
  return buffer;
}

static ingot_buffer new_empty_of_pool(ingot_pool pool, int32_t dtype, uint64_t count) {
  ingot_buffer buffer = 0;
  ingot_pool_create_empty(pool, dtype, count, &buffer);
  return buffer;
}

static ingot_status dispatch_along(
    ingot_encoder encoder, ingot_kernel kernel, ingot_buffer b0, ingot_buffer b1, ingot_buffer b2, ingot_buffer b3,
    uint64_t buffer_count, const void *values, uint64_t values_nbytes, uint64_t threads) {
  ingot_buffer buffers[4];
  buffers[0] = b0, buffers[1] = b1, buffers[2] = b2, buffers[3] = b3;
  return ingot_encoder_dispatch(
      encoder, kernel, buffers, buffer_count, values, values_nbytes, INGOT_GRID_THREADS, threads, 1, 1, 0, 0, 0);
}

static ingot_status dispatch_bound_along(ingot_encoder encoder, ingot_bound_kernel bound_kernel, uint64_t threads) {
  return ingot_encoder_dispatch_bound(encoder, bound_kernel, INGOT_GRID_THREADS, threads, 1, 1, 0, 0, 0);
}

static void release_buffers(ingot_buffer *buffers) {
  for (; *buffers; *buffers++ = 0) ingot_buffer_release(*buffers);
}
"""

# What a place for a handle does in the end, where no Python must run: see `place` in _native.py.
for kind in re.findall(r"^ingot_status ingot_(\w+)_release\(ingot_\1 ", cdef, re.MULTILINE):
    helpers += f"""
static void drop_{kind}(ingot_{kind} *place) {{
  if (*place) ingot_{kind}_release(*place), *place = 0;
}}
"""

ffibuilder = FFI()
ffibuilder.cdef(re.sub(r"\b_Nullable\b", "", cdef))
ffibuilder.cdef(re.sub(r"static ([^{]*) \{[^}]*\}", r"\1;", helpers))
# The library lies beside the extension, in the package and in the wheel.
origin = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
ffibuilder.set_source(
    "ingot._ingot",
    '#include "ingot.h"\n' + helpers,
    include_dirs=[str(header.parent)],
    libraries=["IngotABI"],
    extra_link_args=[f"-Wl,-rpath,{origin}"],
    py_limited_api=True,
)
