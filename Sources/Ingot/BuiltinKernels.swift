/// The kernels behind `copy` and `fill` of encoders: compiled once per device, when they are first needed.
final class BuiltinKernels: Sendable {
  /// What of a range of bytes is no whole vector: `head` bytes before the vectors and the rest behind them, `count` in
  /// all. `body` is how many vectors there are. Laid out as in the source.
  struct Edges: BitwiseCopyable {
    var body: UInt64
    var head: UInt32
    var count: UInt32
  }

  /// Of the widest vectors.
  static let vectorBytes = 16
  /// Of one dispatch: positions have 32 bits, also rounded up to whole threadgroups.
  static let threadLimit = 1 << 31

  private let fill = Once<Kernel>()
  private let copyVectors = Once<Kernel>()
  private let copyWords = Once<Kernel>()
  private let copyBytes = Once<Kernel>()

  /// Sets memory to a pattern of 16 bytes.
  func fill(on device: Device) throws(IngotError) -> Kernel { try kernel("ingot_fill", fill, on: device) }

  /// Copies by vectors of 16 bytes, by words of 4, or byte by byte.
  func copy(width: Int, on device: Device) throws(IngotError) -> Kernel {
    switch width {
    case Self.vectorBytes: try kernel("ingot_copy_vectors", copyVectors, on: device)
    case 4: try kernel("ingot_copy_words", copyWords, on: device)
    default: try kernel("ingot_copy_bytes", copyBytes, on: device)
    }
  }

  private func kernel(_ name: String, _ made: Once<Kernel>, on device: Device) throws(IngotError) -> Kernel {
    try made.value { () throws(IngotError) in try device.compile(Self.source).kernel(name) }
  }

  /// One thread for each vector, word or byte; with vectors the first ones take a byte of the edges too, of which there
  /// are less than 32.
  static let source = """
    #include <metal_stdlib>
    using namespace metal;

    struct Edges {
      ulong body;
      uint head;
      uint count;
    };

    // The place of the byte of the edges that is number i.
    static ulong edge_place(uint i, constant Edges &edges) {
      return i < edges.head ? ulong(i) : ulong(i) + edges.body * sizeof(uint4);
    }

    kernel void ingot_copy_vectors(device const uchar *source [[buffer(0)]], device uchar *destination [[buffer(1)]],
                                   constant Edges &edges [[buffer(2)]], uint i [[thread_position_in_grid]]) {
      if (i < edges.body) {
        device const uint4 *from = (device const uint4 *)(source + edges.head);
        device uint4 *to = (device uint4 *)(destination + edges.head);
        to[i] = from[i];
      }
      if (i < edges.count) {
        ulong at = edge_place(i, edges);
        destination[at] = source[at];
      }
    }

    kernel void ingot_copy_words(device const uchar *source [[buffer(0)]], device uchar *destination [[buffer(1)]],
                                 uint i [[thread_position_in_grid]]) {
      device const uint *from = (device const uint *)source;
      device uint *to = (device uint *)destination;
      to[i] = from[i];
    }

    kernel void ingot_copy_bytes(device const uchar *source [[buffer(0)]], device uchar *destination [[buffer(1)]],
                                 uint i [[thread_position_in_grid]]) { destination[i] = source[i]; }

    kernel void ingot_fill(device uchar *destination [[buffer(0)]], constant Edges &edges [[buffer(1)]],
                           constant uint4 &pattern [[buffer(2)]], uint i [[thread_position_in_grid]]) {
      if (i < edges.body) {
        device uint4 *to = (device uint4 *)(destination + edges.head);
        to[i] = pattern;
      }
      if (i < edges.count) {
        uint phase = (i - edges.head) & 15;
        destination[edge_place(i, edges)] = uchar(pattern[phase / 4] >> (phase % 4 * 8));
      }
    }
    """
}

extension BuiltinKernels.Edges {
  /// Of `nbytes` bytes from the place `start` on.
  init(start: Int, nbytes: Int) {
    let width = BuiltinKernels.vectorBytes
    let head = min(-start & (width - 1), nbytes)
    let body = (nbytes - head) / width
    self.body = UInt64(body)
    self.head = UInt32(head)
    count = UInt32(nbytes - body * width)
  }

  /// Threads that do it all; without vectors it is one for each byte.
  var threads: Int { max(Int(body), Int(count)) }
}
