// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// The C side of Ingot. A file here does three things: resolve handles, call Ingot, translate the outcome. An `if`
// about the subject belongs in Ingot. `@c @implementation` makes the compiler match each function with ingot.h.
import CIngot
import Ingot

@c @implementation public func ingot_abi_version() -> UInt32 { UInt32(INGOT_ABI_VERSION) }
