"""Metal compute from Python: typed buffers shared with the GPU, your own kernels, explicit commit and wait.

Example:
    import ingot
    import numpy as np

    device = ingot.Device()
    saxpy = device.compile(SOURCE).kernel("saxpy")
    x = device.array(np.random.rand(1 << 20).astype(np.float32))
    y = device.zeros(x.shape, np.float32)

    with device.encoder(label="saxpy") as encoder:
        encoder.dispatch(saxpy, x, y, a=2.0, grid=x.size)
        submission = encoder.commit()
    submission.wait()
    print(y.numpy()[:4], submission.gpu_time)
"""

from ingot.binding import Threadgroup, threadgroup
from ingot.buffer import Buffer
from ingot.device import Device, DeviceStatistics, devices
from ingot.encoder import CommandEncoder
from ingot.errors import (
    ArgumentError,
    ClosedError,
    CommandBufferError,
    CompileError,
    DeviceNotFoundError,
    InFlightError,
    IngotError,
    OutOfBoundsError,
    OutOfMemoryError,
    PipelineError,
    StateError,
    UncommittedError,
    WaitTimeoutError,
)
from ingot.kernel import Kernel, KernelArgument, Library
from ingot.submission import Submission

__all__ = [
    "ArgumentError",
    "Buffer",
    "ClosedError",
    "CommandBufferError",
    "CommandEncoder",
    "CompileError",
    "Device",
    "DeviceNotFoundError",
    "DeviceStatistics",
    "InFlightError",
    "IngotError",
    "Kernel",
    "KernelArgument",
    "Library",
    "OutOfBoundsError",
    "OutOfMemoryError",
    "PipelineError",
    "StateError",
    "Submission",
    "Threadgroup",
    "UncommittedError",
    "WaitTimeoutError",
    "devices",
    "threadgroup",
]
