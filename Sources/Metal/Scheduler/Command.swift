import CMetalRuntime

/// What every command in a `CommandStream` begins with. Commands are plain memory: nothing in them is retained.
struct Command: BitwiseCopyable {
  enum Kind: UInt8 {
    case beginEncoder
    case dispatch
    case copy
    case fill
    case resolve
    case barrier
    case resourceBarrier
    case useResource
    case updateFence
    case waitForFence
    case signalEvent
    case waitForEvent

    /// Whether it is what a GPU is there for.
    var isWork: Bool {
      switch self {
      case .dispatch, .copy, .fill, .resolve: true
      default: false
      }
    }
  }

  var next: UnsafeMutablePointer<Command>?
  var kind: Kind

  init(_ kind: Kind) { self.kind = kind }
}

/// A command with what belongs to its kind.
protocol CommandRecord: BitwiseCopyable {
  var command: Command { get set }
}

extension UnsafeMutablePointer<Command> {
  func record<Record: CommandRecord>(_ type: Record.Type) -> UnsafeMutablePointer<Record> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: type)
  }
}

/// A resource as hazard tracking sees it: which one, and whether Metal tracks it.
struct ResourceIdentity: Hashable, BitwiseCopyable {
  private let bits: UInt

  /// Bytes of the command buffer itself.
  static let none = ResourceIdentity(bits: 0)

  private init(bits: UInt) { self.bits = bits }

  init(_ object: AnyObject, isTracked: Bool) {
    bits = UInt(bitPattern: Unmanaged.passUnretained(object).toOpaque()) | (isTracked ? 1 : 0)
  }

  var isTracked: Bool { bits & 1 != 0 }
}

struct BeginEncoderCommand: CommandRecord {
  var command = Command(.beginEncoder)
  /// Each command sees what the one before wrote.
  var isSerial: Bool
  /// Kept alive by the command buffer.
  var samples: Unmanaged<EncoderSamples>?
}

/// A pointer argument of a dispatch.
struct DispatchArgument: BitwiseCopyable {
  var address: UnsafeMutableRawPointer
  var resource: ResourceIdentity
}

/// Followed in memory by a `DispatchArgument` for each bit of `arguments`, then by a UInt32 for each of `threadgroupArguments`.
struct DispatchCommand: CommandRecord {
  var command = Command(.dispatch)
  var kernel: mtl_kernel
  /// Slots that have an argument, and which of those the kernel writes.
  var arguments: UInt32
  var written: UInt32
  var threadgroupArguments: UInt32
  /// Whether `size` counts threadgroups, not threads.
  var countsThreadgroups: Bool
  var size: (UInt32, UInt32, UInt32)
  var threadsPerThreadgroup: (UInt32, UInt32, UInt32)
  /// Where the count of threadgroups is read instead, when the dispatch runs.
  var indirect: UnsafeRawPointer?
  var indirectResource = ResourceIdentity.none

  static func arguments(
    of dispatch: UnsafeMutablePointer<DispatchCommand>
  ) -> UnsafeMutablePointer<DispatchArgument> {
    (UnsafeMutableRawPointer(dispatch) + MemoryLayout<DispatchCommand>.stride)
      .assumingMemoryBound(to: DispatchArgument.self)
  }

  static func threadgroupLengths(
    of dispatch: UnsafeMutablePointer<DispatchCommand>
  ) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(arguments(of: dispatch) + dispatch.pointee.arguments.nonzeroBitCount)
      .assumingMemoryBound(to: UInt32.self)
  }
}

struct CopyCommand: CommandRecord {
  var command = Command(.copy)
  var source: UnsafeRawPointer
  var sourceResource: ResourceIdentity
  var destination: UnsafeMutableRawPointer
  var destinationResource: ResourceIdentity
  var size: Int
}

struct FillCommand: CommandRecord {
  var command = Command(.fill)
  var destination: UnsafeMutableRawPointer
  var resource: ResourceIdentity
  var size: Int
  var value: UInt8
}

struct ResolveCommand: CommandRecord {
  var command = Command(.resolve)
  var samples: UnsafePointer<UInt64>
  var destination: UnsafeMutableRawPointer
  var resource: ResourceIdentity
  var size: Int
}

struct BarrierCommand: CommandRecord {
  var command = Command(.barrier)
}

/// One for each resource of the call.
struct ResourceBarrierCommand: CommandRecord {
  var command = Command(.resourceBarrier)
  var resource: ResourceIdentity
}

struct UseResourceCommand: CommandRecord {
  var command = Command(.useResource)
  var resource: ResourceIdentity
  var writes: Bool
}

struct FenceCommand: CommandRecord {
  var command: Command
  var fence: ResourceIdentity
}

struct EventCommand: CommandRecord {
  var command: Command
  /// Kept alive by the command buffer.
  var event: Unmanaged<SoftwareEvent>
  var value: UInt64
}
