import CMetalRuntime

/// The function of a shared object that the runtime calls to run a kernel.
struct EntryStub: Sendable {
  enum Form: UInt8, Sendable {
    case range, group, thread

    var kind: mtl_u32 {
      switch self {
      case .range: mtl_u32(MTL_ENTRY_RANGE)
      case .group: mtl_u32(MTL_ENTRY_GROUP)
      case .thread: mtl_u32(MTL_ENTRY_THREAD)
      }
    }
  }

  static let symbol = "mtl_entry"
  static let reflectionSymbol = "mtl_arguments"

  let form: Form
  private let kernel: Kernel
  private let address: String

  init(_ kernel: Kernel, _ graph: CallGraph, _ tree: TokenTree, _ rewriter: Rewriter) {
    self.kernel = kernel
    address = kernel.address(rewriter, .erased)
    form = Self.form(kernel, kernel.names(tree), graph)
  }

  /// The fastest form that gives the kernel all it asks for; `names` are what it is made of.
  private static func form(_ kernel: Kernel, _ names: Set<String>, _ graph: CallGraph) -> Form {
    if !names.isDisjoint(with: graph.synchronising) { return .thread }
    let needsGroup = kernel.parameters.contains { parameter in
      switch parameter.role {
      case .buffer, .invalid: false
      case .threadgroup: true
      case .builtin(let builtin): builtin.family != .grid
      }
    }
    return needsGroup || !names.isDisjoint(with: graph.usingThreadgroup) ? .group : .range
  }

  // MARK: Text

  /// The stub, to stand after the text of the library. It sees all names there, so its own begin with `mtl_`.
  var text: String {
    let names = kernel.namespaces.map { $0.isEmpty ? "namespace {" : "namespace \($0) {" }
    let head = names + ["namespace mtl_stub {"]
    let tail = [String](repeating: "}", count: names.count + 1)
    return (head + signature + reflection + loop + entry + tail).joined(separator: "\n") + "\n"
  }

  private var signature: [String] {
    ["using mtl_signature = mtl::signature<decltype(\(address))>;"]
      + kernel.parameters.indices.map { "using mtl_P\($0) = mtl_signature::parameter<\($0)>;" }
  }

  /// What reflection must ask the compiler: types, sizes and alignments of the arguments.
  private var reflection: [String] {
    let rows = hostArguments.map {
      "mtl::describe<mtl_P\($0.order)>(\($0.parameter.condition.map { "MTL_CONDITION(\($0.text))" } ?? "")),"
    }
    return [
      "extern \"C\" __attribute__((visibility(\"default\"))) constexpr mtl_argument \(Self.reflectionSymbol)[] = {"
    ]
      + rows + ["{}};"]
  }

  /// Of the parameters that the host sets, in the order of the description.
  private var hostArguments: [(order: Int, parameter: KernelParameter)] {
    kernel.hostParameters
  }

  /// The pointers become parameters that promise not to alias, as Metal does of buffers; that lets loops vectorise.
  private var loop: [String] {
    let pointers = hostArguments.map { "mtl::pointer<mtl_P\($0.order)> __restrict mtl_a\($0.order)" }
    let places =
      switch form {
      case .range:
        [
          "const mtl_launch *mtl_stub_launch", "uint mtl_stub_x_begin", "uint mtl_stub_x_end",
          "uint mtl_stub_y", "uint mtl_stub_z",
        ]
      case .group: ["const mtl_launch *mtl_stub_launch", "const mtl_group *mtl_stub_group"]
      case .thread:
        [
          "const mtl_launch *mtl_stub_launch", "const mtl_group *mtl_stub_group",
          "const mtl_thread *mtl_stub_thread",
        ]
      }
    let head = "static inline void mtl_run(\((pointers + places).joined(separator: ", "))) {"
    return [head] + body + ["}"]
  }

