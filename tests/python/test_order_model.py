"""Programs of several encoders against the same steps one after another on arrays, in every order that Metal allows."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, given, settings
from kernels import Gate
from order_model import NBYTES, SOURCE, STORAGES, Memory, Part, Program, Step, Window, programs

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable


class Player:
    """Runs programs on a device, on storages that stay the same."""

    def __init__(self) -> None:
        self.device = ingot.Device.new(0)
        library = self.device.compile(SOURCE)
        self.kernels = {name: library.kernel(name) for name in ("affine", "horner")}
        self.gate = Gate(self.device)
        # Metal orders whole allocations, so each has its own.
        self.storages = [self.device.empty(NBYTES, np.uint8, exact=True) for _ in range(STORAGES)]
        self.model: Memory = [np.zeros(NBYTES, np.uint8) for _ in range(STORAGES)]

    def play(self, program: Program) -> None:
        """Nothing runs before all of a program, up to where it waits, is committed."""
        for number, (storage, content) in enumerate(zip(self.storages, self.model, strict=True)):
            content[:] = np.arange(NBYTES) * (number + 3)
            storage.numpy(wait=True)[:] = content
        with ExitStack() as stack:
            encoders = self.encode(program, stack)
            stack.callback(self.gate.open)
            self.hold_back()
            for part, encoder in zip(program.parts, encoders, strict=True):
                encoder.commit()
                part.run(self.model)
                if part.is_awaited:
                    self.compare()
                    self.hold_back()
            self.compare()

    def hold_back(self) -> None:
        with self.gate.encoder(self.device) as encoder:
            encoder.commit()

    def compare(self) -> None:
        self.gate.open()
        for storage, content in zip(self.storages, self.model, strict=True):
            assert np.array_equal(storage.numpy(wait=True), content)

    def encode(self, program: Program, stack: ExitStack) -> list[ingot.CommandEncoder]:
        """All encoders at a time, a step of one and then of another. The stack gives up those that are left."""
        encoders = [self.device.encoder(ordering=part.ordering) for part in program.parts]
        for encoder in encoders:
            stack.callback(give_up, encoder)
        rest = [self.calls(part, encoder) for part, encoder in zip(program.parts, encoders, strict=True)]
        chance = Random(program.seed)
        while rest := [calls for calls in rest if calls]:
            chance.choice(rest).pop(0)()
        return encoders

    def calls(self, part: Part, encoder: ingot.CommandEncoder) -> list[Callable[[], None]]:
        """What encodes the part; by hand with the barriers that its steps need, and no others."""
        if part.ordering != "manual":
            return [self.call(step, encoder) for step in part.steps]
        calls = []
        for step, is_needed, storages in zip(part.steps, part.barriers, part.named_barriers, strict=True):
            if part.names_buffers and storages:
                calls.append(self.barrier(encoder, storages))
            elif is_needed and not part.names_buffers:
                calls.append(encoder.barrier)
            calls.append(self.call(step, encoder))
        return calls

    def barrier(self, encoder: ingot.CommandEncoder, storages: list[int]) -> Callable[[], None]:
        return lambda: encoder.barrier(*(self.storages[storage] for storage in storages))

    def call(self, step: Step, encoder: ingot.CommandEncoder) -> Callable[[], None]:
        target = self.buffer(step.target)
        source = None if step.source is None else self.buffer(step.source)
        if step.kind == "fill":
            return lambda: encoder.fill(target, step.value)
        if step.kind == "copy":
            assert source is not None
            return lambda: encoder.copy(source, target)
        words = target.view(np.uint32)
        argument = step.value if source is None else source.view(np.uint32)
        return lambda: encoder.dispatch(self.kernels[step.kind], words, argument, grid=words.size)

    def buffer(self, window: Window) -> ingot.Buffer:
        return self.storages[window.storage][window.start : window.stop]


def for_programs(check: Callable[[Program], None], count: int) -> None:
    quiet = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    quiet(given(programs())(check))()


def test_programs_end_as_if_one_step_came_after_the_other() -> None:
    player = Player()
    for_programs(player.play, 120)


def test_barriers_are_as_few_as_can_be() -> None:
    player = Player()
    seen: Counter[str] = Counter()

    def check(program: Program) -> None:
        with ExitStack() as stack:
            encoders = player.encode(program, stack)
            for part, encoder in zip(program.parts, encoders, strict=True):
                count(part, encoder)

    def count(part: Part, encoder: ingot.CommandEncoder) -> None:
        needed = {"automatic": sum(part.barriers), "serial": 0, "manual": encoder.barriers}[part.ordering]
        spared = len(part.steps) - 1 - needed if part.ordering == "automatic" else 0
        assert (encoder.dispatches, encoder.barriers, encoder.barriers_spared) == (len(part.steps), needed, spared)
        if part.ordering == "automatic":
            seen.update(put=needed, spared=spared)

    for_programs(check, 100)
    assert min(seen["put"], seen["spared"]) > 50


def give_up(encoder: ingot.CommandEncoder) -> None:
    with suppress(ingot.StateError):  # it was committed
        encoder.discard()
