"""Callbacks of submissions: called once, in the order in which the work ended, on one thread of Python's."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Any

import pytest
from kernels import Spinner, fault

import ingot
from ingot import callbacks

WAIT = 60


def fence(device: ingot.Device) -> None:
    """Until every callback that was due has been called."""
    passed = threading.Event()
    device.encoder().commit_and_wait().add_done_callback(lambda _: passed.set())
    assert passed.wait(WAIT)


def test_a_callback_gets_the_submission_on_a_daemon_thread(device: ingot.Device) -> None:
    calls: queue.Queue[tuple[ingot.Submission, bool, threading.Thread]] = queue.Queue()
    submission = Spinner(device).commit(0.05)
    submission.add_done_callback(lambda done: calls.put((done, done.done(), threading.current_thread())))
    got, was_done, thread = calls.get(timeout=WAIT)
    assert got is submission
    assert was_done
    assert thread.daemon
    assert thread.name == "ingot-callbacks"
    fence(device)
    assert calls.empty()


def test_what_is_done_already_is_called_soon(device: ingot.Device) -> None:
    called = threading.Event()
    device.encoder().commit_and_wait().add_done_callback(lambda _: called.set())
    assert called.wait(WAIT)


def test_order_is_that_of_the_ends_and_of_the_calls(device: ingot.Device) -> None:
    spinner = Spinner(device)
    submissions = [spinner.commit(0.05), *[spinner.commit_steps(1) for _ in range(20)]]
    calls: list[int] = []
    for number in reversed(range(len(submissions))):  # of one queue and one buffer, so they end in their order
        submissions[number].add_done_callback(lambda _, number=number: calls.append(2 * number))
        submissions[number].add_done_callback(lambda _, number=number: calls.append(2 * number + 1))
    submissions[-1].wait()
    fence(device)
    assert calls == list(range(2 * len(submissions)))


def test_what_a_callback_raises_goes_to_the_threads_hook(device: ingot.Device, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append((args.exc_type, args.thread.name)))
    after: list[ingot.Submission] = []

    def fail(_: ingot.Submission) -> None:
        raise ZeroDivisionError

    def leave(_: ingot.Submission) -> None:
        raise SystemExit

    submission = device.encoder().commit()
    for callback in (fail, leave, after.append):
        submission.add_done_callback(callback)
    submission.wait()
    fence(device)
    assert seen == [(ZeroDivisionError, "ingot-callbacks"), (SystemExit, "ingot-callbacks")]
    assert after == [submission]
    after.clear()


def test_a_hook_that_raises_does_not_end_the_thread(device: ingot.Device, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda _args: {}[1])
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: seen.append(kind))
    device.encoder().commit().add_done_callback(lambda _: {}[2])
    fence(device)
    assert seen == [KeyError]


def test_callbacks_may_wait_commit_and_add_others(device: ingot.Device) -> None:
    done = threading.Event()

    def again(submission: ingot.Submission) -> None:
        submission.wait()
        device.encoder().commit_and_wait().add_done_callback(lambda _: done.set())

    device.encoder().commit().add_done_callback(again)
    assert done.wait(WAIT)


def test_a_thousand_callbacks_need_no_more_threads(device: ingot.Device) -> None:
    threads = threading.active_count()
    spinner = Spinner(device)
    left = threading.Semaphore(0)
    for _ in range(1000):
        spinner.commit_steps(1).add_done_callback(lambda _: left.release())
    assert threading.active_count() == threads
    assert all(left.acquire(timeout=WAIT) for _ in range(1000))
    assert not callbacks._started()._calls


@pytest.mark.software(reason="a GPU need not notice")
def test_a_failure_is_called_back_too(device: ingot.Device) -> None:
    errors: queue.Queue[ingot.CommandBufferError | None] = queue.Queue()
    fault(device).add_done_callback(lambda done: errors.put(done.error))
    error = errors.get(timeout=WAIT)
    assert error is not None
    assert error.code == 3
    assert error.kernels == ("fault",)


@pytest.mark.parametrize("callback", [None, 5, "print"])
def test_what_cannot_be_called_is_refused(device: ingot.Device, callback: Any) -> None:
    submission = device.encoder().commit()
    with pytest.raises(ingot.ArgumentError, match="cannot be called"):
        submission.add_done_callback(callback)
    submission.wait()


def test_a_thread_that_does_not_start_is_an_error_and_tried_again(
    device: ingot.Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "_caller", None)
    submission = device.encoder().commit_and_wait()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="new thread"):
            submission.add_done_callback(print)
        assert callbacks._caller is None
