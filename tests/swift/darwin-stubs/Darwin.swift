// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names
// What Ingot uses of Apple's Darwin module, so that its Darwin branches can be type-checked elsewhere.

public func getenv(_ name: UnsafePointer<CChar>!) -> UnsafeMutablePointer<CChar>! { nil }

@discardableResult
public func sched_yield() -> Int32 { 0 }
