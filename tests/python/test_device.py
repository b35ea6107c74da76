"""Devices: which there are, what they say about themselves, and which are refused."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import ingot


def test_c15_name_is_not_empty() -> None:
    for device in ingot.devices():
        assert device.name
        assert device.name in repr(device)


def test_a_device_is_one_object() -> None:
    devices = ingot.devices()
    assert ingot.Device() in devices
    assert ingot.Device(0) is devices[0]
    assert ingot.Device(devices[0].name).name == devices[0].name
    assert ingot.Device(np.int64(0)) is devices[0]


def test_isolated_devices_are_apart() -> None:
    one, other = ingot.Device.new(), ingot.Device.new(0)
    assert one is not other
    assert one.registry_id == other.registry_id == ingot.Device(0).registry_id
    with one.encoder() as encoder:
        encoder.commit_and_wait()
    assert one.statistics().submissions == 1
    assert other.statistics().submissions == 0


def test_limits_are_plausible() -> None:
    device = ingot.Device(0)
    assert device.unified_memory
    assert device.max_buffer_length >= 1 << 28
    assert device.recommended_working_set > 0
    assert device.max_threadgroup_memory >= 16384
    assert min(device.max_threads_per_group) >= 64
    assert isinstance(device.is_software, bool)


def test_statistics_count_memory_and_submissions(device: ingot.Device) -> None:
    before = device.statistics()
    buffer = device.zeros(1 << 18, np.float32)
    assert device.current_allocated >= before.current_allocated + buffer.nbytes
    with device.encoder() as encoder:
        encoder.commit_and_wait()
    after = device.statistics()
    assert after.submissions == before.submissions + 1
    assert after.unfinished == 0
    if device.has_residency_sets:
        assert after.resident_count == 1
        assert after.residency_commits == 1


def test_residency_can_be_left_out() -> None:
    device = ingot.Device.new(0, residency=False)
    assert not device.has_residency_sets
    buffer = device.zeros(4)
    assert device.statistics().resident_count == 0
    assert buffer.numpy().sum() == 0


RESIDENCY = """
import ingot
device = ingot.Device(residency=False)
assert not device.has_residency_sets and ingot.Device() is device
del device
other = ingot.Device.new(0)
assert other.has_residency_sets
"""

REFUSED = """
import ingot
device = ingot.Device()
try:
    ingot.Device(residency=False)
except ingot.StateError as error:
    assert "INGOT_NO_RESIDENCY" in str(error)
else:
    raise AssertionError("is without residency sets")
"""


@pytest.mark.parametrize("program", [RESIDENCY, REFUSED])
def test_whoever_opens_the_shared_device_decides_about_residency(program: str, environment: dict[str, str]) -> None:
    if not ingot.Device(0).has_residency_sets:
        pytest.skip("no residency sets here")
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)


def test_a_line_is_logged_for_each_device_on_request(environment: dict[str, str]) -> None:
    program = "import ingot; ingot.Device.new(0); ingot.Device.new(0, residency=False)"
    variables = environment | {"INGOT_LOG_INIT": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=variables, check=True, timeout=60, capture_output=True, text=True
    )
    lines = [line for line in run.stderr.splitlines() if "opened" in line]
    assert len(lines) == 2
    assert ingot.Device(0).name in lines[0]
    assert lines[1].endswith("without residency sets: it was opened so")


@pytest.mark.parametrize("index", [1.5, [], b"name"])
def test_what_is_no_device_is_refused(index: object) -> None:
    with pytest.raises(ingot.ArgumentError, match="no device"):
        ingot.Device(index)  # type: ignore[call-overload]


def test_families() -> None:
    device = ingot.Device(0)
    assert device.supports("common1") in (True, False)
    if device.supports("apple7"):
        assert device.supports("apple1")
    assert not device.supports("apple99")
    for family in ("apple", "gpu7", "", "apple7x"):
        with pytest.raises(ingot.ArgumentError, match="apple7"):
            device.supports(family)


@pytest.mark.parametrize("index", [99, -1, -2, 1 << 62, 1 << 80, "no such device"])
def test_device_that_does_not_exist(index: int | str) -> None:
    with pytest.raises(ingot.DeviceNotFoundError, match="no device"):
        ingot.Device(index)
    with pytest.raises(ingot.DeviceNotFoundError, match="no device"):
        ingot.Device.new(index)


@pytest.mark.parametrize("name", ["", "METAL:0", "0", "Gerät", "\0", "\ud800", "x" * 100_000])
def test_d12_devices_are_named_whole_or_counted(name: str) -> None:
    number = ingot.Device(0)
    assert ingot.Device(number.name) is number
    with pytest.raises(ingot.DeviceNotFoundError, match="no device named") as caught:
        ingot.Device(name)
    assert repr(number.name) in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.software(reason="a GPU does not read INGOT_SOFT_SEED")
@pytest.mark.parametrize("index", ["", "0"])
def test_a_variable_that_means_nothing_is_named(index: str, environment: dict[str, str]) -> None:
    refused = run(f"import ingot; ingot.Device({index})", environment, INGOT_SOFT_SEED="seven")
    assert "DeviceNotFoundError: no" in refused.stderr
    assert refused.stderr.rstrip().splitlines()[-1].count("INGOT_SOFT_SEED") == 1
    empty = run(f"import ingot; ingot.Device({index})", environment, INGOT_SOFT_SEED="")
    assert empty.returncode == 0, empty.stderr


def test_device_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="belongs to this process"):
        pickle.dumps(ingot.Device(0))


def run(program: str, environment: dict[str, str], **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment | variables)


@pytest.mark.software(reason="there is a GPU to be required")
def test_require_gpu_refuses_the_software_device(environment: dict[str, str]) -> None:
    with pytest.raises(ingot.DeviceNotFoundError, match="GPU is required"):
        ingot.Device(require_gpu=True)
    with pytest.raises(ingot.DeviceNotFoundError, match="GPU is required"):
        ingot.Device.new(0, require_gpu=True)
    ingot.Device(0)  # still usable
    refused = run("import ingot; ingot.Device(0)", environment, INGOT_REQUIRE_GPU="1")
    assert "GPU is required" in refused.stderr


@pytest.mark.software(reason="a GPU needs no announcement")
def test_software_is_announced_once_unless_asked_for(environment: dict[str, str]) -> None:
    del environment["INGOT_SOFT_SEED"]  # a seed is announced too
    silent = run("import ingot; ingot.Device(0); ingot.Device(ingot.Device(0).name); ingot.devices()", environment)
    assert (silent.returncode, silent.stderr) == (0, "")
    said = run("import ingot; ingot.Device(); ingot.Device(); ingot.Device.new()", environment)
    assert said.returncode == 0
    assert said.stderr.count("\n") == 1
    assert ingot.Device(0).name in said.stderr