  private var body: [String] {
    switch form {
    case .range:
      ["for (uint mtl_stub_x = mtl_stub_x_begin; mtl_stub_x < mtl_stub_x_end; ++mtl_stub_x)", call]
    case .group:
      [
        "const uint mtl_stub_size_x = mtl_stub_group->size[0], mtl_stub_size_y = mtl_stub_group->size[1], mtl_stub_size_z = mtl_stub_group->size[2];",
        "const uint mtl_stub_x_first = mtl_stub_group->position[0] * mtl_stub_launch->threads_per_threadgroup[0];",
        "const uint mtl_stub_y_first = mtl_stub_group->position[1] * mtl_stub_launch->threads_per_threadgroup[1];",
        "const uint mtl_stub_z_first = mtl_stub_group->position[2] * mtl_stub_launch->threads_per_threadgroup[2];",
        "for (uint mtl_stub_z = 0; mtl_stub_z < mtl_stub_size_z; ++mtl_stub_z)",
        "for (uint mtl_stub_y = 0; mtl_stub_y < mtl_stub_size_y; ++mtl_stub_y)",
        "for (uint mtl_stub_x = 0; mtl_stub_x < mtl_stub_size_x; ++mtl_stub_x) {",
        "const uint mtl_stub_index = (mtl_stub_z * mtl_stub_size_y + mtl_stub_y) * mtl_stub_size_x + mtl_stub_x;",
        call, "}",
      ]
    case .thread: [call]
    }
  }

  private var call: String {
    let arguments = kernel.parameters.enumerated().map { order, parameter in
      switch parameter.role {
      case .buffer, .threadgroup, .invalid: "mtl::dereference<mtl_P\(order)>(mtl_a\(order))"
      case .builtin(let builtin): "mtl::position<mtl_P\(order)>(\(place(of: builtin)))"
      }
    }
    let function = kernel.deduction == nil ? kernel.qualified : "(\(address))"
    return "\(function)(\(arguments.joined(separator: ", ")));"
  }

  /// Conditions of arguments count as uses of their constants, also where the kernel does nothing with the argument.
  private var notes: [String] {
    hostArguments.compactMap { $0.parameter.condition.map { "MTL_NOTE_CONDITION(\($0.text))" } }
  }

  private var entry: [String] {
    let loads = hostArguments.map { order, parameter in
      let load =
        switch parameter.role {
        case .threadgroup(let index):
          "static_cast<mtl::pointer<mtl_P\(order)>>(mtl_stub_group->threadgroup[\(index)])"
        case .buffer(let index):
          "static_cast<mtl::pointer<mtl_P\(order)>>(mtl_stub_launch->buffers[\(index)])"
        default: "nullptr"
        }
      guard let condition = parameter.condition?.text else { return load }
      return "\(condition) ? \(load) : mtl::absent<mtl_P\(order)>()"
    }
    let (parameters, places) =
      switch form {
      case .range:
        (
          "const mtl_launch *mtl_stub_launch, uint mtl_stub_x_begin, uint mtl_stub_x_end, uint mtl_stub_y, uint mtl_stub_z",
          ["mtl_stub_launch", "mtl_stub_x_begin", "mtl_stub_x_end", "mtl_stub_y", "mtl_stub_z"]
        )
      case .group:
        (
          "const mtl_launch *mtl_stub_launch, const mtl_group *mtl_stub_group",
          ["mtl_stub_launch", "mtl_stub_group"]
        )
      case .thread:
        (
          "const mtl_launch *mtl_stub_launch, const mtl_group *mtl_stub_group, const mtl_thread *mtl_stub_thread",
          ["mtl_stub_launch", "mtl_stub_group", "mtl_stub_thread"]
        )
      }
    return [
      "extern \"C\" __attribute__((visibility(\"default\"))) void \(Self.symbol)(\(parameters)) {"
    ] + notes + ["mtl_run(\((loads + places).joined(separator: ", ")));", "}"]
  }
}

