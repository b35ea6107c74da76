import Testing

@testable import Ingot

@Suite struct LibraryTests {
  let device: Device

  init() throws { device = try Device.isolated() }

  @Test("C20: a second lookup is the same object") func caches() throws {
    let library = try device.compile(Sources.steps)
    #expect(try device.compile(Sources.steps) === library)
    #expect(try library.kernel("copy") === (try library.kernel("copy")))
    #expect(device.libraries.count == 1)
    let safe = try device.compile(Sources.steps, options: CompileOptions(mathMode: .safe))
    #expect(safe !== library)
    #expect(try device.compile(Sources.saxpy) !== library)
    #expect(device.libraries.count == 3)
  }

  @Test func manyThreadsGetOneLibraryAndOneKernel() async throws {
    let device = device
    let kernels = try await withThrowingTaskGroup(of: Kernel.self) { group in
      for _ in 0..<8 { group.addTask { try device.compile(Sources.saxpy).kernel("saxpy") } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(kernels.map(ObjectIdentifier.init)).count == 1)
  }

  @Test func labelsReachMetal() throws {
    let library = try device.compile(Sources.steps)
    #expect(library.label == nil && library.metalLibrary.label == nil)
    library.label = "steps"
    #expect(library.label == "steps" && library.metalLibrary.label == "steps")
    #expect(try device.compile(Sources.steps).label == "steps")
    library.label = nil
    #expect(library.label == nil && library.metalLibrary.label == nil)
  }

  @Test func namesAreSorted() throws {
    #expect(try device.compile(Sources.steps).kernelNames == ["copy", "increment", "positions", "twice"])
  }

  @Test("C22: an unknown kernel is an error that lists the names there are") func unknownKernel() throws {
    let error = try failure { _ = try device.compile(Sources.steps).kernel("coby") }
    #expect(error.kind == .argument)
    #expect(error.message.contains("'coby'"))
    #expect(error.message.contains("Did you mean 'copy'?"))
    #expect(error.message.contains("copy, increment, positions, twice"))
  }

  @Test func onlySimilarNamesAreProposed() {
    let names = ["increment", "kernels::copy", "twice"]
    #expect(Suggestion.nearest(to: "Increments", among: names) == "increment")
    #expect(Suggestion.nearest(to: "TWICE", among: names) == "twice")
    for name in ["", "x", "softmax", "transpose"] {
      #expect(Suggestion.nearest(to: name, among: names) == nil, "\(name)")
    }
  }

  @Test func sourceThatDoesNotCompileSaysWhere() throws {
    let source = "#include <metal_stdlib>\nkernel void k(device float *x [[buffer(0)]]) {\n  x[0] = y;\n}\n"
    let error = try failure { _ = try device.compile(source) }
    #expect(error.kind == .compile)
    let place = try #require(error.compileFailure)
    #expect(place.file == "program_source")
    #expect(place.line == 3)
    #expect(place.column == 10)
    #expect(place.sourceLine == "  x[0] = y;")
    #expect(error.message.contains("y"))
    // A failure is not kept: the same text with what it lacks compiles.
    _ = try device.compile(source, options: CompileOptions(macros: ["y": "1"]))
  }

  @Test func macrosDoNotMoveTheLines() throws {
    let source = "kernel void k(device float *x [[buffer(0)]]) {\n  x[0] = VALUE + y;\n}\n"
    let options = CompileOptions(macros: ["VALUE": "3", "OTHER": ""])
    #expect(try failure { _ = try device.compile(source, options: options) }.compileFailure?.line == 2)
  }

  @Test func macrosAreDefined() throws {
    let source = "kernel void k(device float *x [[buffer(0)]]) { x[0] = VALUE; }"
    for value in [3, 4] {
      let kernel = try device.compile(source, options: CompileOptions(macros: ["VALUE": "\(value)"])).kernel(
        "k")
      let x = try device.zeros([1], .float32)
      let encoder = device.encoder()
      try encoder.dispatch(kernel, x, grid: 1)
      try encoder.commitAndWait()
      #expect(try x.values(of: Float.self) == [Float(value)])
    }
  }

  @Test func argumentsAreReflected() throws {
    let saxpy = try device.kernel("saxpy", of: Sources.saxpy)
    #expect(saxpy.arguments.map(\.name) == ["x", "y", "a"])
    #expect(saxpy.arguments.map(\.index) == [0, 1, 2])
    #expect(saxpy.arguments.map(\.dtype) == [.float32, .float32, .float32])
    #expect(saxpy.arguments.map(\.access) == [.read, .readWrite, .read])
    #expect(saxpy.arguments.map(\.takesInline) == [true, false, true])
    #expect(saxpy.threadExecutionWidth > 0)
    #expect(saxpy.maxThreadsPerThreadgroup >= saxpy.threadExecutionWidth)
    #expect(saxpy.staticThreadgroupMemory == 0)
  }

  @Test func elementsAreReflected() throws {
    let library = try device.compile(Sources.kinds)
    let pair = try library.kernel("structs").arguments[0]
    #expect(pair.dtype == nil && pair.width == 0 && pair.nbytes == 8)
    let vector = try library.kernel("vectors").arguments[0]
    #expect(vector.dtype == .float32 && vector.width == 4 && vector.nbytes == 16 && vector.alignment == 16)
    #expect(try library.kernel("unused").arguments.map(\.isUsed) == [true, false])
    let reverse = try device.kernel("reverse", of: Sources.threadgroups)
    #expect(reverse.arguments.map(\.kind) == [.buffer, .threadgroup])
    #expect(try device.kernel("own", of: Sources.threadgroups).staticThreadgroupMemory == 1024)
  }
}
