import Testing

@testable import Metal

private let source = """
  #include <metal_stdlib>
  using namespace metal;
  constant bool has_bias [[function_constant(0)]];
  constant int n [[function_constant(1)]];
  constant float3 weights [[function_constant(2)]];
  constant uchar level_given [[function_constant(300)]];
  constant uint level = is_function_constant_defined(level_given) ? level_given : 7;
  constant int elsewhere [[function_constant(5)]];
  kernel void k(device float *out [[buffer(0)]], device const float *bias [[buffer(1), function_constant(has_bias)]],
                uint i [[thread_position_in_grid]]) {
    out[i] = n * weights[i % 3] + level + (has_bias ? bias[i] : 0);
  }
  kernel void other(device float *out [[buffer(0)]]) { out[0] = elsewhere; }
  kernel void plain(device float *out [[buffer(0)]]) { out[0] = 1; }
  """

@Suite("Function constants through MTLLibrary and MTLFunctionConstantValues")
struct FunctionConstantValuesTests {
  private let device: SoftwareDevice
  private let library: any MTLLibrary

  init() throws {
    device = try makeDevice()
    library = try device.makeLibrary(source: source, options: nil)
  }

  /// Values for all that `k` needs.
  private func values(hasBias: Bool = false, n: Int32 = 2) -> MTLFunctionConstantValues {
    let values = MTLFunctionConstantValues()
    values.setConstantValue([hasBias], type: .bool, index: 0)
    values.setConstantValue([n], type: .int, withName: "n")
    values.setConstantValue([SIMD4<Float>(1, 10, 100, 0)], type: .float3, index: 2)
    return values
  }

  private func refusal(_ change: (MTLFunctionConstantValues) -> Void) -> MTLLibraryError? {
    let values = values()
    change(values)
    return #expect(throws: MTLLibraryError.self) {
      try library.makeFunction(name: "k", constantValues: values)
    }
  }

  @Test("A function without values lists its constants; one with values has none left")
  func dictionary() throws {
    let function = try #require(library.makeFunction(name: "k"))
    let constants = function.functionConstantsDictionary
    #expect(constants.keys.sorted() == ["has_bias", "level_given", "n", "weights"])
    #expect(constants.mapValues(\.index) == ["has_bias": 0, "level_given": 300, "n": 1, "weights": 2])
    #expect(
      constants.mapValues(\.type) == [
        "has_bias": .bool, "level_given": .uchar, "n": .int, "weights": .float3,
      ])
    #expect(constants.values.filter { !$0.required }.map(\.name) == ["level_given"])
    #expect(constants.allSatisfy { $0.key == $0.value.name })
    #expect(try library.makeFunction(name: "k", constantValues: values()).functionConstantsDictionary.isEmpty)
    #expect(library.makeFunction(name: "plain")?.functionConstantsDictionary.isEmpty == true)
  }

  @Test("The values are copied when the function is made; the object can be used for the next one")
  func valuesAreCopied() throws {
    let values = values()
    let two = try library.makeFunction(name: "k", constantValues: values)
    values.setConstantValue([3 as Int32], type: .int, withName: "n")
    let three = try library.makeFunction(name: "k", constantValues: values)
    #expect(try run(two) == [9, 27, 207])
    #expect(try run(three) == [10, 37, 307])
    values.reset()
    #expect(throws: MTLLibraryError.self) { try library.makeFunction(name: "k", constantValues: values) }
  }

  @Test("Reflection is that of the specialisation")
  func reflection() throws {
    func names(_ values: MTLFunctionConstantValues) throws -> [String] {
      let descriptor = MTLComputePipelineDescriptor()
      descriptor.computeFunction = try library.makeFunction(name: "k", constantValues: values)
      let made = try device.makeComputePipelineState(descriptor: descriptor, options: .bindingInfo)
      return try #require(made.1).bindings.map(\.name)
    }
    #expect(try names(values(hasBias: true)) == ["out", "bias"])
    #expect(try names(values(hasBias: false)) == ["out"])
  }

  @Test("By index comes before by name, and ranges set one after another")
  func lookup() throws {
    let values = values(n: 5)
    values.setConstantValue([1 as Int32], type: .int, index: 1)
    #expect(try run(library.makeFunction(name: "k", constantValues: values)) == [8, 17, 107])
    let range = MTLFunctionConstantValues()
    range.setConstantValues([SIMD3<Float>(9, 9, 9), SIMD3<Float>(1, 2, 3)], type: .float3, range: 1..<3)
    range.setConstantValue([UInt8(0)], type: .bool, index: 0)
    range.setConstantValue([4 as Int32], type: .int, index: 1)
    range.setConstantValue([200 as UInt8], type: .uchar, withName: "level_given")
    #expect(try run(library.makeFunction(name: "k", constantValues: range)) == [204, 208, 212])
  }

  @Test("Values that are missing, of another type or for no constant are errors with names")
  func refusals() throws {
    let missing = MTLFunctionConstantValues()
    let error = #expect(throws: MTLLibraryError.self) {
      try library.makeFunction(name: "k", constantValues: missing)
    }
    #expect(error?.code == .compileFailure)
    #expect(
      error?.description == "function constant 'has_bias' (index 0, type bool) of function 'k' has no value")
    let type = refusal { $0.setConstantValue([1 as UInt32], type: .uint, index: 1) }
    #expect(
      type?.description.hasSuffix("(index 1, type int) of function 'k' is given a value of type uint") == true
    )
    let index = refusal { $0.setConstantValue([1 as Int32], type: .int, index: 5) }
    #expect(index?.description == "function 'k' has no function constant 5")
    let name = refusal { $0.setConstantValue([1 as Int32], type: .int, withName: "m") }
    #expect(name?.description == "function 'k' has no function constant 'm'")
    let unknown = #expect(throws: MTLLibraryError.self) {
      try library.makeFunction(name: "nobody", constantValues: missing)
    }
    #expect(unknown?.code == .functionNotFound)
  }

  @Test("A function without constants takes an empty set of values")
  func noConstants() throws {
    let function = try library.makeFunction(name: "plain", constantValues: MTLFunctionConstantValues())
    _ = try device.makeComputePipelineState(function: function)
  }

  /// The first three floats that a function writes.
  private func run(_ function: any MTLFunction) throws -> [Float] {
    let state = try device.makeComputePipelineState(function: function)
    let buffer = try #require(device.makeBuffer(length: 64))
    let commandBuffer = try #require(device.makeCommandQueue()?.makeCommandBuffer())
    let encoder = try #require(commandBuffer.makeComputeCommandEncoder())
    encoder.setComputePipelineState(state)
    encoder.setBuffer(buffer, offset: 0, index: 0)
    encoder.dispatch(3)
    encoder.endEncoding()
    commandBuffer.commit()
    commandBuffer.waitUntilCompleted()
    #expect(commandBuffer.error == nil)
    return (0..<3).map { buffer.contents().load(fromByteOffset: $0 * 4, as: Float.self) }
  }
}
