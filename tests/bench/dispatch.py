"""Rows `launch_wait`, `encode`, `encode_bound`, `replay` and `batched`: what one dispatch costs from Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from engines import device, opencl
from measure import Row, Target, median_seconds

if TYPE_CHECKING:
    from measure import Sample

MSL = """
#include <metal_stdlib>
using namespace metal;
kernel void tiny(device float *p [[buffer(0)]]) { if (p[0] < 0) p[0] = 1; }
kernel void saxpy(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                  constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]])
{ y[i] = a * x[i] + y[i]; }
"""
OPENCL_C = """
kernel void tiny(global float *p) { if (p[0] < 0) p[0] = 1; }
kernel void saxpy(global const float *x, global float *y, float a)
{ size_t i = get_global_id(0); y[i] = a * x[i] + y[i]; }
"""
LAUNCHES = 300
BATCH = 1000
SMALL = 120
MICROSECONDS = 1e6


def launch_ingot() -> Sample:
    """An encoder, a dispatch of one thread, commit and wait."""
    gpu = device()
    kernel = gpu.compile(MSL).kernel("tiny")
    place = gpu.zeros(16, np.float32)

    def launch() -> None:
        with gpu.encoder() as encoder:
            encoder.dispatch(kernel, place, grid=1)
            encoder.commit_and_wait()

    median_seconds(launch, LAUNCHES)
    return lambda: median_seconds(launch, LAUNCHES) * MICROSECONDS


def launch_opencl() -> Sample:
    """Enqueue and finish, with arguments set ahead: the quickest way there is."""
    cl, context, queue, _ = opencl()
    kernel = cl.Kernel(cl.Program(context, OPENCL_C).build(), "tiny")
    place = cl.Buffer(context, cl.mem_flags.READ_WRITE, 64)
    kernel.set_args(place)

    def launch(_keep: object = place) -> None:  # a kernel does not keep its buffers alive
        cl.enqueue_nd_range_kernel(queue, kernel, (1,), None)
        queue.finish()

    median_seconds(launch, LAUNCHES)
    return lambda: median_seconds(launch, LAUNCHES) * MICROSECONDS


def encode_ingot() -> Sample:
    """Two buffers and a scalar given at each dispatch; the commit is not counted."""
    gpu = device()
    kernel = gpu.compile(MSL).kernel("saxpy")
    x, y = gpu.zeros(16, np.float32), gpu.zeros(16, np.float32)

    def batch() -> float:
        with gpu.encoder() as encoder:
            dispatch = encoder.dispatch
            start = time.perf_counter()
            for _ in range(BATCH):
                dispatch(kernel, x, y, 2.0, grid=1)
            encoded = time.perf_counter() - start
            encoder.commit_and_wait()
        return encoded / BATCH * MICROSECONDS

    batch()
    return batch


def encode_bound() -> Sample:
    """The same arguments, bound ahead."""
    gpu = device()
    bound = gpu.compile(MSL).kernel("saxpy").bind(gpu.zeros(16, np.float32), gpu.zeros(16, np.float32), 2.0)

    def batch() -> float:
        with gpu.encoder() as encoder:
            dispatch = encoder.dispatch
            start = time.perf_counter()
            for _ in range(BATCH):
                dispatch(bound, grid=1)
            encoded = time.perf_counter() - start
            encoder.commit_and_wait()
        return encoded / BATCH * MICROSECONDS

    batch()
    return batch


def replay_ingot(**replaced: float) -> Sample:
    """A graph of the same dispatches, replayed with one call, the commit included."""
    gpu = device()
    kernel = gpu.compile(MSL).kernel("saxpy")
    x, y = gpu.zeros(16, np.float32), gpu.zeros(16, np.float32)
    with gpu.record() as graph:
        for _ in range(BATCH):
            graph.dispatch(kernel, x, y, 2.0, grid=1)

    def batch() -> float:
        start = time.perf_counter()
        submission = graph.replay(**replaced)
        encoded = time.perf_counter() - start
        submission.wait()
        return encoded / BATCH * MICROSECONDS

    batch()
    return batch


def small_ingot(*, encoders: int) -> Sample:
    """120 dispatches of 4096 floats, in so many encoders that are waited for one after another."""
    gpu = device()
    kernel = gpu.compile(MSL).kernel("saxpy")
    x, y = gpu.zeros(4096, np.float32), gpu.zeros(4096, np.float32)

    def run() -> None:
        for _ in range(encoders):
            with gpu.encoder() as encoder:
                for _ in range(SMALL // encoders):
                    encoder.dispatch(kernel, x, y, 2.0, grid=4096)
                encoder.commit_and_wait()

    run()
    return lambda: median_seconds(run, 5) / SMALL * MICROSECONDS


def encode_opencl(*, set_arguments: bool) -> Sample:
    """The same dispatches, enqueued with arguments set ahead, or at each call."""
    cl, context, queue, _ = opencl()
    kernel = cl.Kernel(cl.Program(context, OPENCL_C).build(), "saxpy")
    x, y = (cl.Buffer(context, cl.mem_flags.READ_WRITE, 64) for _ in range(2))
    a = np.float32(2)
    kernel.set_args(x, y, a)
    enqueue = cl.enqueue_nd_range_kernel

    def batch() -> float:
        start = time.perf_counter()
        if set_arguments:
            for _ in range(BATCH):
                kernel(queue, (1,), None, x, y, a)
        else:
            for _ in range(BATCH):
                enqueue(queue, kernel, (1,), None)
        encoded = time.perf_counter() - start
        queue.finish()
        return encoded / BATCH * MICROSECONDS

    batch()
    return batch


ROWS = [
    Row(
        "launch_wait",
        "us",
        "one small kernel, launched and waited for",
        {"ingot": launch_ingot, "pyopencl": launch_opencl},
        (Target("pyopencl", 1.0, 0.3),),
    ),
    Row(
        "encode",
        "us",
        f"one dispatch of 3 arguments, {BATCH} an encoder; pyopencl: set ahead",
        {
            "ingot": encode_ingot,
            "pyopencl": lambda: encode_opencl(set_arguments=False),
            "pyopencl_set_args": lambda: encode_opencl(set_arguments=True),
        },
        (Target("pyopencl", 1.0, 0.5),),
    ),
    Row(
        "encode_bound",
        "us",
        f"the same with arguments bound ahead, {BATCH} an encoder",
        {"ingot": encode_bound, "pyopencl": lambda: encode_opencl(set_arguments=False)},
        (Target("pyopencl", 0.5, 0.25),),
    ),
    Row(
        "replay",
        "us",
        f"per dispatch of a replayed graph of {BATCH} of 3 arguments; pyopencl: set ahead",
        {
            "ingot": replay_ingot,
            "pyopencl": lambda: encode_opencl(set_arguments=False),
            "ingot_new_scalar": lambda: replay_ingot(a=3.0),
        },
        (Target("pyopencl", 0.25, 0.1),),
    ),
    Row(
        "batched",
        "us",
        f"per dispatch, {SMALL} small ones in one submission; the other: in one each (C77)",
        {"ingot": lambda: small_ingot(encoders=1), "ingot_one_each": lambda: small_ingot(encoders=SMALL)},
        (Target("ingot_one_each", 1 / 1.5, 0.5),),
    ),
]
