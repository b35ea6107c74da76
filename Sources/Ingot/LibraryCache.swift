import Metal
import Synchronization

/// The libraries of one device, by content. It holds no device, and so keeps none alive.
final class LibraryCache: Sendable {
  /// Programs that make up kernels as they go must not fill the memory.
  static let capacity = 512

  private struct Key: Hashable {
    let source: String
    let options: CompileOptions
  }

  private struct Entry {
    let library: Once<Library>
    var lastUse: UInt64
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var uses: UInt64 = 0
  }

  private let state = Mutex(State())

  var count: Int { state.withLock { $0.entries.count } }

  func library(source: String, options: CompileOptions, device: Device) throws(IngotError) -> Library {
    let slot = slot(for: Key(source: source, options: options))
    return try slot.value { () throws(IngotError) in
      try withAutoreleasePool { () throws(IngotError) in try device.compileAnew(source, options) }
    }
  }

  private func slot(for key: Key) -> Once<Library> {
    state.withLock { state in
      state.uses += 1
      let library = state.entries[key]?.library ?? Once()
      state.entries[key] = Entry(library: library, lastUse: state.uses)
      if state.entries.count > Self.capacity { Self.removeOldest(from: &state) }
      return library
    }
  }

  private static func removeOldest(from state: inout State) {
    guard let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
    state.entries[oldest.key] = nil
  }
}

extension Device {
  fileprivate func compileAnew(_ source: String, _ options: CompileOptions) throws(IngotError) -> Library {
    let text = try options.preamble() + source
    let metalOptions = try options.metalOptions()
    do {
      return Library(metal: try metalDevice.makeLibrary(source: text, options: metalOptions), device: self)
    } catch {
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
