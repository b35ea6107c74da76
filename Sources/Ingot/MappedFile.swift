import Metal
import Synchronization

/// A file whose bytes are memory of a device: nothing is read before it is used, and nothing is copied.
///
///     let file = try device.mapFile("weights.bin")
///     let w = try file.window(offset: 4096, shape: [1024, 1024], dtype: .float16)
///
/// Windows keep the file mapped, also when this object is gone and when the file is deleted. A file longer than
/// `Device.maxBufferLength` is several allocations, made when they are first asked for; they become resident when a
/// dispatch uses them. The bytes are the file's own: what another process writes is seen here, and where the file becomes
/// shorter the memory is gone. A dispatch on missing bytes is an error at the commit; bytes that go missing later make
/// the submission fail; the host crashes on them, as with every mapped file. A file that is mapped twice is two memories
/// to Metal, which does not order what is done to the one and to the other. It may be used from any thread.
public final class MappedFile: Sendable {
  public let device: Device
  /// As it was given.
  public let path: String
  public let isWritable: Bool
  /// Of the file, when it was mapped.
  public let nbytes: Int

  private let image: FileImage
  private let parts: FileParts
  private let storages = Mutex<[Int: Storage]>([:])

  /// `limit` is the most that an allocation may have.
  init(_ path: String, on device: Device, writable: Bool, limit: Int) throws(IngotError) {
    image = try FileImage(path, writable: writable)
    parts = FileParts(length: image.pages.length, limit: limit)
    self.device = device
    self.path = path
    isWritable = writable
    nbytes = image.length
  }

  /// A buffer on the file's bytes from `offset` on: any offset, but a kernel's argument is checked for alignment.
  ///
  /// A window across the border of two allocations gets one of its own where the file is read-only; in a writable file
  /// it is refused, because Metal would not order what is done to the same bytes by two ways. Throws `.argument` in that
  /// case, and if the window does not lie within the file; `.outOfMemory`.
  public func window(offset: Int = 0, shape: [Int], dtype: DType) throws(IngotError) -> Buffer {
    let layout = try Layout(dtype: dtype, shape: shape)
    try image.check(offset, layout)
    switch parts.place(of: offset, layout.nbytes) {
    case .inside(let part, let offset):
      return Buffer(storage: try storage(of: part), layout: layout, offset: offset)
    case .across(let pages, let offset, let boundary):
      try checkCrossing(layout, pages, at: pages.lowerBound + offset, boundary)
      return Buffer(storage: try makeStorage(pages), layout: layout, offset: offset)
    }
  }

  private func storage(of part: Int) throws(IngotError) -> Storage {
    try storages.withLock { (storages) throws(IngotError) in
      if let storage = storages[part] { return storage }
      let storage = try makeStorage(parts.bytes(of: part))
      storages[part] = storage
      return storage
    }
  }

  private func makeStorage(_ pages: Range<Int>) throws(IngotError) -> Storage {
    let part = FilePart(
      image: image, offset: pages.lowerBound, length: min(pages.upperBound, nbytes) - pages.lowerBound)
    let origin = Origin(isReadOnly: !isWritable, file: part)
    let start = image.pages.address + pages.lowerBound
    let allocation = try device.memory.wrap(start, pages.count, .mapped, origin)
    return Storage(
      Block(allocation), length: part.length, device: device, label: image.name, isReadOnly: !isWritable)
  }

  private func checkCrossing(
    _ layout: Layout, _ pages: Range<Int>, at offset: Int, _ boundary: Int
  ) throws(IngotError) {
    guard pages.count <= parts.partLength else {
      throw .argument(
        "\(layout) at byte \(offset) of '\(path)' takes \(pages.count) bytes of whole pages; a buffer of this device has at"
          + " most \(parts.partLength). Use several smaller windows")
    }
    guard !isWritable else {
      throw .argument(
        "\(layout) at byte \(offset) of '\(path)' goes across byte \(boundary), where one allocation of this file ends and"
          + " the next begins, because a buffer of this device has at most \(parts.partLength) bytes; take a window on"
          + " either side, or map the file read-only")
    }
  }
}

extension Device {
  /// Maps a file, of any length, without reading it: see `MappedFile`.
  ///
  /// Only `writable` mappings change the file. Throws `.argument` if there is no such file, it cannot be opened, or it is
  /// empty or no plain file; `.outOfMemory` if the system cannot map it.
  public func mapFile(_ path: String, writable: Bool = false) throws(IngotError) -> MappedFile {
    try MappedFile(path, on: self, writable: writable, limit: maxBufferLength)
  }
}
