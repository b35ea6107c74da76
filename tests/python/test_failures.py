"""Kernels that fault, and kernels that never end: errors at the wait, and nothing else is the worse for it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from kernels import FAULT

import ingot

PROGRAM = """
import faulthandler, threading
import ingot

faulthandler.enable()
device = ingot.Device.new(0)
library = device.compile('''
kernel void fault(device int *x) { x[1ul << 50] = 1; }
kernel void hang(device const volatile int *x, device int *y) { while (*x == 0) {} *y = 1; }
kernel void fine(device int *x) { x[0] += 1; }
''')
x, y = device.zeros(1, "int32"), device.zeros(1, "int32")

def commit(name, *arguments):
    with device.encoder(f"a {name}") as encoder:
        encoder.dispatch(library.kernel(name), *arguments, grid=1)
        return encoder.commit()

first, second, third = commit("fault", x), commit("hang", x, y), commit("fine", y)
for submission, name, code, advice in ((first, "fault", 3, "indices"), (second, "hang", 2, "loop that does not end")):
    for _ in range(2):
        try:
            submission.wait(60)
        except ingot.CommandBufferError as error:
            assert (error.code, error.label, error.kernels) == (code, f"a {name}", (name,)), error
            assert all(text in str(error) for text in (f"'a {name}'", f"code {code}", f"It ran {name}.", advice)), error
        else:
            raise SystemExit(f"no error of {name}")
third.wait()
assert y.numpy()[0] == 1 and device.statistics().unfinished == 0
print("went on", flush=True)
"""


def run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    variables = environment | {"INGOT_SOFT_TIMEOUT": "200"}
    command = [sys.executable, "-c", PROGRAM + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=120)


@pytest.mark.software(reason="a GPU need not notice a fault, and takes its time over a kernel that hangs")
def test_c66_faults_and_endless_kernels_are_errors_and_later_work_goes_on(environment: dict[str, str]) -> None:
    ended = run("", environment)
    assert (ended.returncode, ended.stdout) == (0, "went on\n"), ended.stderr
    assert "Fatal" not in ended.stderr


@pytest.mark.software(reason="a GPU need not notice a fault, and takes its time over a kernel that hangs")
def test_faulthandler_still_tells_of_faults_of_the_host(environment: dict[str, str]) -> None:
    ended = run("faulthandler._sigsegv()", environment)
    assert ended.stdout == "went on\n", ended.stderr
    assert ended.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in ended.stderr
    assert 'File "<string>"' in ended.stderr


@pytest.mark.software(reason="a GPU need not notice a fault")
def test_many_kernels_are_named_in_whole_lines(device: ingot.Device) -> None:
    name = "a_kernel_with_a_rather_long_name_" + "x" * 60
    library = device.compile(
        f"constant int n [[function_constant(0)]]; kernel void {name}(device int *x) {{ x[0] = n; }}"
    )
    kernels = device.prepare([(library, name, {"n": n}) for n in range(10, 70)])
    x = device.zeros(4, "int32")
    with device.encoder("ä" * 200) as encoder:
        for kernel in kernels:
            encoder.dispatch(kernel, x, grid=1)
        encoder.dispatch(device.compile(FAULT).kernel("fault"), x, grid=1)
        with pytest.raises(ingot.CommandBufferError) as caught:
            encoder.commit_and_wait()
    named = caught.value.kernels
    assert len(named) == 4096 // (len(kernels[-1].label or "") + 1)
    assert named == tuple(kernel.label for kernel in kernels[: len(named)])
    assert caught.value.label == "ä" * 127
