/// The extent of a grid or a threadgroup in up to three dimensions, as `MTLSize`.
///
/// Wherever one is wanted an `Int` or up to three of them in brackets will do: `grid: 1024`, `grid: [640, 480]`.
public struct Size: Sendable, Hashable, CustomStringConvertible {
  public var x: Int
  public var y: Int
  public var z: Int

  public init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
    self.x = x
    self.y = y
    self.z = z
  }

  public var description: String { "(\(x), \(y), \(z))" }
}

/// What can be given as an extent: `Size`, `Int`, and `[Int]` of one to three elements.
public protocol SizeConvertible {
  func asSize() throws(IngotError) -> Size
}

extension Size: SizeConvertible {
  public func asSize() -> Size { self }
}

extension Int: SizeConvertible {
  public func asSize() -> Size { Size(self) }
}

extension [Int]: SizeConvertible {
  public func asSize() throws(IngotError) -> Size {
    switch count {
    case 1: Size(self[0])
    case 2: Size(self[0], self[1])
    case 3: Size(self[0], self[1], self[2])
    default: throw .argument("\(self) has \(count) dimensions; a grid or threadgroup has 1 to 3")
    }
  }
}

/// What a dispatch runs over.
///
///     try encoder.dispatch(kernel, arguments, grid: .threads(Size(640, 480)), group: Size(16, 16))
public enum Grid: Sendable, Hashable {
  /// So many threads; threadgroups at the edges are smaller (`dispatchThreads`).
  case threads(Size)
  /// So many threadgroups, all of them full (`dispatchThreadgroups`).
  case threadgroups(Size)
}
