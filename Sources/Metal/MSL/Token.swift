/// One token of MSL.
struct Token: Sendable {
  enum Kind: UInt8, Sendable {
    case identifier, number, string, punctuation
    /// A whole line that begins with `#`; after preprocessing only pragmas are left.
    case directive
    /// A `[[...]]` list.
    case attributes
  }
  var kind: Kind
  var text: String
  var position: SourcePosition
  /// Whether white space or a comment stands before it.
  var isSpaced = false
  /// Whether a macro made it, so that its text does not stand at its position.
  var isExpanded = false
  /// Of kind `.attributes`: what is in it.
  var attributes: [Attribute] = []
}

/// One attribute of a `[[...]]` list.
struct Attribute: Sendable {
  /// With its namespace, as in `clang::always_inline`.
  var name: String
  var position: SourcePosition
  var arguments: [Token]
}

extension Token {
  /// An address space keyword.
  var isAddressSpace: Bool {
    kind == .identifier && AddressSpace(rawValue: text) != nil
  }
}

enum AddressSpace: String, Sendable {
  case device, constant, threadgroup, thread
}
