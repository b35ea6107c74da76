// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Session".
import CIngot
import Ingot

@c @implementation
public func ingot_session_create(
  _ queue: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ session: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let queue: Queue = try object(queue)
    let result = try required(session, "session")
    result.pointee = try handle(queue.session(label: label.map { String(cString: $0) }))
  }
}

@c @implementation
public func ingot_session_begin_stage(
  _ session: OpaquePointer?, _ label: UnsafePointer<CChar>?, _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let result = try required(encoder, "encoder")
    result.pointee = try handle(session.beginStage(label.map { String(cString: $0) }))
  }
}

@c @implementation
public func ingot_session_get_encoder(
  _ session: OpaquePointer?, _ encoder: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let result = try required(encoder, "encoder")
    result.pointee = try handle(session.encoder)
  }
}

@c @implementation
public func ingot_session_commit_stage(
  _ session: OpaquePointer?, _ submission: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let committed = try session.commitStage()
    if let submission { submission.pointee = try handle(committed) }
  }
}

@c @implementation
public func ingot_session_fence_stage(
  _ session: OpaquePointer?, _ submission: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let committed = try session.fenceStage()
    if let submission { submission.pointee = try handle(committed) }
  }
}

@c @implementation
public func ingot_session_reset(_ session: OpaquePointer?) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    try session.reset()
  }
}

@c @implementation
public func ingot_session_get_event(
  _ session: OpaquePointer?, _ event: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let result = try required(event, "event")
    result.pointee = if let event = session.event { try handle(event) } else { nil }
  }
}

@c @implementation
public func ingot_session_get_info(
  _ session: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_session_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let session: EncoderSession = try object(session)
    let result = try Struct(info, "info")
    var value = ingot_session_info()
    value.fence_value = session.fenceValue
    value.wait_value = session.waitValue
    value.wait_count = UInt64(clamping: session.waitCount)
    value.is_drained = session.isDrained ? 1 : 0
    value.is_fence_pending = session.isFencePending ? 1 : 0
    result.fill(value)
  }
}

@c @implementation
public func ingot_session_release(_ session: OpaquePointer?) -> ingot_status { release(session, .session) }
