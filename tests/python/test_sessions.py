"""Sessions: work in stages."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ingot

STEPS = """
kernel void increment(device int *x, uint i [[thread_position_in_grid]]) { x[i] += 1; }
kernel void twice(device int *x, uint i [[thread_position_in_grid]]) { x[i] *= 2; }
kernel void stray(device int *x) { x[1ul << 50] = 1; }
"""


class Scene:
    """A session, and what its stages do."""

    def __init__(self, device: ingot.Device) -> None:
        self.device = device
        library = device.compile(STEPS)
        self.increment, self.twice, self.stray = (library.kernel(name) for name in ("increment", "twice", "stray"))
        self.x = device.zeros(8, np.int32)
        self.session = device.session("layer")

    def stage(self, kernel: ingot.Kernel, label: str | None = None) -> ingot.CommandEncoder:
        encoder = self.session.begin_stage(label)
        encoder.dispatch(kernel, self.x, grid=8)
        return encoder

    @property
    def value(self) -> int:
        values = set(self.x.numpy().tolist())
        assert len(values) == 1
        return int(values.pop())


@pytest.fixture
def scene(device: ingot.Device) -> Scene:
    return Scene(device)


def state(session: ingot.EncoderSession) -> tuple[bool, bool, int, int, int]:
    counts = session.fence_value, session.wait_value, session.wait_count
    return session.is_drained, session.is_fence_pending, *counts


def test_c61_c62_a_session_is_there_for_whoever_asks(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("0", "1", ""):
        monkeypatch.setenv("HF2Q_ENCODER_SESSION", value)
        session = scene.device.session()
        assert state(session) == (False, False, 0, 0, 0)
        assert (session.label, session.event, session.submission) == (None, None, None)
        assert session.queue is scene.device.default_queue
    assert repr(scene.session) == "<ingot.EncoderSession 'layer', open, 0 fences>"


def test_c63_a_committed_stage_is_drained_and_a_second_commit_refused(scene: Scene) -> None:
    encoder = scene.stage(scene.increment, "attention")
    assert scene.session.encoder is encoder
    assert encoder.label == "attention"
    submission = scene.session.commit_stage()
    submission.wait()
    assert (submission.label, submission.dispatches) == ("attention", 1)
    assert scene.session.submission is submission
    assert encoder.submission is submission
    assert state(scene.session) == (True, False, 0, 0, 0)
    assert scene.value == 1
    session = scene.session
    for use in (session.commit_stage, session.commit_and_wait, session.fence_stage, lambda: session.encoder):
        with pytest.raises(ingot.StateError, match="'attention' of this session is committed"):
            use()


def test_c64_c70_sessions_that_are_dropped_leave_the_device_usable(scene: Scene) -> None:
    for number in range(200):
        session = scene.device.session()
        session.begin_stage().dispatch(scene.increment, scene.device.zeros(8, np.int32), grid=8)
        if number % 2:
            session.fence_stage()
            session.begin_stage().dispatch(scene.increment, scene.x, grid=8)
        with pytest.warns(ResourceWarning, match="without a commit"):
            del session
    scene.stage(scene.increment)
    scene.session.commit_and_wait()
    assert scene.value == 1
    scene.device.synchronize()


def test_c65_commit_and_wait_blocks_until_the_result_can_be_read(scene: Scene) -> None:
    scene.stage(scene.increment)
    assert scene.session.commit_and_wait(timeout=60).done()
    assert scene.value == 1


def test_c67_a_fence_drains_and_a_reset_begins_a_stage_that_waits(scene: Scene) -> None:
    first = scene.stage(scene.increment, "attention")
    fenced = scene.session.fence_stage()
    assert state(scene.session) == (True, True, 1, 0, 0)
    assert repr(scene.session) == "<ingot.EncoderSession 'layer', fenced, 1 fences>"
    scene.session.reset()
    assert state(scene.session) == (False, False, 1, 1, 1)
    assert scene.stage(scene.twice, "ffn") is not first
    assert scene.session.commit_and_wait().label == "ffn"
    assert fenced.label == "attention"
    assert scene.session.event is not None
    assert (scene.session.event.value, scene.session.event.label) == (1, "layer")
    assert scene.value == 2


def test_c68_c73_fences_and_waits_are_counted(scene: Scene) -> None:
    for number in range(1, 6):
        scene.stage(scene.increment)
        scene.session.fence_stage()
        assert scene.session.fence_value == number
        if number == 3:
            assert scene.session.event is not None
            scene.session.event.wait(3)
        if number < 5:
            scene.session.reset()
    assert state(scene.session) == (True, True, 5, 4, 4)
    scene.device.synchronize()
    assert scene.session.event is not None
    assert scene.session.event.value == 5
    assert scene.value == 5


def test_c71_scratch_that_is_dropped_between_stages_is_whole(scene: Scene) -> None:
    scratch = scene.device.full(8, 7, np.int32, exact=True)
    scene.session.begin_stage().copy(scratch, scene.x)
    scene.session.fence_stage()
    del scratch
    scene.stage(scene.increment)
    scene.session.commit_and_wait()
    assert scene.value == 8


@pytest.mark.parametrize("count", [1, 7])
def test_c72_n_stages_signal_n_values_and_wait_for_n(scene: Scene, count: int) -> None:
    for _ in range(count):
        scene.stage(scene.increment)
        scene.session.fence_stage()
        scene.session.reset()
    assert state(scene.session) == (False, False, count, count, count)
    scene.session.commit_and_wait()
    assert scene.value == count


def test_c74_chained_by_barriers_ten_dispatches_take_five_command_buffers(scene: Scene) -> None:
    for _ in range(5):
        encoder = scene.stage(scene.increment)
        encoder.dispatch(scene.twice, scene.x, grid=8)
        assert scene.session.commit_stage().barriers == 1
    scene.device.synchronize()
    assert scene.device.statistics().submissions == 5
    assert scene.value == 62


def test_what_is_out_of_order_is_refused(scene: Scene) -> None:
    with pytest.raises(ingot.StateError, match="after a stage is committed"):
        scene.session.reset()
    encoder = scene.stage(scene.increment, "a")
    for use in (scene.session.reset, lambda: scene.session.begin_stage("b")):
        with pytest.raises(ingot.StateError, match="commit"):
            use()
    scene.session.commit_and_wait()
    with pytest.raises(ingot.StateError, match="'a' is committed"):
        encoder.dispatch(scene.increment, scene.x, grid=8)
    with pytest.raises(ingot.ArgumentError, match="label"):
        scene.session.begin_stage(3)  # type: ignore[arg-type]
    assert scene.value == 1


def test_a_stage_that_its_user_ends_is_over_for_the_session_too(scene: Scene) -> None:
    scene.stage(scene.increment)
    scene.session.fence_stage()
    scene.stage(scene.increment, "dropped").discard()
    assert scene.session.is_drained
    with pytest.raises(ingot.StateError, match="'dropped' of this session is committed or discarded"):
        scene.session.commit_stage()
    scene.stage(scene.twice).commit_and_wait()
    assert scene.session.is_drained
    scene.session.reset()
    scene.session.encoder.dispatch(scene.increment, scene.x, grid=8)
    assert scene.session.commit_and_wait().label == "layer"
    assert scene.value == 3


def test_a_with_block_wants_its_last_stage_committed(scene: Scene) -> None:
    with scene.device.session("whole") as session:
        session.encoder.dispatch(scene.increment, scene.x, grid=8)
        session.commit_and_wait()
    with pytest.raises(ingot.UncommittedError, match="'half'"), scene.device.session("half") as session:
        session.encoder.dispatch(scene.increment, scene.x, grid=8)
    with pytest.raises(KeyError), scene.device.session() as session:
        session.encoder.dispatch(scene.increment, scene.x, grid=8)
        raise KeyError
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del session
    assert scene.value == 1


def test_a_session_is_waited_for_by_others_and_on_its_own_queue(scene: Scene) -> None:
    other = scene.device.queue().session("other")
    scene.stage(scene.increment)
    scene.session.fence_stage()
    event = scene.session.event
    assert event is not None
    encoder = other.begin_stage()
    assert encoder.queue is other.queue
    encoder.wait(event, scene.session.fence_value)
    encoder.dispatch(scene.twice, scene.x, grid=8)
    other.commit_and_wait()
    event.wait(1, timeout=60)
    with pytest.raises(ingot.WaitTimeoutError):
        event.wait(2, timeout=0.001)
    assert scene.value == 2


@pytest.mark.software(reason="a GPU need not notice a stray pointer")
def test_after_a_failed_stage_the_next_one_goes_on(scene: Scene) -> None:
    scene.session.begin_stage("broken").dispatch(scene.stray, scene.device.zeros(8, np.int32), grid=1)
    scene.session.fence_stage()
    scene.stage(scene.increment)
    scene.session.commit_and_wait()
    assert scene.session.event is not None
    with pytest.raises(ingot.CommandBufferError, match="'broken'"):
        scene.session.event.wait(1)
    assert scene.value == 1
