import Metal

extension Device {
  /// Makes a buffer of memory of the caller's, without a copy (`makeBuffer(bytesNoCopy:length:options:deallocator:)`).
  ///
  ///     let x = try device.wrap(pages, length: 1 << 20, shape: [1 << 18], dtype: .float32) { free(pages) }
  ///
  /// The region must begin at a multiple of 16384 and be whole pages of so many bytes, on every system: that is Metal's
  /// rule. The buffer is a window on it that begins at byte `offset`. `onRelease` is called once, when neither a buffer
  /// nor the GPU uses the region any more: on any thread, maybe within a call of Metal, so it should do no more than let
  /// go of the memory, and must not call Ingot. It is not called if this throws.
  ///
  /// A region inside of one that is imported already becomes a window on that storage; both owners are then told when
  /// that one is not used any more. With `spareOwner` the owner of that one is enough, and this one is told at once: so
  /// any number of parts can be wrapped while the whole is there. Another device object knows nothing of this one's
  /// regions, and does not order what both do to the same memory. `readOnly` memory is never bound for writing, nor given to the host for it.
  ///
  /// Throws `.argument` if the region does not fit Metal's rule, the window does not fit the region, or some of the
  /// region belongs to another buffer; `.outOfMemory` if Metal does not take it.
  public func wrap(
    _ region: UnsafeMutableRawPointer, length: Int, offset: Int = 0, shape: [Int], dtype: DType,
    readOnly: Bool = false, label: String? = nil, spareOwner: Bool = false,
    onRelease: (@Sendable () -> Void)? = nil
  ) throws(IngotError) -> Buffer {
    let window = try ImportWindow(offset, Layout(dtype: dtype, shape: shape), isReadOnly: readOnly)
    try window.check(in: length, "region")
    try Region.check(region, length, limit: maxBufferLength)
    let address = UInt(bitPattern: region)
    return try memory.places.importing.withLock { (_) throws(IngotError) in
      let host = try host(for: address..<address + UInt(length), isReadOnly: readOnly)
      let storage =
        if let host { storage(of: host, label) } else { try wrap(address, length, readOnly, label) }
      let buffer = try window.buffer(on: storage, at: host.map { Int(address - $0.bytes!.lowerBound) } ?? 0)
      try storage.hold().allocation.origin!.keep(until: onRelease, isSpare: spareOwner)
      return buffer
    }
  }

  private func wrap(
    _ address: UInt, _ length: Int, _ isReadOnly: Bool, _ label: String?
  ) throws(IngotError) -> Storage {
    let region = UnsafeMutableRawPointer(bitPattern: address)!
    let allocation = try memory.wrap(region, length, .wrapped, Origin(isReadOnly: isReadOnly))
    return Storage(Block(allocation), length: length, device: self, label: label, isReadOnly: isReadOnly)
  }

  /// The storage of an allocation that was found. If all its buffers are gone, but not what holds its bytes, another.
  func storage(of found: MemoryPlaces.Found, _ label: String?) -> Storage {
    if let storage = found.storage { return storage }
    let allocation = found.allocation
    return Storage(
      Block(allocation), length: allocation.origin?.file?.length ?? allocation.length, device: self,
      label: label,
      isReadOnly: allocation.origin?.isReadOnly ?? false)
  }

  /// What has these bytes already and can be used for them; nil if nothing has them, or if nobody may write them.
  func host(for bytes: Range<UInt>, isReadOnly: Bool) throws(IngotError) -> MemoryPlaces.Found? {
    let found = memory.places.overlapping(bytes)
    if let own = found.first(where: { !$0.isImported }) { throw Region.isOwn(bytes, own.bytes!) }
    for other in found {
      let contains = other.bytes!.contains(bytes.lowerBound) && bytes.upperBound <= other.bytes!.upperBound
      if contains && (isReadOnly || !other.allocation.origin!.isReadOnly) { return other }
    }
    for other in found where !isReadOnly || !other.allocation.origin!.isReadOnly {
      throw Region.isTaken(bytes, other, isReadOnly: isReadOnly)
    }
    return nil
  }
}

