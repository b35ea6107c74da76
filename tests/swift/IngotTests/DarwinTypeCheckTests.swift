#if os(Linux)
  import Foundation
  import Testing

  /// Linux never compiles the Darwin branches of `Sources/Ingot`. Here they are type-checked against stubs of the few
  /// things of Apple's modules that they use.
  @Suite struct DarwinTypeCheckTests {
    @Test func darwinBranchesTypeCheck() throws {
      let check = try DarwinCheck()
      let result = try check.typeCheck(sources: check.sources)
      #expect(result.status == 0, "\(result.output)")
      try expectThatMistakesAreFound(by: check)
    }

    /// The check must be able to fail: with the stubs, `canImport(Darwin)` is true.
    private func expectThatMistakesAreFound(by check: DarwinCheck) throws {
      let mistake = check.folder.appending(path: "Mistake.swift")
      try "#if canImport(Darwin)\nlet mistake: Int = \"text\"\n#endif\n"
        .write(to: mistake, atomically: true, encoding: .utf8)
      let result = try check.typeCheck(sources: [mistake.path])
      #expect(result.status != 0)
      #expect(result.output.contains("Mistake.swift:2"))
    }
  }

  /// The stubs, compiled into a folder of their own.
  private final class DarwinCheck {
    let folder: URL
    let sources: [String]
    private let buildFolder: URL

    init() throws {
      let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
      buildFolder = try URL(filePath: FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        .deletingLastPathComponent()
      folder = FileManager.default.temporaryDirectory.appending(path: "ingot-darwin-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      sources = Self.swiftFiles(in: root.appending(path: "Sources/Ingot"))
      try #require(!sources.isEmpty)
      for stub in Self.swiftFiles(in: root.appending(path: "tests/swift/darwin-stubs")) {
        try compile(stub)
      }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func compile(_ stub: String) throws {
      let name = URL(filePath: stub).deletingPathExtension().lastPathComponent
      let result = try swiftc(
        [
          "-emit-module", "-parse-as-library", "-swift-version", "6", "-module-name", name,
          "-emit-module-path",
          folder.appending(path: "\(name).swiftmodule").path, stub,
        ] + metal)
      try #require(result.status == 0, "\(result.output)")
    }

    /// Where the software Metal is.
    private var metal: [String] {
      let runtime = buildFolder.appending(path: "CMetalRuntime.build/module.modulemap")
      return ["-I", buildFolder.appending(path: "Modules").path, "-Xcc", "-fmodule-map-file=\(runtime.path)"]
    }

    func typeCheck(sources: [String]) throws -> (status: Int32, output: String) {
      try swiftc(
        [
          "-typecheck", "-swift-version", "6", "-module-name", "Ingot", "-package-name", "ingot", "-I",
          folder.path,
        ] + metal + sources)
    }

    private func swiftc(_ arguments: [String]) throws -> (status: Int32, output: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["swiftc"] + arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private static func swiftFiles(in folder: URL) -> [String] {
      let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
      return (files?.compactMap { ($0 as? URL)?.path } ?? []).filter { $0.hasSuffix(".swift") }.sorted()
    }
  }
#endif
