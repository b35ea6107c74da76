/// The memory of one command buffer: its commands in order, the bytes they use, and what it keeps alive.
/// Everything is freed at once, and the memory is used again by a later command buffer.
struct CommandStream {
  private(set) var first: UnsafeMutablePointer<Command>?
  private var last: UnsafeMutablePointer<Command>?
  private var cursor: UnsafeMutableRawPointer
  private var end: UnsafeMutableRawPointer
  private var chunk: UnsafeMutablePointer<Chunk>
  private let firstChunk: UnsafeMutablePointer<Chunk>
  private var retained: UnsafeMutablePointer<RetainedObjects>?

  /// A piece of memory; the next one is at least as large.
  private struct Chunk {
    var next: UnsafeMutablePointer<Chunk>?
    var size: Int

    static let firstSize = 16 << 10
    static let largestSize = 1 << 20
    static let headerSize = 64
  }

  private struct RetainedObjects {
    var next: UnsafeMutablePointer<RetainedObjects>?
    var count = 0
    static let capacity = 62

    static func objects(
      of block: UnsafeMutablePointer<RetainedObjects>
    ) -> UnsafeMutablePointer<Unmanaged<AnyObject>> {
      (UnsafeMutableRawPointer(block) + MemoryLayout<RetainedObjects>.size)
        .assumingMemoryBound(to: Unmanaged<AnyObject>.self)
    }
  }

  init() {
    firstChunk = CommandStream.makeChunk(size: Chunk.firstSize)
    chunk = firstChunk
    cursor = UnsafeMutableRawPointer(chunk) + Chunk.headerSize
    end = UnsafeMutableRawPointer(chunk) + chunk.pointee.size
  }

  private static func makeChunk(size: Int) -> UnsafeMutablePointer<Chunk> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    return memory.initializeMemory(as: Chunk.self, to: Chunk(next: nil, size: size))
  }

  /// Memory of at most 8 KiB, aligned to 16 bytes, or to 32 if asked.
  @inline(__always)
  mutating func allocate(_ size: Int, alignment: Int = 16) -> UnsafeMutableRawPointer {
    var start = cursor.alignedUp(toMultipleOf: alignment)
    if end - start < size {
      useNextChunk()
      start = cursor.alignedUp(toMultipleOf: alignment)
    }
    cursor = start + size
    return start
  }

  private mutating func useNextChunk() {
    if chunk.pointee.next == nil {
      chunk.pointee.next = CommandStream.makeChunk(size: min(chunk.pointee.size * 2, Chunk.largestSize))
    }
    use(chunk.pointee.next!)
  }

  private mutating func use(_ chunk: UnsafeMutablePointer<Chunk>) {
    self.chunk = chunk
    cursor = UnsafeMutableRawPointer(chunk) + Chunk.headerSize
    end = UnsafeMutableRawPointer(chunk) + chunk.pointee.size
  }

  /// Appends a command whose memory is `extra` bytes longer than its type.
  @inline(__always)
  mutating func append<Record: CommandRecord>(_ record: Record, extra: Int = 0) -> UnsafeMutablePointer<
    Record
  > {
    let memory = allocate(MemoryLayout<Record>.stride + extra)
    let pointer = memory.initializeMemory(as: Record.self, to: record)
    let command = memory.assumingMemoryBound(to: Command.self)
    if let last { last.pointee.next = command } else { first = command }
    last = command
    return pointer
  }

  /// Keeps the object alive until the command buffer has finished.
  mutating func retain(_ object: AnyObject) {
    if retained == nil || retained!.pointee.count == RetainedObjects.capacity {
      let size =
        MemoryLayout<RetainedObjects>.size
        + RetainedObjects.capacity * MemoryLayout<Unmanaged<AnyObject>>.stride
      let block = allocate(size).initializeMemory(
        as: RetainedObjects.self, to: RetainedObjects(next: retained))
      retained = block
    }
    let block = retained!
    (RetainedObjects.objects(of: block) + block.pointee.count).initialize(to: .passRetained(object))
    block.pointee.count += 1
  }

  /// Lets go of everything; keeps the memory, up to the size of a few thousand dispatches.
  mutating func reset() {
    while let block = retained {
      for index in 0..<block.pointee.count { RetainedObjects.objects(of: block)[index].release() }
      retained = block.pointee.next
    }
    first = nil
    last = nil
    use(firstChunk)
    var kept = 0
    var chunk = firstChunk
    while let next = chunk.pointee.next, kept + next.pointee.size <= Chunk.largestSize {
      kept += next.pointee.size
      chunk = next
    }
    CommandStream.free(after: chunk)
  }

  private static func free(after chunk: UnsafeMutablePointer<Chunk>) {
    var unwanted = chunk.pointee.next
    chunk.pointee.next = nil
    while let next = unwanted {
      unwanted = next.pointee.next
      next.deallocate()
    }
  }

  /// Frees the memory of a stream that was reset.
  func deallocate() {
    CommandStream.free(after: firstChunk)
    firstChunk.deallocate()
  }
}