extension EntryStub {
  /// The arguments of `mtl::position` that make a built-in, in terms of what the form has at hand.
  private func place(of builtin: Builtin) -> String {
    switch builtin {
    case .threadPositionInGrid:
      switch form {
      case .range: "mtl_stub_x, mtl_stub_y, mtl_stub_z"
      case .group:
        "mtl_stub_x_first + mtl_stub_x, mtl_stub_y_first + mtl_stub_y, mtl_stub_z_first + mtl_stub_z"
      case .thread: "mtl_stub_thread->position_in_grid"
      }
    case .threadsPerGrid, .gridSize: "mtl_stub_launch->threads_per_grid"
    case .gridOrigin: "0, 0, 0"
    case .threadPositionInThreadgroup:
      form == .group ? "mtl_stub_x, mtl_stub_y, mtl_stub_z" : "mtl_stub_thread->position_in_threadgroup"
    case .threadsPerThreadgroup: "mtl_stub_group->size"
    case .dispatchThreadsPerThreadgroup: "mtl_stub_launch->threads_per_threadgroup"
    case .threadgroupPositionInGrid: "mtl_stub_group->position"
    case .threadgroupsPerGrid: "mtl_stub_launch->threadgroups_per_grid"
    case .threadIndexInThreadgroup: index
    case .threadIndexInSimdgroup:
      form == .group ? "mtl_stub_index % MTL_SIMD_WIDTH" : "mtl_stub_thread->index_in_simdgroup"
    case .simdgroupIndexInThreadgroup:
      form == .group ? "mtl_stub_index / MTL_SIMD_WIDTH" : "mtl_stub_thread->simdgroup_index"
    case .simdgroupsPerThreadgroup: "mtl_stub_group->simdgroups"
    case .dispatchSimdgroupsPerThreadgroup: "(\(dispatchThreads) + MTL_SIMD_WIDTH - 1) / MTL_SIMD_WIDTH"
    case .threadsPerSimdgroup, .threadExecutionWidth: "MTL_SIMD_WIDTH"
    case .threadIndexInQuadgroup: "(\(index)) % 4"
    case .quadgroupIndexInThreadgroup: "(\(index)) / 4"
    case .quadgroupsPerThreadgroup:
      "(mtl_stub_group->size[0] * mtl_stub_group->size[1] * mtl_stub_group->size[2] + 3) / 4"
    case .dispatchQuadgroupsPerThreadgroup: "(\(dispatchThreads) + 3) / 4"
    }
  }

  private var index: String { form == .group ? "mtl_stub_index" : "mtl_stub_thread->index_in_threadgroup" }

  private var dispatchThreads: String {
    (0..<3).map { "mtl_stub_launch->threads_per_threadgroup[\($0)]" }.joined(separator: " * ")
  }
}

extension Kernel {
  /// What it is made of, for the call graph.
  func names(_ tree: TokenTree) -> Set<String> {
    let name = function.name.map { tree[$0] } ?? ""
    let conditions = parameters.compactMap { $0.condition?.last }
    return Set([name, CallGraph.operators] + conditions + expression.split(separator: " ").map(String.init))
  }

  /// Whether the roles of all parameters are understood.
  var isValid: Bool {
    parameters.allSatisfy { if case .invalid = $0.role { false } else { true } }
  }

  /// The parameters that the host sets, in the order of the description: buffers by index, then threadgroup memory.
  var hostParameters: [(order: Int, parameter: KernelParameter)] {
    parameters.enumerated().compactMap {
      order, parameter -> (rank: Int, order: Int, parameter: KernelParameter)? in
      switch parameter.role {
      case .buffer(let index): (index, order, parameter)
      case .threadgroup(let index): (1000 + index, order, parameter)
      default: nil
      }
    }.sorted { $0.rank < $1.rank }.map { ($0.order, $0.parameter) }
  }
}
