// What Ingot uses of Apple's Darwin module, so that its Darwin branches can be type-checked elsewhere.

public func getenv(_ name: UnsafePointer<CChar>!) -> UnsafeMutablePointer<CChar>! { nil }
