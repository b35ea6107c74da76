// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Notifier".
import CIngot
import Ingot

@c @implementation
public func ingot_notifier_create(
  _ notifier: UnsafeMutablePointer<OpaquePointer?>?, _ descriptor: UnsafeMutablePointer<Int32>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let result = try required(notifier, "notifier")
    let place = try required(descriptor, "descriptor")
    cingot_watch_forks()
    let made = try CompletionNotifier()
    result.pointee = try handle(made)
    place.pointee = made.fileDescriptor
  }
}

@c @implementation
public func ingot_notifier_take(
  _ notifier: OpaquePointer?, _ tokens: UnsafeMutablePointer<UInt64>?, _ capacity: UInt64,
  _ count: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let notifier: CompletionNotifier = try object(notifier)
    let result = try required(count, "count")
    let waiting = notifier.count
    guard capacity > 0 else {
      result.pointee = UInt64(clamping: waiting)
      return
    }
    let memory = UnsafeMutableBufferPointer(
      start: try required(tokens, "tokens"), count: min(Int(clamping: capacity), waiting))
    result.pointee = UInt64(clamping: notifier.take(into: memory))
  }
}

@c @implementation
public func ingot_notifier_release(_ notifier: OpaquePointer?) -> ingot_status {
  release(notifier, .notifier)
}

@c @implementation
public func ingot_submission_notify(
  _ submission: OpaquePointer?, _ notifier: OpaquePointer?, _ token: UInt64
) -> ingot_status {
  boundary { () throws(IngotError) in
    let submission: Submission = try object(submission)
    try submission.notify(object(notifier), token: token)
  }
}

@c @implementation
public func ingot_encoder_begin(
  _ encoder: OpaquePointer?, _ notifier: OpaquePointer?, _ token: UInt64,
  _ has_begun: UnsafeMutablePointer<UInt8>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    let notifier: CompletionNotifier = try object(notifier)
    let result = try required(has_begun, "has_begun")
    result.pointee = try encoder.begin(notifying: notifier, token: token) ? 1 : 0
  }
}

@c @implementation
public func ingot_encoder_wait_to_begin(
  _ encoder: OpaquePointer?, _ timeout: UInt64, _ has_begun: UnsafeMutablePointer<UInt8>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    let result = try required(has_begun, "has_begun")
    result.pointee = try encoder.begin(timeout: duration(timeout)) ? 1 : 0
  }
}

@c @implementation
public func ingot_encoder_set_blocking(_ encoder: OpaquePointer?, _ blocking: UInt8) -> ingot_status {
  boundary { () throws(IngotError) in
    let encoder: CommandEncoder = try object(encoder)
    encoder.isBlocking = blocking != 0
  }
}
