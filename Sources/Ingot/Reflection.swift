import Metal

extension KernelArgument {
  /// The kernel's arguments in Ingot's order, from what Metal says about them.
  static func arguments(from bindings: [any MTLBinding]) -> [KernelArgument] {
    let buffers = bindings.filter { $0.type == .buffer }.compactMap { $0 as? any MTLBufferBinding }
    let threadgroups = bindings.filter { $0.type == .threadgroupMemory }.compactMap {
      $0 as? any MTLThreadgroupBinding
    }
    return buffers.sorted { $0.index < $1.index }.map(KernelArgument.init(buffer:))
      + threadgroups.sorted { $0.index < $1.index }.map(KernelArgument.init(threadgroup:))
  }

  /// What the first used argument is that Ingot has nothing to give for; nil if there is none. Metal itself would run
  /// the kernel without it, or abort the process.
  static func unsupported(in bindings: [any MTLBinding]) -> (name: String, kind: String)? {
    for binding in bindings where binding.isUsed {
      if let kind = binding.type.unsupportedKind { return (binding.name, kind) }
    }
    return nil
  }

  private init(buffer: any MTLBufferBinding) {
    let scalars = buffer.bufferDataType.scalars
    let access: Access =
      switch buffer.access {
      case .readOnly: .read
      case .writeOnly: .write
      default: .readWrite
      }
    self.init(
      name: buffer.name, kind: .buffer, index: buffer.index, dtype: scalars?.dtype,
      width: scalars?.count ?? 0,
      // Metal says -1 where it does not know a size.
      nbytes: max(0, buffer.bufferDataSize), alignment: buffer.bufferAlignment, access: access,
      isUsed: buffer.isUsed,
      // Reflection does not name address spaces; only `constant` and `const device` are read-only.
      takesInline: access == .read)
  }

  private init(threadgroup: any MTLThreadgroupBinding) {
    self.init(
      name: threadgroup.name, kind: .threadgroup, index: threadgroup.index, dtype: nil, width: 0,
      nbytes: threadgroup.threadgroupMemoryDataSize, alignment: threadgroup.threadgroupMemoryAlignment,
      access: .readWrite, isUsed: threadgroup.isUsed, takesInline: false)
  }
}

extension MTLBindingType {
  fileprivate var unsupportedKind: String? {
    switch self {
    case .texture: "a texture"
    case .sampler: "a sampler"
    case .visibleFunctionTable, .intersectionFunctionTable: "a function table"
    case .primitiveAccelerationStructure, .instanceAccelerationStructure: "an acceleration structure"
    default: nil
    }
  }
}

extension MTLDataType {
  /// What one element is made of; nil for structs and what has no dtype.
  var scalars: (dtype: DType, count: Int)? {
    for (first, dtype) in Self.vectors {
      let length = Int(rawValue) - Int(first.rawValue) + 1
      if (1...4).contains(length) { return (dtype, length) }
    }
    for (first, dtype) in Self.matrices {
      let place = Int(rawValue) - Int(first.rawValue)
      if (0..<9).contains(place) { return (dtype, (2 + place / 3) * (2 + place % 3)) }
    }
    return nil
  }

  /// The type of a scalar or vector of up to four.
  init?(_ dtype: DType, width: Int) {
    guard (1...4).contains(width), let first = Self.vectors.first(where: { $0.1 == dtype })?.0 else {
      return nil
    }
    self.init(rawValue: first.rawValue + RawValue(width - 1))
  }

  /// A scalar is followed by its vectors of 2, 3 and 4.
  private static let vectors: [(MTLDataType, DType)] = [
    (.float, .float32), (.half, .float16), (.bfloat, .bfloat16), (.bool, .bool), (.char, .int8),
    (.uchar, .uint8), (.short, .int16), (.ushort, .uint16), (.int, .int32), (.uint, .uint32), (.long, .int64),
    (.ulong, .uint64),
  ]

  /// 2x2 is followed by 2x3, 2x4, 3x2 and so on.
  private static let matrices: [(MTLDataType, DType)] = [(.float2x2, .float32), (.half2x2, .float16)]
}
