/// One parameter of a function.
struct Parameter: Sendable {
  var tokens: Range<Int>
  /// The token that names it; nil if it has no name.
  var name: Int?
  var attributes: [Attribute]
  /// Its type as written, without attributes and name.
  var type: String
  /// Its type with the address spaces erased: equal for overloads that differ in nothing else.
  var erasedType: String
  /// The address space keywords in it, from the left.
  var spaces: [AddressSpace]
  /// Whether it is written with `*`, `&` or `[]`.
  var isIndirect: Bool

  static func parameters(_ range: Range<Int>, _ tree: TokenTree) -> [Parameter] {
    tree.split(range).filter { !$0.isEmpty && !($0.count == 1 && tree[$0.lowerBound] == "void") }
      .map { Parameter($0, tree) }
  }

  private init(_ range: Range<Int>, _ tree: TokenTree) {
    let name = Self.name(range, tree)
    let equals = tree.topLevel(range).first { tree[$0] == "=" } ?? range.upperBound
    let typed = (range.lowerBound..<equals).filter { $0 != name && tree.tokens[$0].kind != .attributes }
    tokens = range
    self.name = name
    attributes = tree.tokens[range].flatMap(\.attributes)
    type = Self.spaced(typed, tree)
    erasedType = Self.spaced(typed.filter { !tree.tokens[$0].isAddressSpace || tree[$0] == "constant" }, tree)
      .replacing("constant", with: "const")
    spaces = typed.compactMap { AddressSpace(rawValue: tree[$0]) }
    isIndirect = typed.contains { ["*", "&", "&&", "["].contains(tree[$0]) }
  }

  /// As clang prints types: `device float *`.
  private static func spaced(_ indices: [Int], _ tree: TokenTree) -> String {
    var text = ""
    var previous = ""
    for index in indices {
      let token = tree[index]
      let isWord = tree.isIdentifier(index) || tree.tokens[index].kind == .number
      let wasWord = previous.last.map { $0.isLetter || $0.isNumber || $0 == "_" || $0 == ">" } ?? false
      let isStar = ["*", "&", "&&"].contains(token)
      if (isWord && (wasWord || previous == ",")) || (isStar && wasWord) { text += " " }
      text += token
      previous = token
    }
    return text
  }

  /// The last identifier that can be no part of the type: `x` in `device float *x`, `float (&x)[4]`, `uint x`.
  private static func name(_ range: Range<Int>, _ tree: TokenTree) -> Int? {
    var top = tree.topLevel(range)
    if let equals = top.firstIndex(where: { tree[$0] == "=" }) { top = Array(top[..<equals]) }
    if let group = top.first(where: { tree[$0] == "(" && ["*", "&"].contains(tree[$0 + 1]) }) {
      return tree.inside(group)?.last { tree.isIdentifier($0) }
    }
    guard let last = top.lastIndex(where: { tree.isIdentifier($0) }), last > 0 else { return nil }
    let index = top[last]
    let before = top[..<last].filter { tree.tokens[$0].kind != .attributes }
    guard let previous = before.last, tree[previous] != "::", !typeWords.contains(tree[index]) else {
      return nil
    }
    let hasType = before.contains { isTypeWord(tree[$0]) }
    return hasType ? index : nil
  }

  private static func isTypeWord(_ text: String) -> Bool {
    guard let first = text.first, first.isLetter || first == "_" else { return text == "<" }
    return AddressSpace(rawValue: text) == nil && text != "const" && text != "volatile"
  }
}

/// Words that name types, so that a parameter that ends in one has no name.
private let typeWords: Set<String> = [
  "void", "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "float", "half",
  "bfloat",
  "unsigned", "signed", "double", "size_t", "const", "volatile",
]
