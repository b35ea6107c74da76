import Foundation
import Testing

@testable import Metal

private let source = "kernel void k(device float *x [[buffer(0)]]) { x[0] = 1; }"

/// An executable that does what `script` says in place of clang.
private func fakeClang(_ script: String) throws -> MSLEnvironment {
  let directory = KernelBench.temporaryDirectory()
  let path = directory + "/clang"
  // Written by a child: a file that this process has open for writing while another test forks is "busy" to start.
  let write = ["-c", "cat > \"$0\" && chmod 755 \"$0\"", path]
  let text = Array("#!/bin/sh\n\(script)\n".utf8)
  let writer = try ChildProcess(program: "/bin/sh", arguments: write, input: text, timeLimit: 60).run()
  #expect(writer.succeeded)
  var environment = KernelBench.environment(cache: directory + "/cache")
  environment.clang = path
  return environment
}

@Suite struct ToolchainTests {
  @Test func withoutClangTheErrorSaysHowToGetOne() {
    var environment = KernelBench.environment(cache: KernelBench.temporaryDirectory())
    environment.searchPath = ["/no/such/directory"]
    environment.clang = nil
    let error = #expect(throws: MSLError.self) { try MSLCompiler(environment).program(source, MSLOptions()) }
    #expect(error?.kind == .compilerMissing)
    #expect(error?.message.contains("INGOT_CLANG") == true && error?.message.contains("install") == true)
  }

  @Test func aWrongINGOT_CLANGIsNamed() {
    var environment = KernelBench.environment(cache: KernelBench.temporaryDirectory())
    environment.clang = "/no/such/clang"
    let error = #expect(throws: MSLError.self) { try MSLCompiler(environment).program(source, MSLOptions()) }
    #expect(error?.kind == .compilerMissing)
    #expect(error?.message.contains("/no/such/clang") == true)
  }

  @Test func theCompilerMayBeANameOnPATH() throws {
    let directory = KernelBench.temporaryDirectory()
    for name in ["clang-77", "ld.lld"] {
      _ = FileManager.default.createFile(
        atPath: "\(directory)/\(name)", contents: Data(), attributes: [.posixPermissions: 0o755])
    }
    var environment = MSLEnvironment()
    environment.clang = "clang-77"
    environment.searchPath = ["/usr/bin", directory]
    #expect(try Toolchain.find(environment).clang == directory + "/clang-77")
  }

  @Test func theClangBesideSwiftIsPreferred() throws {
    let directory = KernelBench.temporaryDirectory()
    for name in ["swift", "clang", "ld.lld"] {
      _ = FileManager.default.createFile(
        atPath: "\(directory)/\(name)", contents: Data(), attributes: [.posixPermissions: 0o755])
    }
    var environment = MSLEnvironment()
    environment.clang = nil
    environment.searchPath = ["/usr/bin", directory]
    let link = KernelBench.temporaryDirectory()
    try FileManager.default.createSymbolicLink(
      atPath: link + "/swift", withDestinationPath: directory + "/swift")
    environment.searchPath = [link, "/usr/bin"]
    let toolchain = try Toolchain.find(environment)
    #expect(toolchain.clang == directory + "/clang")
    #expect(toolchain.linker == directory + "/ld.lld")
  }

  @Test func aClangThatHangsIsStopped() throws {
    var environment = try fakeClang("sleep 60")
    environment.timeLimit = 1
    let error = #expect(throws: MSLError.self) { try MSLCompiler(environment).program(source, MSLOptions()) }
    #expect(error?.kind == .compilerFailed)
    #expect(error?.message.contains("INGOT_COMPILE_TIMEOUT") == true)
  }

  @Test(arguments: ["exit 3", "kill -9 $$", "echo nonsense >&2; exit 1", "cat; exit 1", "exec true"])
  func aClangThatFailsIsAnError(_ script: String) throws {
    let error = #expect(throws: MSLError.self) {
      try MSLCompiler(fakeClang(script)).program(source, MSLOptions())
    }
    #expect(error?.kind == .compilerFailed)
  }

  @Test func muchInputAndOutputPassesThrough() throws {
    let input = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20)
    let process = ChildProcess(program: "/bin/cat", arguments: [], input: input, timeLimit: 30)
    let outcome = try process.run()
    #expect(outcome.succeeded && outcome.output == input && outcome.errors.isEmpty)
  }
}
