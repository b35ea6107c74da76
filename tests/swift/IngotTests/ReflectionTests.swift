#if os(Linux)
  import Metal
  import Testing

  @testable import Ingot

  /// What Apple's reflection can say and the software Metal never does, because its compiler refuses such kernels.
  @Suite struct ReflectionTests {
    @Test(
      arguments: [
        (.texture, "a texture"), (.sampler, "a sampler"), (.visibleFunctionTable, "a function table"),
        (.intersectionFunctionTable, "a function table"),
        (.primitiveAccelerationStructure, "an acceleration structure"),
        (.instanceAccelerationStructure, "an acceleration structure"),
      ] as [(MTLBindingType, String)])
    func argumentsThatCannotBeGivenAreFound(type: MTLBindingType, kind: String) throws {
      let bindings = [BufferBinding(), Binding(type, name: "picture")]
      let found = try #require(KernelArgument.unsupported(in: bindings))
      #expect(found.name == "picture" && found.kind == kind)
      #expect(KernelArgument.arguments(from: bindings).map(\.name) == ["x"])
    }

    @Test func whatTheKernelDoesNotUseNeedNotBeGiven() {
      #expect(KernelArgument.unsupported(in: [Binding(.texture, name: "picture", isUsed: false)]) == nil)
      #expect(KernelArgument.unsupported(in: [BufferBinding(), ThreadgroupBinding()]) == nil)
      #expect(KernelArgument.unsupported(in: []) == nil)
    }

    @Test func aBindingIsOfTheKindItSaysWhateverItConformsTo() {
      let arguments = KernelArgument.arguments(from: [ThreadgroupBinding(), BufferBinding()])
      #expect(arguments.map(\.name) == ["x", "tile"])
      #expect(arguments.map(\.kind) == [.buffer, .threadgroup])
    }

    @Test func aSizeThatMetalDoesNotKnowIsZero() {
      let argument = KernelArgument.arguments(from: [BufferBinding()])[0]
      #expect(argument.nbytes == 0 && argument.dtype == nil && argument.isUntyped)
    }
  }

  /// Of no particular kind, but whatever it says.
  private class Binding: MTLBinding {
    let name: String
    let type: MTLBindingType
    let isUsed: Bool
    var access: MTLBindingAccess { .readWrite }
    var index: Int { 0 }
    var isArgument: Bool { true }

    init(_ type: MTLBindingType, name: String, isUsed: Bool = true) {
      (self.type, self.name, self.isUsed) = (type, name, isUsed)
    }
  }

  private class BufferBinding: Binding, MTLBufferBinding {
    var bufferAlignment: Int { 1 }
    var bufferDataSize: Int { -1 }
    var bufferDataType: MTLDataType { .none }

    init() { super.init(.buffer, name: "x") }
    override init(_ type: MTLBindingType, name: String, isUsed: Bool) {
      super.init(type, name: name, isUsed: isUsed)
    }
  }

  /// Conforms to the protocol of buffers too.
  private final class ThreadgroupBinding: BufferBinding, MTLThreadgroupBinding {
    var threadgroupMemoryAlignment: Int { 4 }
    var threadgroupMemoryDataSize: Int { 4 }

    override init() { super.init(.threadgroupMemory, name: "tile", isUsed: true) }
  }
#endif
