import Metal

/// What is bound in an encoder, so that what is bound already is not bound again.
///
/// Storages and kernels are named by their addresses, which stay theirs because the encoder holds them.
struct Bindings {
  private struct Slot {
    var storage: UnsafeRawPointer?
    var offset = 0
  }

  enum Change {
    case none, offset, buffer
  }

  /// Metal's table of buffers.
  static let slots = 31

  private var kernel: UnsafeRawPointer?
  private var table = [Slot](repeating: Slot(), count: slots)
  /// The bound kernel whose arguments are what is bound; 0 if there is none.
  private(set) var bound: UInt64 = 0
  /// What Metal was told of memory that kernels reach through pointers.
  private var declared: [ObjectIdentifier: Access] = [:]

  /// Notes the kernel that is going to be set, and says whether it has to be.
  @inline(__always)
  mutating func set(_ kernel: Kernel) -> Bool {
    let address = UnsafeRawPointer(Unmanaged.passUnretained(kernel).toOpaque())
    defer { self.kernel = address }
    bound = 0
    return self.kernel != address
  }

  /// Notes what `index` is going to be bound to, and says what Metal has to be told.
  @inline(__always)
  mutating func bind(_ storage: Storage, offset: Int, at index: Int) -> Change {
    let address = UnsafeRawPointer(Unmanaged.passUnretained(storage).toOpaque())
    let old = table[index]
    if old.storage == address && old.offset == offset { return .none }
    table[index] = Slot(storage: address, offset: offset)
    return old.storage == address ? .offset : .buffer
  }

  /// Notes that inline bytes are bound at `index`.
  @inline(__always)
  mutating func bindBytes(at index: Int) { table[index].storage = nil }

  /// Notes that all arguments are those of the bound kernel with this id.
  @inline(__always)
  mutating func bind(all bound: UInt64) { self.bound = bound }

  /// Notes that kernels are going to reach Metal's buffer through pointers, and says whether Metal has to be told.
  mutating func declare(_ buffer: any MTLBuffer, _ access: Access) -> Bool {
    let known = declared[ObjectIdentifier(buffer)] ?? []
    declared[ObjectIdentifier(buffer)] = known.union(access)
    return !known.isSuperset(of: access)
  }
}
