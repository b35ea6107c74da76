// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Library": what the dynamic library says about itself.
import CIngot
import Ingot

@c @implementation
public func ingot_abi_version() -> UInt32 { UInt32(INGOT_ABI_VERSION) }

@c @implementation
public func ingot_count_live_objects(_ counts: UnsafeMutablePointer<ingot_live_objects>?) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try Struct(counts, "counts")
    var value = ingot_live_objects()
    value.handles = UInt64(clamping: handles.count)
    value.devices = UInt64(clamping: LiveObjects.devices)
    value.storages = UInt64(clamping: LiveObjects.storages)
    value.libraries = UInt64(clamping: LiveObjects.libraries)
    value.kernels = UInt64(clamping: LiveObjects.kernels)
    value.encoders = UInt64(clamping: LiveObjects.encoders)
    value.submissions = UInt64(clamping: LiveObjects.submissions)
    value.metal_objects = UInt64(clamping: LiveObjects.metalObjects)
    value.residency_sets = UInt64(clamping: LiveObjects.residencySets)
    value.events = UInt64(clamping: LiveObjects.events)
    value.queues = UInt64(clamping: LiveObjects.queues)
    value.sessions = UInt64(clamping: LiveObjects.sessions)
    value.profiles = UInt64(clamping: LiveObjects.profiles)
    value.notifiers = UInt64(clamping: LiveObjects.notifiers)
    value.graphs = UInt64(clamping: LiveObjects.graphs)
    result.fill(value)
  }
}
