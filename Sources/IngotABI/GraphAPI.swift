// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Graph".
import CIngot
import Ingot

@c @implementation
public func ingot_recorder_create(
  _ device: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ ordering: UInt32,
  _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let result = try required(encoder, "encoder")
    let ordering = try known(ordering)
    result.pointee = try handle(device.recorder(label: label.map { String(cString: $0) }, ordering: ordering))
  }
}

@c @implementation
public func ingot_recorder_finish(
  _ encoder: OpaquePointer?, _ graph: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    let result = try required(graph, "graph")
    result.pointee = try handle(encoder.finishRecording())
  }
}

@c @implementation
public func ingot_graph_replay(
  _ graph: OpaquePointer?, _ replacements: UnsafePointer<ingot_replacement>?, _ count: UInt64,
  _ submission: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    let replayed = try graph.replay(list(replacements, count))
    if let submission { submission.pointee = try handle(replayed) }
  }
}

@c @implementation
public func ingot_graph_try_replay(
  _ graph: OpaquePointer?, _ replacements: UnsafePointer<ingot_replacement>?, _ count: UInt64,
  _ submission: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    let replayed = try graph.replay(list(replacements, count), blocking: false)
    if let submission { submission.pointee = try handle(replayed) }
  }
}

@c @implementation
public func ingot_graph_replace(
  _ graph: OpaquePointer?, _ replacements: UnsafePointer<ingot_replacement>?, _ count: UInt64,
  _ other: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    let result = try required(other, "other")
    result.pointee = try handle(graph.replacing(list(replacements, count)))
  }
}

@c @implementation
public func ingot_graph_encode(
  _ graph: OpaquePointer?, _ encoder: OpaquePointer?, _ replacements: UnsafePointer<ingot_replacement>?,
  _ count: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    try graph.encode(to: object(encoder), list(replacements, count))
  }
}

private func list(
  _ replacements: UnsafePointer<ingot_replacement>?, _ count: UInt64
) throws(IngotError) -> [Replacement] {
  guard count > 0 else { return [] }
  guard count <= INGOT_MAX_REPLACEMENTS else {
    throw IngotError(.argument, "a count of \(count) replacements; a graph takes \(INGOT_MAX_REPLACEMENTS)")
  }
  guard let replacements else { throw .null("replacements") }
  var list: [Replacement] = []
  list.reserveCapacity(Int(count))
  for index in 0..<Int(count) { try list.append(replacement(replacements[index])) }
  return list
}

private func replacement(_ given: ingot_replacement) throws(IngotError) -> Replacement {
  guard given.name != nil else { return try .buffer(object(given.recorded), with: object(given.buffer)) }
  let name = try Text.read(given.name, "name")
  let argument = try argument(given)
  guard let dispatch = try dispatch(given.dispatch) else { return .argument(name, with: argument) }
  return .argument(name, of: dispatch, with: argument)
}

private func argument(_ given: ingot_replacement) throws(IngotError) -> Argument {
  guard given.buffer == nil else { return try .buffer(object(given.buffer)) }
  let bytes = try DispatchLimits.values(given.value, UInt64(given.nbytes))
  return try .value(bytes, dtype: given.dtype == 0 ? nil : element(given.dtype))
}

/// nil for every one.
private func dispatch(_ number: UInt64) throws(IngotError) -> Int? {
  number == .max ? nil : try integer(number, "dispatch")
}

@c @implementation
public func ingot_graph_get_argument(
  _ graph: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ number: UInt64,
  _ info: UnsafeMutablePointer<ingot_argument_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    let name = try Text.read(name, "name")
    let result = try Struct(info, "info")
    result.fill(try ingot_argument_info(graph.argument(name, of: dispatch(number))))
  }
}

@c @implementation
public func ingot_graph_get_info(
  _ graph: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_graph_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let graph: Graph = try object(graph)
    let result = try Struct(info, "info")
    var value = ingot_graph_info()
    value.dispatches = UInt64(clamping: graph.statistics.dispatches)
    value.barriers = UInt64(clamping: graph.statistics.barriers)
    value.barriers_spared = UInt64(clamping: graph.statistics.barriersSpared)
    value.ordering = graph.ordering.rawValue
    Text.write(graph.label ?? "", toMember: &value.label)
    result.fill(value)
  }
}

@c @implementation
public func ingot_graph_release(_ graph: OpaquePointer?) -> ingot_status { release(graph, .graph) }
