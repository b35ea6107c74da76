"""Programs of several encoders against the same steps one after another on arrays, in every order that Metal allows."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from order_model import NBYTES, QUEUES, SOURCE, STORAGES, Memory, Part, Program, Step, Window, programs

import ingot

if TYPE_CHECKING:
    from collections.abc import Callable


class Player:
    """Runs programs on a device, on storages that stay the same."""

    is_ordered = True
    """Whether queues wait for one another."""

    def __init__(self) -> None:
        self.device = ingot.Device.new(0)
        library = self.device.compile(SOURCE)
        self.kernels = {name: library.kernel(name) for name in ("affine", "horner")}
        self.queues = [self.device.default_queue, *(self.device.queue() for _ in range(QUEUES - 1))]
        self.gate = self.device.event("gate")
        self.ends = [self.device.event(f"end of queue {number}") for number in range(QUEUES)]
        self.opened = self.ended = 0
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
            stack.callback(self.open)
            self.hold_back()
            for number, part in enumerate(program.parts):
                self.commit(program, number, encoders[number])
                part.run(self.model)
                if part.is_awaited:
                    self.compare()
                    self.hold_back()
            self.compare()
        self.ended += len(program.parts)

    def commit(self, program: Program, number: int, encoder: ingot.CommandEncoder) -> None:
        if isinstance(encoder, ingot.Graph):
            with encoder:
                pass  # which ends the recording
            graph, encoder = encoder, self.begin(program, number)
            graph.encode(encoder)
        encoder.signal(self.ends[program.parts[number].queue], self.ended + number + 1)
        encoder.commit()

    def hold_back(self) -> None:
        for queue in self.queues:
            with queue.encoder() as encoder:
                encoder.wait(self.gate, self.opened + 1)
                encoder.commit()

    def open(self) -> None:
        self.opened += 1
        self.gate.signal(self.opened)

    def compare(self) -> None:
        self.open()
        for storage, content in zip(self.storages, self.model, strict=True):
            assert np.array_equal(storage.numpy(wait=True), content)

    def encode(self, program: Program, stack: ExitStack) -> list[ingot.CommandEncoder]:
        """All encoders and recordings at a time, a step of one and then of another. The stack gives up what is left."""
        encoders = [
            self.device.record(ordering=part.ordering) if part.is_recorded else self.begin(program, number)
            for number, part in enumerate(program.parts)
        ]
        for encoder in encoders:
            stack.callback(give_up, encoder)
        rest = [self.calls(part, encoder) for part, encoder in zip(program.parts, encoders, strict=True)]
        chance = Random(program.seed)
        while rest := [calls for calls in rest if calls]:
            chance.choice(rest).pop(0)()
        return encoders

    def begin(self, program: Program, number: int) -> ingot.CommandEncoder:
        """Metal orders no queues: each encoder begins with waits for what others do before it to the same memory."""
        part = program.parts[number]
        encoder = self.queues[part.queue].encoder(ordering=part.ordering)
        for other in program.waits[number] if self.is_ordered else []:
            encoder.wait(self.ends[program.parts[other].queue], self.ended + other + 1)
        return encoder

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
        kernel = self.kernels[step.kind]
        if step.value % 2:
            bound = kernel.bind(words, argument)
            return lambda: encoder.dispatch(bound, grid=words.size)
        return lambda: encoder.dispatch(kernel, words, argument, grid=words.size)

    def buffer(self, window: Window) -> ingot.Buffer:
        return self.storages[window.storage][window.start : window.stop]


def for_programs(check: Callable[[Program], None], count: int) -> None:
    quiet = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    quiet(given(programs())(check))()


def test_programs_end_as_if_one_step_came_after_the_other() -> None:
    player = Player()
    for_programs(player.play, 120)


@pytest.mark.software(reason="a GPU may run what is not ordered in order")
def test_without_events_queues_have_no_order() -> None:
    player = Player()
    player.is_ordered = False
    wrong = []

    def check(program: Program) -> None:
        try:
            player.play(program)
        except AssertionError:
            wrong.append(program)

    for_programs(check, 60)
    assert wrong


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
