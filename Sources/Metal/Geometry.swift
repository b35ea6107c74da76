// swift-format-ignore-file: AlwaysUseLowerCamelCase, for Apple's names

/// The dimensions of a grid or threadgroup. As on macOS it is not `Equatable`.
public struct MTLSize: Sendable, BitwiseCopyable {
  public var width: Int
  public var height: Int
  public var depth: Int

  public init() { self.init(width: 0, height: 0, depth: 0) }

  public init(width: Int, height: Int, depth: Int) {
    self.width = width
    self.height = height
    self.depth = depth
  }
}

public func MTLSizeMake(_ width: Int, _ height: Int, _ depth: Int) -> MTLSize {
  MTLSize(width: width, height: height, depth: depth)
}
