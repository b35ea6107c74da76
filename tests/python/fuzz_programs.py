"""What calls a program of the fuzzer is made of, and how often each comes."""

from __future__ import annotations

import fuzz_calls
import fuzz_graph_calls
import fuzz_queue_calls
from hypothesis import strategies as st

CALLS = fuzz_calls.CALLS | fuzz_graph_calls.CALLS | fuzz_queue_calls.CALLS

# How often each is tried; the others once.
WEIGHTS = {"ingot_encoder_dispatch": 5, "ingot_buffer_get_contents": 3, "ingot_submission_wait": 4, "work": 4,
           "ingot_device_open": 1, "ingot_buffer_create": 2, "ingot_buffer_window": 3,
           "ingot_encoder_commit": 2, "ingot_kernel_bind": 2, "ingot_encoder_dispatch_using": 2,
           "ingot_encoder_dispatch_bound": 2}  # fmt: skip

STRATEGIES = {
    name: st.tuples(st.just(name), st.tuples(*map(st.sampled_from, choices))) for name, choices in CALLS.items()
}
CALL = st.sampled_from([name for name in CALLS for _ in range(WEIGHTS.get(name, 1))]).flatmap(STRATEGIES.__getitem__)
