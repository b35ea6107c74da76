"""Loads the library, or says why not."""

try:
    from ingot._ingot import ffi as ffi  # noqa: PLC0414, for the other modules of the border
    from ingot._ingot import lib as lib  # noqa: PLC0414
except ImportError as reason:
    message = f"Ingot's library is not built or does not load ({reason}): `pip install ./python` in its repository"
    raise ImportError(message) from reason

if lib.ingot_abi_version() != lib.INGOT_ABI_VERSION:
    message = (
        f"libIngotABI has ABI version {lib.ingot_abi_version()} and this package needs {lib.INGOT_ABI_VERSION}: "
        "`pip install ./python` in Ingot's repository"
    )
    raise ImportError(message)
