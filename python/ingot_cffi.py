"""Describes the C ABI to cffi: the text of ingot.h between its two marker comments, nothing written twice."""

import os
import re
import sys
from pathlib import Path

from cffi import FFI

header = Path(os.environ["INGOT_HEADER"])
cdef = header.read_text(encoding="utf-8").split("// cdef begin")[1].split("// cdef end")[0]

ffibuilder = FFI()
ffibuilder.cdef(re.sub(r"\b_Nullable\b", "", cdef))
# The library lies beside the extension, in the package and in the wheel.
origin = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
ffibuilder.set_source(
    "ingot._ingot",
    '#include "ingot.h"',
    include_dirs=[str(header.parent)],
    libraries=["IngotABI"],
    extra_link_args=[f"-Wl,-rpath,{origin}"],
    py_limited_api=True,
)
