import CMetalRuntime
import Glibc

@testable import Metal

/// Compiles C++ against the MSL headers, with the flags that kernels get, but without the front end.
struct ShimBench: Sendable {
  static let safe = ShimBench(.safe)
  static let fast = ShimBench(.fast)

  private let flags: [String]
  private let directory: String

  private init(_ mode: MTLMathMode) {
    var options = MSLOptions()
    options.mathMode = mode
    directory = KernelBench.temporaryDirectory()
    for header in MetalHeaders.shim { write(header.text, to: "\(directory)/\(header.name)") }
    let common = CompilerFlags.code(options) + ["-I", directory]
    let header = common.replacing(["-x", "c++"], with: ["-x", "c++-header"])
    let compiled = run(clang, header + ["\(directory)/msl_shim.h", "-o", "\(directory)/shim.pch"])
    precondition(compiled.succeeded, String(decoding: compiled.errors, as: UTF8.self))
    flags = common + ["-include-pch", "\(directory)/shim.pch"]
  }

  /// What every test's text begins with.
  private static let prelude = """
    using namespace metal;
    #define EXPORT extern "C" __attribute__((visibility("default")))
    #define RANGE(name) EXPORT void name(const mtl_launch *launch, uint begin, uint end, uint y, uint z)
    #define GROUP(name) EXPORT void name(const mtl_launch *launch, const mtl_group *group)
    #define THREAD(name) \\
      EXPORT void name(const mtl_launch *launch, const mtl_group *group, const mtl_thread *thread)
    #define CHECK(condition) if (!(condition)) return __LINE__

    """

  /// The errors of a text that does not compile; nil if it does.
  func errors(of text: String) -> String? {
    let outcome = run(clang, flags + ["-fsyntax-only", "-"], input: Self.prelude + text)
    return outcome.succeeded ? nil : String(decoding: outcome.errors, as: UTF8.self)
  }

  /// What the compiler makes of a text.
  func assembly(of text: String) throws -> String {
    let outcome = run(clang, flags + ["-S", "-", "-o", "-"], input: Self.prelude + text)
    guard outcome.succeeded else { throw BenchError(text: String(decoding: outcome.errors, as: UTF8.self)) }
    return String(decoding: outcome.output, as: UTF8.self)
  }

  /// How a program for aarch64 ends that calls `check` of the text.
  static func emulate(_ text: String) throws -> ChildProcess.Outcome.End? {
    let directory = KernelBench.temporaryDirectory()
    var options = MSLOptions()
    options.mathMode = .safe
    let ours = CompilerFlags.code(options).filter { !$0.hasPrefix("-m") }
    let target = ["--target=aarch64-linux-gnu", "-I", safe.directory, "-include", "msl_shim.h"]
    let compiled = run(
      clang, ours + target + ["-c", "-", "-o", "\(directory)/code.o"], input: prelude + text)
    guard compiled.succeeded else { throw BenchError(text: String(decoding: compiled.errors, as: UTF8.self)) }
    return RuntimeProgram.emulator(objects: ["\(directory)/code.o"])?.end("check")
  }

  /// A shared object of the text, loaded until the process ends.
  func load(_ text: String) throws -> SharedObject {
    let name = KernelBench.temporaryDirectory()
    let outcome = run(clang, flags + ["-c", "-", "-o", "\(name)/code.o"], input: Self.prelude + text)
    guard outcome.succeeded else { throw BenchError(text: String(decoding: outcome.errors, as: UTF8.self)) }
    MathLibraries.load()
    let linker = try Toolchain.find(MSLEnvironment()).linker
    let linked = run(linker, CompilerFlags.link("\(name)/code.o", "\(name)/code.so"))
    guard linked.succeeded, let handle = dlopen("\(name)/code.so", RTLD_NOW | RTLD_LOCAL) else {
      throw BenchError(text: String(decoding: linked.errors, as: UTF8.self) + String(cString: dlerror()))
    }
    return SharedObject(handle: handle)
  }
}

struct BenchError: Error {
  var text: String
}

let clang = try! Toolchain.find(MSLEnvironment()).clang

func run(_ program: String, _ arguments: [String], input: String = "", seconds: Int = 120)
  -> ChildProcess.Outcome
{
  let child = ChildProcess(
    program: program, arguments: arguments, input: Array(input.utf8), timeLimit: seconds)
  return try! child.run()
}

func write(_ bytes: [UInt8], to path: String) {
  let file = fopen(path, "w")!
  fwrite(bytes, 1, bytes.count, file)
  fclose(file)
}

struct SharedObject: @unchecked Sendable {
  let handle: UnsafeMutableRawPointer

  func function<Function>(_ name: String, as type: Function.Type) -> Function {
    unsafeBitCast(dlsym(handle, name)!, to: type)
  }

  /// The line of the first CHECK of a function that failed; 0 if none did.
  func check(_ name: String) -> Int32 {
    function(name, as: (@convention(c) () -> Int32).self)()
  }

  func kernel(_ name: String, _ kind: some BinaryInteger, stackBytes: Int = 0) -> mtl_kernel {
    mtl_kernel_load(handle, name, mtl_u32(kind), mtl_u32(stackBytes))
  }
}

/// A launch with nothing but what a test needs.
struct Launch {
  var grid = (1, 1, 1)
  var group = (1, 1, 1)
  var buffers: [KernelMemory] = []
  var threadgroup: [Int: Int] = [:]
  var seed: UInt64 = 0
  var timeout: UInt64 = 0

  func run(_ kernel: mtl_kernel) -> mtl_result {
    var launch = mtl_launch()
    launch.threads_per_grid = words(grid)
    launch.threads_per_threadgroup = words(group)
    launch.threadgroups_per_grid = words(
      ((grid.0 + group.0 - 1) / group.0, (grid.1 + group.1 - 1) / group.1, (grid.2 + group.2 - 1) / group.2))
    launch.order_seed = mtl_u64(seed)
    launch.timeout_nanoseconds = mtl_u64(timeout)
    withUnsafeMutableBytes(of: &launch.buffers) { table in
      for (index, buffer) in buffers.enumerated() {
        table.storeBytes(of: buffer.address, toByteOffset: index * 8, as: UnsafeMutableRawPointer.self)
      }
    }
    withUnsafeMutableBytes(of: &launch.threadgroup_lengths) { lengths in
      for (slot, length) in threadgroup {
        lengths.storeBytes(of: mtl_u32(length), toByteOffset: slot * 4, as: mtl_u32.self)
      }
    }
    return withUnsafePointer(to: kernel) { mtl_dispatch($0, &launch) }
  }

  private func words(_ size: (Int, Int, Int)) -> (mtl_u32, mtl_u32, mtl_u32) {
    (mtl_u32(size.0), mtl_u32(size.1), mtl_u32(size.2))
  }
}
