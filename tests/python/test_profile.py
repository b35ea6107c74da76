"""Profiles: `with ingot.profile(...)`, its table and its trace."""

from __future__ import annotations

import builtins
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernels import SAXPY, Spinner

import ingot
from ingot import capturing, profiling


def work(device: ingot.Device, label: str | None = "work", *, profile: bool = False) -> None:
    saxpy = device.compile(SAXPY).kernel("saxpy")
    x = device.full((256,), 1, np.float32)
    with device.encoder(label=label, profile=profile) as encoder:
        encoder.dispatch(saxpy, x, x, a=2.0, grid=x.size)
        encoder.commit_and_wait()


def events(path: Path) -> list[dict[str, Any]]:
    trace = json.loads(path.read_text(encoding="utf-8"))
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


def test_the_trace_is_written(device: ingot.Device, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with ingot.profile(path, device=device) as profile:
        assert profile.is_recording
        work(device, label='"naïve"\n', profile=True)
    assert not profile.is_recording
    found = events(path)
    assert len(found) == profile.events
    names = {event["cat"]: event["name"] for event in found}
    assert names["gpu"] == '"naïve"\n'
    assert names["commit"] == 'commit "naïve"\n'
    assert names["compile"] == names["pipeline"].replace("pipeline", "compile") == "compile saxpy"
    assert {"encode", "commit", "compile", "pipeline", "gpu"} <= names.keys()
    gpu, commit = (next(event for event in found if event["cat"] == kind) for kind in ("gpu", "commit"))
    assert gpu["ts"] >= commit["ts"]
    assert gpu["pid"] != commit["pid"]
    assert gpu["args"]["submission"] == commit["args"]["submission"] == 1
    assert json.loads(profile.trace())["otherData"] == {"dropped": 0}


def test_the_table_is_sorted_by_total(device: ingot.Device) -> None:
    with ingot.profile(device=device) as profile:
        for label in ("one", "two", "one"):
            work(device, label)
    header, *rows = profile.table().splitlines()
    assert header.split() == ["what", "name", "count", "total", "ms", "min", "ms", "mean", "ms", "max", "ms"]
    totals = [float(row.split()[-4]) for row in rows]
    assert totals == sorted(totals, reverse=True)
    assert len(rows) == len(profile.groups)
    # In the order in which they were seen; nobody sees whether a wait was needed.
    kinds = [(group.kind, group.name, group.count) for group in profile.groups if group.kind in {"gpu", "commit"}]
    assert sorted(kinds) == [("commit", "one", 2), ("commit", "two", 1), ("gpu", "one", 2), ("gpu", "two", 1)]
    assert [name for kind, name, _ in kinds if kind == "gpu"] == ["one", "two"]
    for group in profile.groups:
        assert 0 <= group.minimum <= group.mean <= group.maximum <= group.total
    profile.reset()
    assert profile.groups == []
    assert profile.table().splitlines() == ["what  name  count  total ms  min ms  mean ms  max ms"]


def test_one_that_never_recorded_is_empty(device: ingot.Device) -> None:
    assert len(ingot.profile().table().splitlines()) == 1
    assert json.loads(ingot.profile(device=device).trace())["traceEvents"][0]["name"] == "process_name"
    assert repr(ingot.profile()) == "<ingot.Profile, 0 events>"


def test_a_profile_goes_on_when_it_is_entered_again(device: ingot.Device) -> None:
    profile = ingot.profile(device=device)
    for label in ("first", "second"):
        with profile:
            work(device, label)
        work(device, "between")
    assert [group.name for group in profile.groups if group.kind == "gpu"] == ["first", "second"]
    with profile, pytest.raises(ingot.StateError, match="records already"), profile:
        pass


def test_a_wait_in_slices_is_one_wait(device: ingot.Device) -> None:
    spinner = Spinner(device)
    with ingot.profile(device=device) as profile:
        spinner.commit(0.5).wait()
    (wait,) = (group for group in profile.groups if group.kind == "wait")
    # Six slices or so; a machine that is busy may put a pause between two.
    assert wait.count <= 2
    assert wait.total > 0.2


def test_paths_that_cannot_be_written_are_refused_before_the_work(device: ingot.Device, tmp_path: Path) -> None:
    done = []
    with pytest.raises(FileNotFoundError), ingot.profile(tmp_path / "missing" / "trace.json", device=device):
        done.append(work(device))
    with pytest.raises(IsADirectoryError), ingot.profile(str(tmp_path), device=device):
        done.append(work(device))
    assert done == []


def test_an_exception_leaves_a_trace(device: ingot.Device, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    profile = ingot.profile(path, device=device)
    with pytest.raises(ZeroDivisionError), profile:
        work(device)
        raise ZeroDivisionError
    assert not profile.is_recording
    assert any(event["cat"] == "gpu" for event in events(path))


def test_memory_is_bounded(device: ingot.Device) -> None:
    with ingot.profile(device=device, limit=7) as profile:
        for _ in range(10):
            work(device)
    assert profile.events == 7
    assert profile.dropped >= 20
    assert f"{profile.dropped} more events were dropped" in profile.table()


@pytest.mark.parametrize("limit", [0, -1, 1 << 63, 1.5, "7", None])
def test_limits_that_are_none(limit: Any) -> None:
    with pytest.raises(ingot.ArgumentError, match="limit"):
        ingot.profile(limit=limit)


def test_arguments_of_the_wrong_type() -> None:
    with pytest.raises(ingot.ArgumentError, match="path"):
        ingot.profile(7)  # type: ignore[arg-type]
    with pytest.raises(ingot.ArgumentError, match="NUL"):
        ingot.profile("a\0b")
    with pytest.raises(ingot.ArgumentError, match="device"):
        ingot.profile(device=0)  # type: ignore[arg-type]


def test_threads_have_tracks_of_their_own(device: ingot.Device, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    barrier = threading.Barrier(3)

    def run(number: int) -> None:
        barrier.wait()
        for _ in range(10):
            work(device, f"thread {number}")

    with ingot.profile(path, device=device):
        threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tracks: dict[str, set[int]] = {}
    for event in events(path):
        if event["cat"] == "commit":
            tracks.setdefault(event["name"], set()).add(event["tid"])
    assert len(tracks) == 3
    assert sum(map(len, tracks.values())) == len(set.union(*tracks.values()))


def test_while_none_records_nothing_is_kept(device: ingot.Device) -> None:
    profile = ingot.profile(device=device)
    work(device, "before")
    with profile:
        pass
    work(device, "after")
    assert profile.events == 0


def test_times_are_those_of_the_submission(device: ingot.Device) -> None:
    spinner = Spinner(device)
    start = time.monotonic()
    with ingot.profile(device=device) as profile:
        submission = spinner.commit(0.05)
        submission.wait()
    elapsed = time.monotonic() - start
    gpu = next(group for group in profile.groups if group.kind == "gpu")
    assert gpu.total == pytest.approx(submission.gpu_time, abs=1e-6)
    assert gpu.total <= elapsed


def test_docs_refer_to_what_there_is() -> None:
    """Every name of Ingot's that the docs of profiling speak of exists."""
    namespaces: list[Any] = [builtins, ingot, ingot.Profile, ingot.Submission, profiling, capturing]
    for module in (profiling, capturing):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        names = re.findall(r"`(?:ingot\.)?([A-Za-z]\w*(?:\.\w+)?)(?:\(\))?`", text)
        assert names
        for name in set(names) - {"with", "MTLCaptureManager", "about:tracing"}:
            owner, _, member = name.rpartition(".")
            places = [getattr(ingot, owner)] if owner else namespaces
            assert any(hasattr(place, member) for place in places), name
