/// The statements after the text of a library with which clang checks the types of its kernels' parameters.
struct LibraryCheck {
  /// Begins the messages of the check, so that they can be told from a user's assertions.
  static let mark = "mtl_check: "

  private let kernel: Kernel
  private var lines: [(text: String, position: SourcePosition)] = []

  /// Appends the check of `kernel` to `text`. Failures are reported at the parameters.
  static func append(_ kernel: Kernel, _ rewriter: Rewriter, to text: inout GeneratedText, _ order: Int) {
    var check = LibraryCheck(kernel, kernel.address(rewriter, .checked))
    check.addParameters()
    check.addFamilies()
    let names = kernel.namespaces.map { $0.isEmpty ? "namespace {" : "namespace \($0) {" }
    let open = (names + ["namespace mtl_check_\(order) {"]).joined(separator: " ")
    text.appendLine(open, from: kernel.position)
    for line in check.lines { text.appendLine(line.text, from: line.position) }
    text.appendLine(String(repeating: "}", count: names.count + 1), from: kernel.position)
  }

  /// Appends the check that a function constant has the type that reflection will tell.
  static func append(
    _ constant: FunctionConstants.Constant, to text: inout GeneratedText, at position: SourcePosition
  ) {
    let names = constant.declaration.namespaces.map { $0.isEmpty ? "namespace {" : "namespace \($0) {" }
    let condition = "mtl::data_type<\(constant.typeText)>() == \(constant.type.rawValue)"
    let message =
      "invalid type '\(constant.typeText)' for a function constant: it must be a scalar or a vector"
    let check = "static_assert(\(condition), \"\(mark)\(message)\");"
    text.appendLine(
      (names + [check] + names.map { _ in "}" }).joined(separator: " "), from: position)
  }

  private init(_ kernel: Kernel, _ address: String) {
    self.kernel = kernel
    add("using mtl_signature = mtl::signature<decltype(\(address))>;", kernel.position)
    require("__is_void(mtl_signature::result)", "kernel must have void return type", kernel.position)
    for (order, parameter) in kernel.parameters.enumerated() {
      add("using mtl_p\(order) = mtl_signature::parameter<\(order)>;", parameter.position)
    }
  }

  private mutating func add(_ text: String, _ position: SourcePosition) {
    lines.append((text, position))
  }

  private mutating func require(_ condition: String, _ message: String, _ position: SourcePosition) {
    let quoted = message.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    add("static_assert(\(condition), \"\(Self.mark)\(quoted)\");", position)
  }

  private mutating func addParameters() {
    for (order, parameter) in kernel.parameters.enumerated() {
      let type = parameter.parameter.type
      switch parameter.role {
      case .buffer, .threadgroup:
        let message = "invalid type '\(type)' for buffer declaration"
        require("mtl::is_argument<mtl_p\(order)>", message, parameter.position)
      case .builtin(let builtin):
        let message = "invalid type '\(type)' for input declaration in a kernel function"
        let condition = "mtl::is_position<mtl_p\(order), \(builtin.isPosition ? 3 : 1)>"
        require(condition, message, parameter.position)
      case .invalid: break
      }
      if let condition = parameter.condition?.text {
        let message = "'\(FunctionConstants.attribute)' attribute wants a bool, which '\(condition)' is not"
        require("__is_same(decltype(mtl::value_of(\(condition))), bool)", message, parameter.position)
      }
    }
  }

  /// Positions must agree with one another in width, and within a family in type.
  private mutating func addFamilies() {
    let positions = builtins { $0.isPosition }
    for order in positions.dropFirst() {
      require(
        "mtl::same_width<mtl_p\(positions[0]), mtl_p\(order)>",
        "expecting input declarations with either all scalar types or all vector types with the same number of "
          + "elements", kernel.parameters[order].position)
    }
    for family in [Builtin.Family.grid, .group, .lane] {
      requireOneType(builtins { $0.family == family })
    }
    if let index = builtins({ $0.family == .index }).first,
      let group = builtins({ $0.family == .group }).first
    {
      // A ushort cannot hold the index where the positions need a uint.
      requireOneType([group, index], unless: "__is_same(mtl::element_t<mtl_p\(group)>, ushort)")
    }
  }

  private mutating func requireOneType(_ orders: [Int], unless exception: String = "false") {
    guard let first = orders.first else { return }
    for order in orders.dropFirst() {
      let names = [order, first].map { attribute($0) }
      require(
        "\(exception) || mtl::same_element<mtl_p\(first), mtl_p\(order)>",
        "type of '\(names[0])' must match the type of '\(names[1])'", kernel.parameters[order].position)
    }
  }

  private func attribute(_ order: Int) -> String {
    if case .builtin(let builtin) = kernel.parameters[order].role { builtin.rawValue } else { "" }
  }

  private func builtins(_ isWanted: (Builtin) -> Bool) -> [Int] {
    kernel.parameters.indices.filter { order in
      if case .builtin(let builtin) = kernel.parameters[order].role { isWanted(builtin) } else { false }
    }
  }
}
