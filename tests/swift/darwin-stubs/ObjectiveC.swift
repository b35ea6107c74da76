// What Ingot uses of Apple's ObjectiveC module, so that its Darwin branches can be type-checked elsewhere.

public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result { try body() }
