"""Windows against NumPy: a machine of slices, reshapes, views and writes, on both sides and on the GPU."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from kernels import ADD

import ingot
from ingot import _native

DTYPES = [np.uint8, np.int16, np.int32, np.uint32, np.int64]
KERNELS = {np.dtype(dtype): f"add_{np.dtype(dtype).name}" for dtype in DTYPES}
MOST = 40

Model = np.ndarray[Any, Any]
Pair = tuple[ingot.Buffer, Model]


class Windows(RuleBasedStateMachine):
    """Pairs of a buffer and the NumPy view that it must be like, however it was reached and whatever else is gone."""

    pairs: Bundle[Pair] = Bundle("pairs")
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.device = ingot.Device.new(0)
        self.library = self.device.compile(ADD)
        self.ids: set[int] = set()
        self.storages: dict[int, int] = {}

    def remember(self, buffer: ingot.Buffer, model: Model) -> Pair:
        """Checks a new pair; the model's outermost base stands for the storage."""
        base = model
        while isinstance(base.base, np.ndarray):
            base = base.base
        assert buffer.id not in self.ids
        self.ids.add(buffer.id)
        assert self.storages.setdefault(id(base), buffer.storage_id) == buffer.storage_id
        assert buffer.offset == address(model) - address(base)
        assert (buffer.total_nbytes, buffer.nbytes) == (base.nbytes, model.nbytes)
        self.check(buffer, model)
        return buffer, model

    def check(self, buffer: ingot.Buffer, model: Model) -> None:
        view = buffer.numpy()
        assert (view.shape, view.dtype) == (model.shape, model.dtype)
        assert np.array_equal(view, model)

    @initialize(target=pairs, seed=st.integers(0, 1000))
    def start(self, seed: int) -> Any:
        chance = np.random.default_rng(seed)
        # The models of storages stay, so that their ids do.
        self.bases: list[Model] = [chance.integers(0, 100, shape, dtype) for shape, dtype in
                                   (((4, 6, 8), np.int32), ((512,), np.uint8), ((9, 7), np.int16))]  # fmt: skip
        return multiple(*(self.remember(self.device.array(base), base) for base in self.bases))

    @rule(target=pairs, pair=pairs, data=st.data())
    def index(self, pair: Pair, data: st.DataObject) -> Any:
        """Any basic index; where NumPy's view is contiguous and not empty Ingot has one, else an error."""
        buffer, model = pair
        rank = data.draw(st.integers(0, model.ndim))
        key = tuple(data.draw(axis_index(extent)) for extent in model.shape[:rank])
        plain = key[0] if len(key) == 1 and data.draw(st.booleans()) else key
        note(f"{plain} of {model.shape}")
        expected = model[(*key, ...)]
        if expected.size and expected.flags.c_contiguous:
            return self.remember(buffer[plain], expected)
        return refused(lambda: buffer[plain])

    @rule(target=pairs, pair=pairs, data=st.data())
    def reshape(self, pair: Pair, data: st.DataObject) -> Any:
        buffer, model = pair
        shape = tuple(data.draw(st.lists(st.sampled_from([-1, 1, 2, 3, 4, 6, 8, model.size]), max_size=4)))
        try:
            expected = model.reshape(shape)
        except ValueError:
            return refused(lambda: buffer.reshape(shape))
        return self.remember(buffer.reshape(shape), expected)

    @rule(target=pairs, pair=pairs)
    def flatten(self, pair: Pair) -> Any:
        return self.remember(pair[0].flat, pair[1].reshape(-1))

    @rule(target=pairs, pair=pairs, dtype=st.sampled_from(DTYPES))
    def view(self, pair: Pair, dtype: type[Any]) -> Any:
        buffer, model = pair
        try:
            expected = model.view(dtype)
        except ValueError:
            return refused(lambda: buffer.view(dtype))
        return self.remember(buffer.view(dtype), expected)

    @rule(target=pairs, pair=pairs, dtype=st.sampled_from(DTYPES), data=st.data())
    def window(self, pair: Pair, dtype: type[Any], data: st.DataObject) -> Any:
        """Often one that ends where the buffer does, or a little later."""
        buffer, model = pair
        size = np.dtype(dtype).itemsize
        offset = data.draw(st.integers(-1, model.nbytes + 1))
        rest = max(0, (model.nbytes - offset) // size)
        count = data.draw(st.integers(0, rest + 2) | st.integers(rest, rest + 1))
        flat = model.reshape(-1).view(np.uint8)
        end = offset + count * size
        if offset < 0 or count == 0 or end > flat.size:
            return refused(lambda: buffer.window(offset, count, dtype))
        return self.remember(buffer.window(offset, count, dtype), flat[offset:end].view(dtype))

    @rule(target=pairs, pair=pairs)
    def copy(self, pair: Pair) -> Any:
        buffer, model = pair
        self.bases.append(model.copy())
        return self.remember(buffer.copy(), self.bases[-1])

    @rule(pair=pairs, value=st.integers(0, 100))
    def write_by_the_host(self, pair: Pair, value: int) -> None:
        for array in (pair[0].numpy(), pair[1]):
            array[...] = value

    @rule(batch=st.lists(st.tuples(pairs, st.integers(0, 50)), min_size=1, max_size=4))
    def write_by_kernels(self, batch: list[tuple[Pair, int]]) -> None:
        """In one encoder, so that windows that overlap must wait for one another and what is misaligned is refused."""
        with self.device.encoder() as encoder:
            for (buffer, model), value in batch:
                kernel = self.library.kernel(KERNELS[model.dtype])
                if buffer.offset % buffer.itemsize:
                    refused(lambda b=buffer, k=kernel, v=value: encoder.dispatch(k, b, v, grid=b.size))
                    continue
                encoder.dispatch(kernel, buffer, value, grid=buffer.size)
                with np.errstate(over="ignore"):
                    np.add(model, model.dtype.type(value), out=model)
            encoder.commit_and_wait()

    @rule(pair=consumes(pairs), closing=st.booleans())
    def drop(self, pair: Pair, closing: bool) -> None:  # noqa: FBT001, drawn
        view, model = pair[0].numpy(), pair[1]
        if closing:
            pair[0].close()
        del pair
        gc.collect(0)
        assert np.array_equal(view, model)

    @invariant()
    def everything_is_alike(self) -> None:
        type(self).steps += 1
        names = self.bundles.get("pairs", [])
        for reference in names[-MOST:]:
            self.check(*self.names_to_values[reference.name])


def address(array: Model) -> int:
    return int(array.__array_interface__["data"][0])


def axis_index(extent: int) -> st.SearchStrategy[int | slice]:
    end = st.none() | st.integers(-extent - 1, extent + 1)
    return st.integers(-extent, extent - 1) | st.builds(slice, end, end, st.sampled_from([None, None, 1, 2, -1]))


def refused(call: Any) -> Any:
    """Nothing new, and an error that says so."""
    try:
        call()
    except ingot.ArgumentError:
        return multiple()
    raise AssertionError("no error")


def test_windows_are_like_numpy_views() -> None:
    before = _native.live_objects()["handles"]
    machine = settings(
        max_examples=60, stateful_step_count=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    Windows.steps = 0
    run_state_machine_as_test(Windows, settings=machine)
    assert Windows.steps > 2000
    gc.collect()
    assert _native.live_objects()["handles"] <= before
