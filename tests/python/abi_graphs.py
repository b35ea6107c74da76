"""Good calls of the functions of ingot.h about recordings and graphs: a part of `abi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingot._native import ffi, lib


class GraphArguments:
    """What `Live` has for them."""

    if TYPE_CHECKING:  # by Live
        handles: dict[str, Any]
        _keep: list[Any]
        _recorders: list[Any]

        def _recorder(self) -> Any: ...

    def _recorder_finish(self, _: str) -> list[Any]:
        self._recorders += [self._recorder()]
        return [self._recorders[-1], ffi.new("ingot_graph *")]

    def _replacements(self) -> list[Any]:
        """One of a value; what a wrong count reads is there, too."""
        array = ffi.new("ingot_replacement[]", lib.INGOT_MAX_REPLACEMENTS)
        self._keep += [name := ffi.new("char[]", b"a"), value := ffi.new("float *", 3)]
        array[0].name, array[0].value, array[0].nbytes, array[0].dtype = name, value, 4, lib.INGOT_FLOAT32
        array[0].dispatch = (1 << 64) - 1
        return [array, 1]

    def _graph_try_replay(self, _: str) -> list[Any]:
        return self._graph_replay(_)

    def _graph_replay(self, _: str) -> list[Any]:
        return [self.handles["graph"], *self._replacements(), ffi.new("ingot_submission *")]

    def _graph_replace(self, _: str) -> list[Any]:
        return [self.handles["graph"], *self._replacements(), ffi.new("ingot_graph *")]

    def _graph_encode(self, _: str) -> list[Any]:
        return [self.handles["graph"], self.handles["encoder"], *self._replacements()]

    def _graph_get_argument(self, _: str) -> list[Any]:
        info = ffi.new("ingot_argument_info *")
        info.size = ffi.sizeof(info[0])
        return [self.handles["graph"], ffi.new("char[]", b"a"), (1 << 64) - 1, info]
