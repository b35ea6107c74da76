"""The model tests notice mistakes: see mutations.py. Left out by `-m "not mutation"`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mutations import Mutation, Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator

# One workshop for all of them, since it takes longest to set up.
pytestmark = [pytest.mark.mutation, pytest.mark.xdist_group("mutations")]

WINDOWS_FILE = "Ingot/Buffer+Windows.swift"
WINDOWS = [
    Mutation(
        "a window of a window begins in the storage",
        WINDOWS_FILE,
        "layout: layout, offset: self.offset + offset,",
        "layout: layout, offset: offset,",
    ),
    Mutation(
        "a window may end where the storage does",
        WINDOWS_FILE,
        "offset <= nbytes - layout.nbytes else",
        "offset <= totalNbytes - layout.nbytes else",
    ),
    Mutation(
        "a window may end an element late",
        WINDOWS_FILE,
        "offset <= nbytes - layout.nbytes else",
        "offset <= nbytes - layout.nbytes + layout.dtype.size else",
    ),
    Mutation(
        "a kernel gets the window that the one before it got",
        "Ingot/Bindings.swift",
        "if old.storage == address && old.offset == offset { return .none }",
        "if old.storage == address { return .none }",
    ),
]

FIGURES = [
    Mutation(
        "storages that are gone are counted",
        "Ingot/Storage.swift",
        "if isReady { counters.removeStorage(length) }",
        "",
    ),
    Mutation(
        "the peak forgets the cache",
        "Ingot/MemoryLedger.swift",
        "all.peak = max(all.peak, all.bytes)",
        "all.peak = max(all.peak, counters.values.used)",
    ),
]

CORE = "Ingot/PoolCore.swift"
POOL = [
    Mutation(
        "blocks do not wait for the submission",
        "Ingot/Work.swift",
        "Pending(uses: uses, sampler: sampler, end: uses.events.end)",
        "Pending(uses: EncoderUses())",
    ),
    Mutation(
        "blocks do not wait for arrays",
        CORE,
        "guard block != nil, isKnownUniquelyReferenced(&block) else { return [] }",
        "guard block != nil else { return [] }",
    ),
    Mutation(
        "a reset knows no quarantine",
        CORE,
        "if isKnownUniquelyReferenced(&taken[index]) {",
        "if taken[index] != nil {",
    ),
    Mutation(
        "a reset leaves old references usable",
        "Ingot/Lease.swift",
        "body.pointee.phase.store(.expired, ordering: .releasing)",
        "",
    ),
    Mutation("what is released goes back twice", CORE, "block?.isReturned = true", ""),
    Mutation(
        "blocks are smaller than what was asked for",
        "Ingot/SizeClass.swift",
        "if nbytes <= largestPower { return octave - 3 }",
        "if nbytes <= largestPower { return max(0, octave - 4) }",
    ),
    Mutation(
        "zeros are taken to be there",
        "Ingot/BufferMaker.swift",
        "if let initial { withExtendedLifetime(block)",
        "if let initial, initial.contains(where: { $0 != 0 }) { withExtendedLifetime(block)",
    ),
    Mutation("decay does not look at the time", CORE, "now - min(now, oldest) >= decay,", ""),
    Mutation("nothing decays", CORE, "{ self.dropOld() }", "{ _ = self }"),
    Mutation("the limit is for nothing", CORE, "if surplus > state.shelves.counts.cachedBytes {", "if false {"),
    Mutation(
        "too much is cached",
        "Ingot/PoolLimits.swift",
        "shelves.trim(to: cached, &removed) guard",
        "guard",
    ),
    Mutation(
        "critical pressure takes half",
        "Ingot/PoolPressure.swift",
        "trim { pressure == .critical ? 0 : $0 / 2 }",
        "trim { $0 / 2 }",
    ),
    Mutation(
        "a warning takes everything",
        "Ingot/PoolPressure.swift",
        "trim { pressure == .critical ? 0 : $0 / 2 }",
        "trim { _ in 0 }",
    ),
    Mutation(
        "lazy memory is not enrolled",
        "Ingot/Storage.swift",
        "lease.begin(block) block.enrol(lease)",
        "lease.begin(block)",
    ),
    Mutation(
        "quarantine never ends",
        CORE,
        "if block.isQuarantined { state.shelves.counts.quarantined -= 1 }",
        "",
    ),
    Mutation(
        "the last one used goes first",
        "Ingot/PoolShelves.swift",
        "let unit = cached.first guard unit >= 0 else { return nil }",
        "let unit = cached.last; guard unit >= 0 else { return nil }",
    ),
    Mutation(
        "a part of a buffer is released as the whole",
        "Ingot/Pool+Return.swift",
        "guard buffer.offset == 0, buffer.nbytes == buffer.totalNbytes else {",
        "guard buffer.offset == 0 else {",
    ),
    Mutation(
        "every request is a hit",
        CORE,
        "if found != nil { state.shelves.counts.hits += 1 }",
        "state.shelves.counts.hits += 1",
    ),
]

CHANGES = "test_c02_c06_c08_allocations_come_and_go_with_one_commit"
BUDGET = "test_memory_beyond_the_budget_waits_and_works"
IDLE = "test_memory_is_kept_alive_while_the_device_is_idle"
RESIDENCY = [
    (
        CHANGES,
        Mutation(
            "each allocation is committed",
            "Ingot/Residency.swift",
            "if isOverdue { commitRemovals() }",
            "flush()",
        ),
    ),
    (
        CHANGES,
        Mutation(
            "a set that nothing was changed in is committed again",
            "Ingot/ResidencySlot.swift",
            "(isTouched, isApplying) = (false, true)",
            "isApplying = true",
        ),
    ),
    (
        "test_dropped_memory_goes_back_after_a_second_without_a_submission",
        Mutation(
            "dropped memory waits for a submission",
            "Ingot/Residency.swift",
            "guard state.plan.hasRemovals else { return }",
            "return",
        ),
    ),
    (
        "test_dropped_memory_goes_back_after_a_second_without_a_submission",
        Mutation(
            "dropped memory stays in its set",
            "Ingot/ResidencyPlan.swift",
            "if !removals.isEmpty { set.removeAllocations(removals) }",
            "",
        ),
    ),
    (BUDGET, Mutation("no budget", "Ingot/ResidencyPlan.swift", "member.bytes <= budget - wiredBytes,", "")),
    (
        BUDGET,
        Mutation(
            "what waits is never let in",
            "Ingot/ResidencyPlan.swift",
            "guard hasNewRoom, waiting.count > 0 else { return }",
            "return",
        ),
    ),
    (
        IDLE,
        Mutation(
            "memory is kept alive for ever",
            "Ingot/KeepAlive.swift",
            "guard !isBeyond, next <= state.duration else",
            "guard !isBeyond else",
        ),
    ),
    (
        IDLE,
        Mutation(
            "only the first beat comes",
            "Ingot/KeepAlive.swift",
            "if requests > 0 { arm(&state) }",
            "",
        ),
    ),
]

RECORD = "Ingot/CommandEncoder+Record.swift"
GRAPHS = [
    Mutation(
        "a graph needs no barrier before it",
        RECORD,
        "hazards.isFull || hazards.conflicts(graph.beginning)",
        "hazards.isFull",
    ),
    Mutation("what a graph has done is forgotten", RECORD, "hazards.formUnion(graph.end)", ""),
    Mutation("what was bound before a graph is bound after it", RECORD, "bindings = Bindings()", ""),
    Mutation(
        "a graph begins where its last barrier is",
        "Ingot/Recording.swift",
        "if beginning == nil { beginning = hazards }",
        "beginning = hazards",
    ),
    Mutation(
        "a replay has no barriers",
        "Ingot/GraphPlan.swift",
        "case .barrier: if withBarriers { target.barrier() }",
        "case .barrier: break",
    ),
    Mutation(
        "a value by name is put in the place of the first alone",
        "Ingot/GraphPlan.swift",
        "for value in values where value.name == name {",
        "for value in values.prefix(1) where value.name == name {",
    ),
    Mutation(
        "a name holds against the number of a dispatch",
        "Ingot/Graph+Replacing.swift",
        "guard case .argument(let name, let dispatch) = replacement.place else { continue }",
        "guard case .argument(let name, let dispatch) = replacement.place, replacements.count < 2 else { continue }",
    ),
]


HAZARDS = "Ingot/HazardTracker.swift"
CONFLICTS = "written.overlaps(start, end) || (writes && read.overlaps(start, end))"
RECORD = """
  }
  /// Notes that a dispatch uses these bytes.
  @inline(__always)
  mutating func record(_ start: UInt, _ end: UInt, reads: Bool, writes: Bool) {
    owner = 0"""
COPY = """try put(
          kernel, buffers, values ?? UnsafeRawBufferPointer(start: nil, count: 0), .threads(Extent(threads)),
          nil, isCall: false)"""
ORDER = [
    Mutation("no barrier for a read after a write", HAZARDS, CONFLICTS, "writes && read.overlaps(start, end)"),
    Mutation("no barrier for a write after a read", HAZARDS, CONFLICTS, "written.overlaps(start, end)"),
    Mutation(
        # What writes may read as well, so what was written is noted as not read.
        "no barrier for a write after a write",
        HAZARDS,
        f"{CONFLICTS} {RECORD}\n if reads {{",
        f"writes ? read.overlaps(start, end) : {CONFLICTS} {RECORD}\n if reads && !writes {{",
    ),
    Mutation(
        "no barrier between a copy or fill and what follows it",
        "Ingot/CommandEncoder+Copy.swift",
        COPY,
        f"let before = hazards\n{COPY}\nhazards = before",
    ),
    Mutation(
        "a barrier that the caller puts is none",
        "Ingot/CommandEncoder+Barrier.swift",
        "if dispatchCount > 0, ordering != .serial {",
        "if dispatchCount > 0, ordering == .automatic {",
    ),
    Mutation(
        "serial encoders are concurrent",
        "Ingot/CommandEncoder+Pass.swift",
        "let type: MTLDispatchType = ordering == .serial ? .serial : .concurrent",
        "let type = MTLDispatchType.concurrent",
    ),
    Mutation(
        "Metal does not order encoders: memory is untracked",
        "Ingot/Memory.swift",
        "if let metal = metal.makeBuffer(length: length, options: .storageModeShared)",
        "if let metal = metal.makeBuffer(length: length, options: .hazardTrackingModeUntracked)",
    ),
    Mutation(
        "Metal does not order submissions: each has a queue of its own",
        "Ingot/CommandEncoder.swift",
        "let made = (otherQueue?.metalQueue ?? device.metalQueue).makeCommandBuffer()",
        "let made = device.metalDevice.makeCommandQueue()?.makeCommandBuffer()",
    ),
    Mutation(
        "queues do not wait for events",
        "Ingot/CommandEncoder+Events.swift",
        "commandBuffer.encodeWaitForEvent(event.metalEvent, value: value)",
        "",
    ),
    Mutation(
        "the host does not wait for what writes the memory that it looks at",
        "Ingot/CommandEncoder.swift",
        "for use in uses.storages { use.storage.stamp(work.ticket, of: queue, use.bytes) }",
        "",
    ),
]


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workshop(Path(folder).resolve())


@pytest.mark.parametrize("mutation", WINDOWS, ids=str)
def test_window_model(workshop: Workshop, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, "test_window_model.py::test_windows_are_like_numpy_views")


@pytest.mark.parametrize("mutation", POOL, ids=str)
def test_pool_model(workshop: Workshop, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, "test_pool_model.py::test_pools_are_like_their_model")


@pytest.mark.parametrize("mutation", FIGURES, ids=str)
def test_memory_model(workshop: Workshop, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, "test_memory_stats.py::test_figures_are_exact_after_each_operation")


@pytest.mark.parametrize(("test", "mutation"), RESIDENCY, ids=str)
def test_residency(workshop: Workshop, test: str, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, f"test_residency.py::{test}")


@pytest.mark.parametrize("mutation", ORDER, ids=str)
def test_order_model(workshop: Workshop, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, "test_order_model.py::test_programs_end_as_if_one_step_came_after_the_other")


@pytest.mark.parametrize("mutation", GRAPHS, ids=str)
def test_graph_model(workshop: Workshop, mutation: Mutation) -> None:
    workshop.assert_noticed(mutation, "test_graph_model.py::test_graphs_are_like_their_model")


QUICK = "test_windows.py::test_iteration_and_membership"
BEGINNING = "let layout = try Layout(dtype: dtype ?? self.dtype, shape: shape)"


def test_text_must_be_there_once() -> None:
    with pytest.raises(AssertionError, match="has 0 times"):
        Mutation("", "", "a b", "c").apply("a c")
    with pytest.raises(AssertionError, match="has 2 times"):
        Mutation("", "", "a b", "c").apply("a b; a  b")
    assert Mutation("", "", "a\\1 b", "\\1").apply("(a\\1\n  b)") == "(\\1)"


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        ("_ = 1", "does not notice"),
        ("this is no Swift", "does not build"),
        ('if true { fatalError("a crash") }', "another way than by what it asserts: exit status -"),
        ("while true {}", "another way than by what it asserts(.|\n)*stopped after 8 s"),
    ],
)
def test_what_is_no_proof_is_refused(workshop: Workshop, mistake: str, complaint: str) -> None:
    mutation = Mutation(mistake, WINDOWS_FILE, BEGINNING, f"{BEGINNING}\n{mistake}\n")
    with pytest.raises(AssertionError, match=complaint):
        workshop.assert_noticed(mutation, QUICK, timeout=8 if "while" in mistake else 120)