extension Memory {
  /// An allocation of whole pages that somebody else has made; their owners are told when Metal lets go of them.
  func wrap(
    _ pages: UnsafeMutableRawPointer, _ length: Int, _ kind: Allocation.Kind, _ origin: Origin
  ) throws(IngotError) -> Allocation {
    let metal = withAutoreleasePool { () -> (any MTLBuffer)? in
      self.metal.makeBuffer(bytesNoCopy: pages, length: length, options: .storageModeShared) { _, _ in
        origin.release()
      }
    }
    if let metal { return Allocation(metal, kind, of: self, origin: origin) }
    throw IngotError(
      .outOfMemory,
      "Metal does not take the \(length) bytes at \(Region.name(UInt(bitPattern: pages))): they must be mapped as one,"
        + " and \(self.metal.currentAllocatedSize) bytes are allocated on \(name) already, which works well up to"
        + " \(recommendedWorkingSet)")
  }
}

/// A buffer to be made on imported memory.
struct ImportWindow {
  let offset: Int
  let layout: Layout
  let isReadOnly: Bool

  init(_ offset: Int, _ layout: Layout, isReadOnly: Bool) {
    self.offset = offset
    self.layout = layout
    self.isReadOnly = isReadOnly
  }

  /// Neither side can overflow.
  func check(in length: Int, _ what: String) throws(IngotError) {
    guard offset >= 0, layout.nbytes <= length, offset <= length - layout.nbytes else {
      throw .argument(
        "a window of \(layout.nbytes) bytes (\(layout)) at byte \(offset) is not inside the \(length) bytes of the \(what)"
      )
    }
  }

  /// `base` is where in the storage the offset counts from.
  func buffer(on storage: Storage, at base: Int) throws(IngotError) -> Buffer {
    try check(in: storage.length - base, "imported memory")
    return Buffer(storage: storage, layout: layout, offset: base + offset, isReadOnly: isReadOnly)
  }
}

/// What Metal asks of memory that it is to share.
enum Region {
  /// A page on Apple silicon. What fits here fits on every system.
  static let pageSize = 16384

  static func check(_ region: UnsafeMutableRawPointer, _ length: Int, limit: Int) throws(IngotError) {
    let address = UInt(bitPattern: region)
    guard address % UInt(pageSize) == 0 else {
      throw .argument(
        "memory at \(name(address)) begins \(address % UInt(pageSize)) bytes after a multiple of \(pageSize), where Metal"
          + " cannot share it; allocate it aligned (posix_memalign, mmap), or copy it")
    }
    guard length > 0, length % pageSize == 0 else {
      throw .argument(
        "\(length) bytes at \(name(address)) are not whole pages of \(pageSize), which is what Metal can share; round the"
          + " allocation up and give its whole length, or copy it")
    }
    guard !address.addingReportingOverflow(UInt(length)).overflow else {
      throw .argument("\(length) bytes at \(name(address)) reach beyond the end of memory")
    }
    guard length <= limit else {
      throw .argument(
        "\(length) bytes are to be shared; a buffer of this device has at most \(limit). Use several smaller ones"
      )
    }
  }

  static func name(_ address: UInt) -> String { "0x" + String(address, radix: 16) }

  private static func name(_ bytes: Range<UInt>) -> String {
    "\(bytes.count) bytes at \(name(bytes.lowerBound))"
  }

  static func isOwn(_ bytes: Range<UInt>, _ other: Range<UInt>) -> IngotError {
    .argument(
      "the \(name(bytes)) share memory with a buffer that Ingot has made (\(name(other))); use that buffer, or a window"
        + " of it")
  }

  static func isTaken(_ bytes: Range<UInt>, _ other: MemoryPlaces.Found, isReadOnly: Bool) -> IngotError {
    let contains = other.bytes!.contains(bytes.lowerBound) && bytes.upperBound <= other.bytes!.upperBound
    let advice =
      contains
      ? "which is read-only: import it read-only, or import the other one to be written"
      : "and Metal would not order what is done to the one and to the other: import one region that has both, and take"
        + " windows, or import both read-only"
    return .argument("the \(name(bytes)) share memory with a buffer on \(name(other.bytes!)), \(advice)")
  }
}
