extension MTLComputePipelineReflection {
  convenience init(_ description: MSLKernelDescription) {
    self.init(
      bindings: description.arguments.map { argument in
        argument.kind == .buffer ? BufferBinding(argument) : ThreadgroupBinding(argument)
      })
  }
}

class Binding: MTLBinding {
  let argument: MSLArgument

  init(_ argument: MSLArgument) { self.argument = argument }

  final var name: String { argument.name }
  final var type: MTLBindingType { argument.kind == .buffer ? .buffer : .threadgroupMemory }
  final var access: MTLBindingAccess { argument.access }
  final var index: Int { argument.index }
  final var isUsed: Bool { argument.isUsed }
  final var isArgument: Bool { true }
}

final class BufferBinding: Binding, MTLBufferBinding {
  var bufferAlignment: Int { argument.alignment }
  var bufferDataSize: Int { argument.dataSize }
  var bufferDataType: MTLDataType { argument.dataType }
}

final class ThreadgroupBinding: Binding, MTLThreadgroupBinding {
  var threadgroupMemoryAlignment: Int { argument.alignment }
  var threadgroupMemoryDataSize: Int { argument.dataSize }
}
