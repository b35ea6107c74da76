extension UnsafeMutableRawBufferPointer {
  /// Repeats the bytes of one element of 1, 2, 4 or 8 bytes, wherever the memory begins.
  func fill(repeating element: UnsafeRawBufferPointer) {
    guard let start = baseAddress, UInt(bitPattern: start) % UInt(element.count) == 0 else {
      return fillUnaligned(repeating: element)
    }
    switch element.count {
    case 1: initializeMemory(as: UInt8.self, repeating: element[0])
    case 2: initializeMemory(as: UInt16.self, repeating: element.loadUnaligned(as: UInt16.self))
    case 4: initializeMemory(as: UInt32.self, repeating: element.loadUnaligned(as: UInt32.self))
    default: initializeMemory(as: UInt64.self, repeating: element.loadUnaligned(as: UInt64.self))
    }
  }

  /// Copies what is there behind itself, twice as much each time, then in steps that stay in the processor's cache.
  private func fillUnaligned(repeating element: UnsafeRawBufferPointer) {
    guard count >= element.count else { return }
    copyMemory(from: element)
    var filled = element.count
    while filled < count {
      let step = Swift.min(filled, count - filled, 1 << 14)
      UnsafeMutableRawBufferPointer(rebasing: self[filled..<(filled + step)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: self[0..<step]))
      filled += step
    }
  }
}
