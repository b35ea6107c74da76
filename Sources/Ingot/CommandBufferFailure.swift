import Metal

extension IngotError {
  /// The error of a command buffer that failed: Metal's text and code, what ran, and what to do.
  static func failure(of work: Work, _ error: (any Error)?, kernels: [String]) -> IngotError {
    let code = (error as? MTLCommandBufferError)?.code
    let text = error.map(Platform.text) ?? "Metal gives no reason"
    let codeText = code.map { ", MTLCommandBufferError code \($0.rawValue)" } ?? ""
    return IngotError(
      .commandBuffer,
      "\(work.name) failed on the GPU: \(text)\(codeText). It ran \(list(kernels)). \(advice(for: code))",
      metalCode: code.map { Int($0.rawValue) }, kernels: kernels, label: work.label)
  }

  private static func list(_ kernels: [String]) -> String {
    guard !kernels.isEmpty else { return "no kernel" }
    let shown = kernels.prefix(8).joined(separator: ", ")
    return kernels.count > 8 ? "\(shown) and \(kernels.count - 8) more" : shown
  }

  private static func advice(for code: MTLCommandBufferError.Code?) -> String {
    switch code {
    case .timeout:
      "A kernel ran too long: look for a loop that does not end, or split the work over more submissions"
    case .pageFault:
      "A kernel used memory outside its buffers: compare its indices with the grid and the buffers' sizes"
    case .outOfMemory: "Free buffers, or use fewer in one submission"
    case .stackOverflow:
      "A kernel needs more stack than there is: use less recursion and smaller local arrays"
    case .accessRevoked, .notPermitted:
      "The system refuses this process the GPU, often after earlier failures: restart it"
    default: "What the submission wrote is undefined; the device stays usable"
    }
  }
}
