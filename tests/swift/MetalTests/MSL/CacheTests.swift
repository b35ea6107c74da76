import Foundation
import Testing

@testable import Metal

private let source = """
  #include <metal_stdlib>
  using namespace metal;
  kernel void twice(device float *x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = sin(x[i]) * 2; }
  """

/// Compiles and runs with a compiler of its own, as a new process would; returns how many programs it started.
@discardableResult
private func compileAndRun(_ environment: MSLEnvironment) throws -> Int {
  let compiler = MSLCompiler(environment)
  let pipeline = try compiler.program(source, MSLOptions()).pipeline("twice")
  let memory = KernelMemory((0..<64).map { Float($0) / 64 })
  #expect(pipeline.run([memory], grid: (64, 1, 1), group: (32, 1, 1)).fault == 0)
  for (index, value) in memory.values(of: Float.self).enumerated() {
    #expect(abs(value - 2 * sinf(Float(index) / 64)) < 1e-6)
  }
  return compiler.startedProcesses
}

private func files(_ directory: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.contains(".") }
}

@Suite struct CacheTests {
  @Test func aSecondProcessStartsNoProgram() throws {
    let environment = try KernelBench.environment(cache: KernelBench.cacheWithHeaders())
    #expect(try compileAndRun(environment) > 0)
    #expect(try compileAndRun(environment) == 0)
  }

  @Test func theSameTextIsTheSameProgram() throws {
    let first = try KernelBench.compile(source)
    #expect(try KernelBench.compile(source) === first)
    #expect(try first.pipeline("twice") === first.pipeline("twice"))
    #expect(try KernelBench.compile(source, MSLOptions(macros: ["A": "1"])) !== first)
    #expect(try KernelBench.compile(source, MSLOptions(mathMode: .safe)) !== first)
  }

  @Test func theDirectoryIsMadeForTheUserAlone() throws {
    let path = KernelBench.temporaryDirectory() + "/a/b"
    try compileAndRun(KernelBench.environment(cache: path))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o700)
  }

  /// Every file, damaged in every way, is made again.
  @Test(arguments: ["library", "pipeline", "so", "pch", "sum"]) func damagedFilesAreIgnored(_ suffix: String)
    throws
  {
    let isHeader = suffix == "pch" || suffix == "sum"
    let environment = try KernelBench.environment(cache: KernelBench.cacheWithHeaders())
    try compileAndRun(environment)
    for damage in isHeader ? [Damage.flip] : [.flip, .truncate, .empty, .remove] {
      for name in try files(environment.cacheDirectory) where name.hasSuffix(suffix) {
        try damage.apply(to: environment.cacheDirectory + "/" + name)
      }
      // A header is wanted for another library only.
      if isHeader {
        for name in try files(environment.cacheDirectory)
        where name.hasSuffix("library") || name.hasSuffix("pipeline") {
          try FileManager.default.removeItem(atPath: environment.cacheDirectory + "/" + name)
        }
      }
      #expect(try compileAndRun(environment) > 0, "\(damage)")
      #expect(try compileAndRun(environment) == 0, "\(damage)")
    }
  }

  enum Damage: Sendable {
    case flip, truncate, empty, remove

    func apply(to path: String) throws {
      guard var bytes = FileManager.default.contents(atPath: path) else { return }
      switch self {
      case .flip: bytes[bytes.count / 2] ^= 0xff
      case .truncate: bytes = bytes.prefix(bytes.count / 2)
      case .empty: bytes = Data()
      case .remove:
        try FileManager.default.removeItem(atPath: path)
        return
      }
      // Beside and renamed: the old file may be loaded.
      try bytes.write(to: URL(fileURLWithPath: path), options: .atomic)
    }
  }

  @Test func anOpenDirectoryIsRefused() throws {
    let path = KernelBench.temporaryDirectory()
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    let error = #expect(throws: MSLError.self) { try compileAndRun(KernelBench.environment(cache: path)) }
    #expect(error?.kind == .cacheUnusable)
    #expect(error?.message.contains(path) == true && error?.message.contains("chmod 700") == true)
  }

  @Test func aDirectoryThatCannotBeMadeIsNamed() throws {
    let file = KernelBench.temporaryDirectory() + "/file"
    _ = FileManager.default.createFile(atPath: file, contents: nil)
    for path in [file, file + "/cache", "/proc/no-such-cache"] {
      let error = #expect(throws: MSLError.self) { try compileAndRun(KernelBench.environment(cache: path)) }
      #expect(error?.kind == .cacheUnusable)
      #expect(error?.message.contains(path) == true && error?.message.contains("INGOT_CACHE_DIR") == true)
    }
  }

  @Test func manyThreadsMayCompileTheSame() async throws {
    let environment = try KernelBench.environment(cache: KernelBench.cacheWithHeaders())
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { try compileAndRun(environment) } }
      try await group.waitForAll()
    }
  }

  @Test func whatIsUsedLeastGoesFirst() throws {
    var environment = KernelBench.environment(cache: KernelBench.temporaryDirectory())
    environment.cacheLimit = 1000
    let cache = try CacheDirectory(environment)
    for (age, name) in ["new", "old", "older", "tmp-1-1"].enumerated() {
      try cache.write(name, [UInt8](repeating: 0, count: 400))
      let date = Date(timeIntervalSinceNow: -Double(age) * 10_000)
      try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: cache.file(name))
    }
    cache.prune()
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).sorted() == ["new", "old"])
    cache.touch("old")
    try cache.write("newest", [UInt8](repeating: 0, count: 400))
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: cache.file("new"))
    cache.prune()
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).sorted() == ["newest", "old"])
  }

  /// A limit below what one compilation needs only means that nothing is kept for long.
  @Test func whatIsInUseDoesNotGo() throws {
    var environment = KernelBench.environment(cache: KernelBench.temporaryDirectory())
    environment.cacheLimit = 1
    let cache = try CacheDirectory(environment)
    for (name, age) in [("used", 30.0), ("unused", 90)] {
      try cache.write(name, [1, 2, 3])
      let date = Date(timeIntervalSinceNow: -age)
      try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: cache.file(name))
    }
    cache.prune()
    #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path) == ["used"])
  }

  @Test func recordsOfOtherThingsAreNotRead() {
    var writer = RecordWriter()
    writer.put("a")
    writer.put(-1)
    var reader = RecordReader(writer.record)
    #expect(reader?.string() == "a" && reader?.int() == -1 && reader?.int() == nil && reader?.string() == nil)
    for length in 0..<writer.record.count {
      #expect(RecordReader(Array(writer.record.prefix(length))) == nil)
    }
    #expect(Translation(record: writer.record) == nil)
  }

  @Test func digestsAreSHA256() {
    let expected = [
      0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      55: "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",
      56: "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a",
      64: "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
      119: "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb",
      1000: "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3",
    ]
    for (count, text) in expected {
      #expect(Digest([UInt8](repeating: UInt8(ascii: "a"), count: count)).text == text)
    }
  }
}
