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

from ingot.aligned import aligned_empty
from ingot.binding import Threadgroup, threadgroup
from ingot.bound import BoundKernel, Use
from ingot.buffer import Buffer
from ingot.capturing import capture
from ingot.constants import FunctionConstant
from ingot.device import Device, DeviceStatistics, devices
from ingot.encoder import CommandEncoder
from ingot.errors import (
    ArgumentError,
    ClosedError,
    CommandBufferError,
    CompileError,
    DeviceNotFoundError,
    ExportError,
    InFlightError,
    IngotError,
    OutOfBoundsError,
    OutOfMemoryError,
    PipelineError,
    StateError,
    UncommittedError,
    WaitTimeoutError,
)
from ingot.event import Event
from ingot.graph import Graph
from ingot.kernel import Kernel, KernelArgument, Library
from ingot.mapping import Mapping
from ingot.memory import MemoryStats, MemoryUse, PoolStatistics
from ingot.pool import Pool
from ingot.profiling import Profile, ProfileGroup, profile
from ingot.queue import Queue
from ingot.residency import ResidencySet
from ingot.safetensors import SafeTensors, load_safetensors
from ingot.safetensors_header import TensorInfo
from ingot.session import EncoderSession
from ingot.submission import DispatchTime, Submission

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "BoundKernel",
    "Buffer",
    "ClosedError",
    "CommandBufferError",
    "CommandEncoder",
    "CompileError",
    "Device",
    "DeviceNotFoundError",
    "DeviceStatistics",
    "DispatchTime",
    "EncoderSession",
    "Event",
    "ExportError",
    "FunctionConstant",
    "Graph",
    "InFlightError",
    "IngotError",
    "Kernel",
    "KernelArgument",
    "Library",
    "Mapping",
    "MemoryStats",
    "MemoryUse",
    "OutOfBoundsError",
    "OutOfMemoryError",
    "PipelineError",
    "Pool",
    "PoolStatistics",
    "Profile",
    "ProfileGroup",
    "Queue",
    "ResidencySet",
    "SafeTensors",
    "StateError",
    "Submission",
    "TensorInfo",
    "Threadgroup",
    "UncommittedError",
    "Use",
    "WaitTimeoutError",
    "aligned_empty",
    "capture",
    "devices",
    "load_safetensors",
    "profile",
    "threadgroup",
]
