/// The extent of a grid or a threadgroup in up to three dimensions, as `MTLSize`.
///
/// Wherever one is wanted an `Int` or up to three of them in brackets will do: `grid: 1024`, `grid: [640, 480]`.
public struct Extent: Sendable, Hashable, CustomStringConvertible {
  public var x: Int
  public var y: Int
  public var z: Int

  @inlinable
  public init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
    self.x = x
    self.y = y
    self.z = z
  }

  public var description: String { "(\(x), \(y), \(z))" }
}

/// What can be given as an extent: `Extent`, `Int`, and `[Int]` of one to three elements.
public protocol ExtentConvertible {
  func asExtent() throws(IngotError) -> Extent
}

extension Extent: ExtentConvertible {
  @inlinable
  public func asExtent() -> Extent { self }
}

extension Int: ExtentConvertible {
  @inlinable
  public func asExtent() -> Extent { Extent(self) }
}

extension [Int]: ExtentConvertible {
  public func asExtent() throws(IngotError) -> Extent {
    switch count {
    case 1: Extent(self[0])
    case 2: Extent(self[0], self[1])
    case 3: Extent(self[0], self[1], self[2])
    default: throw .argument("\(self) has \(count) dimensions; a grid or threadgroup has 1 to 3")
    }
  }
}

/// What a dispatch runs over.
///
///     try encoder.dispatch(kernel, arguments, grid: .threads(Extent(640, 480)), group: Extent(16, 16))
public enum Grid: Sendable, Hashable {
  /// So many threads; threadgroups at the edges are smaller (`dispatchThreads`).
  case threads(Extent)
  /// So many threadgroups, all of them full (`dispatchThreadgroups`).
  case threadgroups(Extent)
}
