import Metal

/// The libraries of one device, by content. It holds no device, and so keeps none alive.
final class LibraryCache: Sendable {
  /// Programs that make up kernels as they go must not fill the memory.
  static let capacity = 512

  private struct Key: Hashable {
    let source: String
    let options: CompileOptions
  }

  private let libraries = RecentlyUsed<Key, Once<Library>>(capacity: capacity)

  var count: Int { libraries.count }

  func library(source: String, options: CompileOptions, device: Device) throws(IngotError) -> Library {
    let library = libraries.value(for: Key(source: source, options: options)) { Once() }
    return try library.value { () throws(IngotError) in
      try withAutoreleasePool { () throws(IngotError) in try device.compileAnew(source, options) }
    }
  }
}

extension Device {
  fileprivate func compileAnew(_ source: String, _ options: CompileOptions) throws(IngotError) -> Library {
    let text = try options.preamble() + source
    let metalOptions = try options.metalOptions()
    let start = Profiler.clock
    do {
      let metal = try metalDevice.makeLibrary(source: text, options: metalOptions)
      let library = Library(metal: metal, device: self)
      if let start {
        Profiler.record(.compile, library.kernelNames.joined(separator: ", "), queue.track, from: start)
      }
      return library
    } catch {
      if let start { Profiler.record(.compile, "a library that does not compile", queue.track, from: start) }
      throw .compile(log: Platform.text(of: error), source: source)
    }
  }
}

extension IngotError {
  fileprivate static func compile(log: String, source: String) -> IngotError {
    let failure = CompileFailure(log: log, source: source)
    // Some compilers quote the line themselves.
    let excerpt = failure.map { log.contains($0.sourceLine) ? "" : $0.excerpt } ?? ""
    return IngotError(.compile, log + excerpt, compileFailure: failure)
  }
}
