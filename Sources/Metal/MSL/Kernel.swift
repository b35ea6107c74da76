/// A kernel: a function or an instantiation of a template that the host can name.
struct Kernel: Sendable {
  /// The name the host knows.
  var name: String
  /// What names the function in C++ inside its namespaces: `saxpy`, `scale<float, 4>`.
  var expression: String
  /// The namespaces of `expression`.
  var namespaces: [String]
  var function: Declaration
  /// Where messages about it point to.
  var position: SourcePosition
  var parameters: [KernelParameter]
  /// The parameters of an instantiation that leaves the template arguments to be deduced from them.
  var deduction: Range<Int>?
  var maxTotalThreads: Int?

  /// From the outermost namespace on, so that `using namespace metal` adds no function of the library to a kernel `step`.
  var qualified: String { ([""] + namespaces.filter { !$0.isEmpty } + [expression]).joined(separator: "::") }

  /// The address of the function, in C++ of a form.
  func address(_ rewriter: Rewriter, _ form: Rewriter.Form) -> String {
    guard let deduction else { return "&\(qualified)" }
    return "static_cast<void (*)(\(rewriter.text(deduction, form)))>(&\(qualified))"
  }
}

struct KernelParameter: Sendable {
  enum Role: Sendable {
    case buffer(Int)
    case threadgroup(Int)
    case builtin(Builtin)
    /// Reported as an error.
    case invalid
  }
  var parameter: Parameter
  var name: String
  var position: SourcePosition
  var role: Role
  /// What it points to; nil where that is hidden in a type's name that is not understood.
  var space: AddressSpace?
  /// What decides whether it is there, of `[[function_constant(name)]]`: its text, and the last part of its name.
  var condition: (text: String, last: String)?
}

/// What a kernel can ask about where it runs.
enum Builtin: String, CaseIterable, Sendable {
  case threadPositionInGrid = "thread_position_in_grid"
  case threadsPerGrid = "threads_per_grid"
  case gridOrigin = "grid_origin"
  case gridSize = "grid_size"
  case threadPositionInThreadgroup = "thread_position_in_threadgroup"
  case threadsPerThreadgroup = "threads_per_threadgroup"
  case dispatchThreadsPerThreadgroup = "dispatch_threads_per_threadgroup"
  case threadgroupPositionInGrid = "threadgroup_position_in_grid"
  case threadgroupsPerGrid = "threadgroups_per_grid"
  case threadIndexInThreadgroup = "thread_index_in_threadgroup"
  case threadIndexInSimdgroup = "thread_index_in_simdgroup"
  case simdgroupIndexInThreadgroup = "simdgroup_index_in_threadgroup"
  case simdgroupsPerThreadgroup = "simdgroups_per_threadgroup"
  case dispatchSimdgroupsPerThreadgroup = "dispatch_simdgroups_per_threadgroup"
  case threadsPerSimdgroup = "threads_per_simdgroup"
  case threadExecutionWidth = "thread_execution_width"
  case threadIndexInQuadgroup = "thread_index_in_quadgroup"
  case quadgroupIndexInThreadgroup = "quadgroup_index_in_threadgroup"
  case quadgroupsPerThreadgroup = "quadgroups_per_threadgroup"
  case dispatchQuadgroupsPerThreadgroup = "dispatch_quadgroups_per_threadgroup"

  /// Those whose types must agree, all of them in one kernel.
  enum Family: Sendable { case grid, group, index, lane }

  var family: Family {
    switch self {
    case .threadPositionInGrid, .threadsPerGrid, .gridOrigin, .gridSize: .grid
    case .threadPositionInThreadgroup, .threadsPerThreadgroup, .dispatchThreadsPerThreadgroup,
      .threadgroupPositionInGrid, .threadgroupsPerGrid:
      .group
    case .threadIndexInThreadgroup: .index
    default: .lane
    }
  }

  /// Whether it may be a vector of two or three components.
  var isPosition: Bool { family == .grid || family == .group }
}
