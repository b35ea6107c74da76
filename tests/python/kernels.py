"""MSL that several tests use, and work of a chosen length."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ingot

SAXPY = """
#include <metal_stdlib>
using namespace metal;

kernel void saxpy(device const float *x [[buffer(0)]], device float *y [[buffer(1)]],
                  constant float &a [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  y[i] += a * x[i];
}
"""

# One kernel for each dtype that adds an inline value to each element.
ADD = """
#include <metal_stdlib>
using namespace metal;

template <typename T>
kernel void add(device T *out [[buffer(0)]], constant T &value [[buffer(1)]],
                uint i [[thread_position_in_grid]]) {
  out[i] = T(out[i] + value);
}

template [[host_name("add_int8")]] kernel void add<char>(device char *, constant char &, uint);
template [[host_name("add_uint8")]] kernel void add<uchar>(device uchar *, constant uchar &, uint);
template [[host_name("add_int16")]] kernel void add<short>(device short *, constant short &, uint);
template [[host_name("add_uint16")]] kernel void add<ushort>(device ushort *, constant ushort &, uint);
template [[host_name("add_int32")]] kernel void add<int>(device int *, constant int &, uint);
template [[host_name("add_uint32")]] kernel void add<uint>(device uint *, constant uint &, uint);
template [[host_name("add_int64")]] kernel void add<long>(device long *, constant long &, uint);
template [[host_name("add_uint64")]] kernel void add<ulong>(device ulong *, constant ulong &, uint);
template [[host_name("add_float16")]] kernel void add<half>(device half *, constant half &, uint);
template [[host_name("add_bfloat16")]] kernel void add<bfloat>(device bfloat *, constant bfloat &, uint);
template [[host_name("add_float32")]] kernel void add<float>(device float *, constant float &, uint);

kernel void flip(device bool *out [[buffer(0)]], constant bool &value [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  out[i] = out[i] != value;
}
"""

# Runs for as long as it is told, on one thread; the result depends on every step.
SPIN = """
#include <metal_stdlib>
using namespace metal;

kernel void spin(device uint *out [[buffer(0)]], constant uint &steps [[buffer(1)]]) {
  uint value = out[0];
  // A step that a compiler cannot join with the next one, as it can multiplications alone.
  for (uint step = 0; step < steps; ++step) value = (value ^ (value >> 15)) * 1664525u + 1013904223u;
  out[0] = value;
}
"""

# Waits until the host has opened the gate, or until the device gives it up. Whoever writes `last` comes after it.
GATE = """
#include <metal_stdlib>
using namespace metal;

kernel void gate(device const volatile uint *gate [[buffer(0)]], constant uint &ticket [[buffer(1)]],
                 device uint *last [[buffer(2)]]) {
  while (*gate < ticket) {}
  *last = ticket;
}

kernel void stamp(device uchar *out [[buffer(0)]], constant uchar &value [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
  out[i] = value;
}

kernel void read(device const uchar *in [[buffer(0)]], device uchar *out [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  out[i] = in[i];
}
"""


# No address at all, so nobody else's memory is hit.
FAULT = "kernel void fault(device int *x) { x[1ul << 50] = 1; }"


def fault(device: ingot.Device, label: str | None = None) -> ingot.Submission:
    """A submission that fails, where the device notices it."""
    with device.encoder(label) as encoder:
        encoder.dispatch(device.compile(FAULT).kernel("fault"), device.zeros(1, "int32"), grid=1)
        return encoder.commit()


class Spinner:
    """Submissions that take about as long as they are asked to, on any device."""

    def __init__(self, device: ingot.Device) -> None:
        self.device = device
        self.kernel = device.compile(SPIN).kernel("spin")
        self.out = device.zeros(1, "uint32", label="spun")
        steps = 1 << 21
        # The quickest of three: on a busy machine a slow one would make all work too short.
        self.seconds_per_step = min(self.commit_steps(steps, wait=True).gpu_time for _ in range(3)) / steps

    def commit(self, seconds: float, label: str | None = "spin") -> ingot.Submission:
        return self.commit_steps(self.steps(seconds), label=label)

    def steps(self, seconds: float) -> int:
        """How many steps take so long; as many as a uint32 can say where the device is too quick for more."""
        return min(int(seconds / self.seconds_per_step), (1 << 32) - 1)

    def commit_steps(self, steps: int, *, label: str | None = None, wait: bool = False) -> ingot.Submission:
        with self.device.encoder(label) as encoder:
            encoder.dispatch(self.kernel, self.out, steps, grid=1)
            return encoder.commit_and_wait() if wait else encoder.commit()


class Gate:
    """Submissions that are unfinished until the test opens the gate, for all of them."""

    def __init__(self, device: ingot.Device) -> None:
        library = device.compile(GATE)
        self.kernel, self.stamp, self.read = (library.kernel(name) for name in ("gate", "stamp", "read"))
        self.word = device.zeros(1, "uint32", label="gate", exact=True)
        self.last = device.zeros(1, "uint32", label="last", exact=True)
        self.opened = self.word.numpy()
        self.ticket = 1

    def encoder(self, device: ingot.Device) -> ingot.CommandEncoder:
        """An encoder, of which everything waits at the gate. A device may run one kernel at a time: only one waits."""
        encoder = device.encoder("behind the gate", ordering="serial")
        encoder.dispatch(self.kernel, self.word, self.ticket, self.last, grid=1)
        return encoder

    def open(self) -> None:
        """Lets them all through; who comes later waits again."""
        self.opened[0] = self.ticket
        self.ticket += 1
