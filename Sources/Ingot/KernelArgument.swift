/// One argument of a kernel, as Metal's reflection describes it.
///
///     for argument in kernel.arguments where argument.takesInline { print(argument.name, argument.nbytes) }
public struct KernelArgument: Sendable, Hashable {
  public enum Kind: UInt32, Sendable {
    /// `device` or `constant` memory, `[[buffer(index)]]`.
    case buffer = 0
    /// `threadgroup` memory, `[[threadgroup(index)]]`.
    case threadgroup = 1
  }

  public let name: String
  public let kind: Kind
  /// The slot in Metal's table for its kind, 0 to 30.
  public let index: Int
  /// Of the scalars an element is made of; nil for structs, `void` and mixed contents.
  public let dtype: DType?
  /// Scalars in one element: 4 for `float4`, 0 for structs and `void`.
  public let width: Int
  /// Bytes of one element; 0 if Metal does not know.
  public let nbytes: Int
  /// Bytes that a buffer's offset must be a multiple of.
  public let alignment: Int
  public let access: Access
  /// Whether the kernel uses it; if not it may be left out.
  public let isUsed: Bool
  /// Whether a value may be given in place of a buffer: `constant` and `const device` arguments.
  public let takesInline: Bool
}
