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

/// What a resource would take from a heap, in bytes.
public struct MTLSizeAndAlign: Sendable, BitwiseCopyable {
  public var size: Int
  public var align: Int

  public init() { self.init(size: 0, align: 0) }

  public init(size: Int, align: Int) {
    self.size = size
    self.align = align
  }
}

public typealias CFTimeInterval = Double
public typealias MTLTimestamp = UInt64
