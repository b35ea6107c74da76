"""Metal's own objects in and out, and what is left of wrapped memory when Python ends."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from kernels import Spinner
from test_buffer import same
from test_import import add

import ingot


def test_a_pointer_out_and_in_is_the_same_memory(device: ingot.Device) -> None:
    buffer = device.array(np.arange(100, dtype=np.uint32), exact=True)
    pointer, offset = buffer.raw_pointer
    assert pointer != 0
    assert offset == 0
    assert buffer[10:].raw_pointer == (pointer, 40)
    adopted = device.from_raw(pointer, np.uint32, (5, 2), 40, label="adopted")
    assert same(adopted.numpy(), buffer.numpy()[10:20].reshape(5, 2))
    assert np.shares_memory(adopted.numpy(), buffer.numpy())
    assert adopted.storage_id == buffer.storage_id  # so that Ingot orders what is done to the one and to the other
    add(adopted, 7)
    assert buffer.numpy()[9:21].tolist() == [9, *range(17, 27), 20]


def test_wrapped_and_mapped_memory_has_pointers(device: ingot.Device) -> None:
    values = ingot.aligned_empty((4, 100), np.float16)
    buffer = device.wrap(values)
    assert buffer[1].raw_pointer == (buffer.raw_pointer[0], 200)
    del values
    assert device.from_raw(*buffer.raw_pointer[:1], np.float16, 4).storage_id == buffer.storage_id


def test_adopted_memory_is_kept(device: ingot.Device) -> None:
    buffer = device.array(np.arange(4, dtype=np.int16), exact=True)
    adopted = device.from_raw(buffer.raw_pointer[0], np.int16, 4)
    view = adopted.numpy()
    del buffer, adopted
    gc.collect()
    device.encoder().commit_and_wait()
    assert view.tolist() == [0, 1, 2, 3]


def test_memory_in_use_is_adopted_without_waiting() -> None:
    spinner = Spinner(ingot.Device.new(0))
    spinner.out = spinner.device.zeros(1, np.uint32, exact=True)
    submission = spinner.commit(0.3, label="busy")
    adopted = spinner.device.from_raw(spinner.out.raw_pointer[0], np.uint32, 1)
    with pytest.raises(ingot.InFlightError, match="busy"):
        adopted.numpy()
    submission.wait()
    assert same(adopted.numpy(), spinner.out.numpy())


def test_read_only_adoption(device: ingot.Device) -> None:
    buffer = device.array(np.arange(4, dtype=np.int16), exact=True)
    adopted = device.from_raw(buffer.raw_pointer[0], np.int16, 4, read_only=True)
    assert not adopted.numpy().flags.writeable
    with pytest.raises(ingot.ArgumentError, match="read-only"):
        add(adopted, 1)
    assert buffer.numpy().flags.writeable


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"pointer": 0}, "mtl_buffer is NULL"),
        ({"pointer": -1}, "pointer -1 is no address"),
        ({"pointer": 1 << 64}, "no address"),
        ({"pointer": "0x10"}, "no address"),
        ({"pointer": None}, "no address"),
        ({"offset": 397}, "at byte 397 is not inside the 400 bytes"),
        ({"offset": 1 << 63}, "offset"),
        ({"shape": 101}, "404 bytes"),
        ({"shape": 0}, "0"),
        ({"dtype": np.float64}, "MSL has no double"),
        ({"label": "a\0"}, "label"),
    ],
)
def test_what_cannot_be_adopted(device: ingot.Device, arguments: dict[str, Any], reason: str) -> None:
    buffer = device.zeros(100, np.uint32, exact=True)
    given = {"pointer": buffer.raw_pointer[0], "dtype": np.uint32, "shape": 1} | arguments
    with pytest.raises(ingot.ArgumentError, match=reason):
        device.from_raw(**given)


def test_memory_of_pools_and_of_other_devices_is_not_adopted(device: ingot.Device) -> None:
    with pytest.raises(ingot.ArgumentError, match="pool"):
        device.from_raw(device.zeros(4).raw_pointer[0], np.float32, 4)
    buffer = device.zeros(4)
    buffer.close()
    with pytest.raises(ingot.ClosedError):
        _ = buffer.raw_pointer


# ---- The end of the interpreter --------------------------------------------------------------------------------

AT_EXIT = """
import os
import sys
sys.path.insert(0, {tests!r})
import numpy as np
import ingot
from kernels import Spinner

class Owner:
    def __init__(self):
        self.pages = ingot.aligned_empty(4, np.uint32)
        self.__array_interface__ = self.pages.__array_interface__ | {{"shape": (4096,)}}
    def __del__(self, write=os.write):  # by a name that is there to the end
        write(1, b"gone\\n")

device = ingot.Device.new(0)
spinner = Spinner(device)
spinner.out = device.wrap(Owner())
submission = spinner.commit({seconds})
{then}
print("end", flush=True)
"""


LET_GO = """
submission.wait()
spinner.out = submission = None
while ingot._native_owners.owners:
    device.encoder().commit_and_wait()
"""


@pytest.mark.parametrize(
    ("seconds", "then", "expected"),
    [
        (1.0, "", ["end"]),  # still in use: the memory ends with the process
        (0.01, "submission.wait()", ["end"]),  # still the program's
        (0.01, LET_GO, ["gone", "end"]),
    ],
)
def test_owners_at_the_end_of_the_interpreter(
    environment: dict[str, str], seconds: float, then: str, expected: list[str]
) -> None:
    program = AT_EXIT.format(tests=str(__file__.rpartition("/")[0]), seconds=seconds, then=then)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == expected
    assert "Error" not in run.stderr
