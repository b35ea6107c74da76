import CMetalRuntime
import Foundation
import Synchronization

@testable import Metal

/// Compiles kernels in a cache of the test run's own, and runs them without the rest of Metal.
enum KernelBench {
  /// Removed when the process ends.
  static let cacheDirectory = temporaryDirectory()
  static let environment = environment(cache: cacheDirectory)
  static let compiler = MSLCompiler(environment)

  static func environment(cache: String) -> MSLEnvironment {
    var environment = MSLEnvironment()
    environment.cacheDirectory = cache
    environment.cacheLimit = 1 << 30
    environment.timeLimit = 60
    return environment
  }

  static func temporaryDirectory() -> String {
    var template = Array("/tmp/ingot-msl-XXXXXX".utf8CString)
    let path = String(cString: mkdtemp(&template))
    directories.withLock { $0.append(path) }
    return path
  }

  /// A cache with nothing in it but the precompiled headers, which take long to make.
  static func cacheWithHeaders() throws -> String {
    _ = try pipeline("kernel void k(device float *x [[buffer(0)]]) {}")
    let directory = temporaryDirectory()
    // Other tests are compiling: what they are writing is gone before it could be copied.
    for name in try FileManager.default.contentsOfDirectory(atPath: cacheDirectory)
    where !name.hasPrefix("tmp-")
      && (name.hasSuffix(".pch") || name.hasSuffix(".sum") || name.hasPrefix("headers"))
    {
      try FileManager.default.copyItem(atPath: "\(cacheDirectory)/\(name)", toPath: "\(directory)/\(name)")
    }
    return directory
  }

  static func compile(_ source: String, _ options: MSLOptions = MSLOptions()) throws(MSLError) -> MSLProgram {
    try compiler.program(source, options)
  }

  /// The only kernel of a source.
  static func pipeline(_ source: String, _ options: MSLOptions = MSLOptions()) throws(MSLError) -> MSLPipeline
  {
    let program = try compile(source, options)
    return try program.pipeline(program.kernels[0].name)
  }
}

/// The directories that tests made; removed at exit.
private let directories: Mutex<[String]> = {
  atexit { removeDirectories() }
  return Mutex([])
}()

private func removeDirectories() {
  for path in directories.withLock({ $0 }) {
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// Memory that a kernel works on.
final class KernelMemory {
  let address: UnsafeMutableRawPointer
  let count: Int

  init<Element: BitwiseCopyable>(_ values: [Element]) {
    count = max(values.count * MemoryLayout<Element>.stride, 1)
    address = .allocate(byteCount: count, alignment: 64)
    values.withUnsafeBytes {
      address.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(address), byteCount: $0.count)
    }
  }

  deinit { address.deallocate() }

  func values<Element: BitwiseCopyable>(of type: Element.Type) -> [Element] {
    let count = count / MemoryLayout<Element>.stride
    return Array(UnsafeBufferPointer(start: address.assumingMemoryBound(to: Element.self), count: count))
  }
}

extension MSLPipeline {
  /// Runs the kernel on a grid; `buffers` are its arguments by index.
  func run(
    _ buffers: [KernelMemory], grid: (Int, Int, Int), group: (Int, Int, Int), threadgroup: [Int: Int] = [:]
  ) -> mtl_result {
    var launch = mtl_launch()
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
    launch.threads_per_grid = (mtl_u32(grid.0), mtl_u32(grid.1), mtl_u32(grid.2))
    launch.threads_per_threadgroup = (mtl_u32(group.0), mtl_u32(group.1), mtl_u32(group.2))
    let groups = (
      (grid.0 + group.0 - 1) / group.0, (grid.1 + group.1 - 1) / group.1, (grid.2 + group.2 - 1) / group.2
    )
    launch.threadgroups_per_grid = (mtl_u32(groups.0), mtl_u32(groups.1), mtl_u32(groups.2))
    var kernel = kernel
    return mtl_dispatch(&kernel, &launch)
  }
}
