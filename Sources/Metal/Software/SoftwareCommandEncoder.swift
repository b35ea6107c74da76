/// What an error report says of an encoder.
struct EncoderNotes {
  var label: String?
  var signposts: [String] = []
}

/// What compute and blit encoders have in common.
class SoftwareCommandEncoder: MTLCommandEncoder {
  let id: Int
  let commandBuffer: SoftwareCommandBuffer
  final let trace: Trace?
  /// Valid until `endEncoding()`.
  final let stream: UnsafeMutablePointer<CommandStream>
  final var isEncoding = true
  private final var notes = EncoderNotes()
  /// By their addresses, which are theirs because the stream holds them or the caller has to.
  private final var updatedFences: [ObjectIdentifier] = []

  init(commandBuffer: SoftwareCommandBuffer, stream: UnsafeMutablePointer<CommandStream>) {
    id = Counter.objects.add(1)
    self.commandBuffer = commandBuffer
    self.stream = stream
    trace = commandBuffer.trace
    LiveObject.commandEncoders.made()
  }

  deinit {
    guard !isEncoding else {
      misuse("-[_MTLCommandEncoder dealloc]", "Command encoder released without endEncoding")
    }
    LiveObject.commandEncoders.released()
  }

  final var device: any MTLDevice { commandBuffer.softwareDevice }

  final var label: String? {
    get { notes.label }
    set {
      trace?.line("encoder \(id) label=\(newValue ?? "")")
      notes.label = newValue
    }
  }

  final func endEncoding() {
    checkEncoding("-[MTLDebugCommandEncoder endEncoding]")
    trace?.line("encoder \(id) endEncoding")
    isEncoding = false
    commandBuffer.endEncoding(notes)
  }

  final func insertDebugSignpost(_ string: String) {
    trace?.line("encoder \(id) insertDebugSignpost \(string)")
    notes.signposts.append(string)
  }

  final func pushDebugGroup(_ string: String) { trace?.line("encoder \(id) pushDebugGroup \(string)") }

  final func popDebugGroup() { trace?.line("encoder \(id) popDebugGroup") }

  final func updateFence(_ fence: any MTLFence) {
    encode(.updateFence, fence, "-[MTLDebugCommandEncoder updateFence:]")
    updatedFences.append(ObjectIdentifier(fence))
  }

  final func waitForFence(_ fence: any MTLFence) {
    let method: StaticString = "-[MTLDebugCommandEncoder waitForFence:]"
    guard !updatedFences.contains(ObjectIdentifier(fence)) else {
      misuse(method, "this encoder has updated the fence already: it must wait before it updates")
    }
    encode(.waitForFence, fence, method)
  }

  private func encode(_ kind: Command.Kind, _ fence: any MTLFence, _ method: StaticString) {
    checkEncoding(method)
    trace?.line("encoder \(id) \(kind)")
    let fence = own(fence, as: SoftwareFence.self)
    if commandBuffer.retainedReferences { stream.pointee.retain(fence) }
    let identity = ResourceIdentity(fence, isTracked: false)
    _ = stream.pointee.append(FenceCommand(command: Command(kind), fence: identity))
  }

  @inline(__always)
  final func checkEncoding(_ method: StaticString) {
    if !isEncoding { misuse(method, "encoding after endEncoding has been called") }
  }

  /// Keeps the buffer alive, by the rules of the command buffer.
  @inline(__always)
  final func use(_ buffer: any MTLBuffer) -> SoftwareBuffer {
    let buffer = own(buffer, as: SoftwareBuffer.self)
    commandBuffer.use(buffer, buffer.lastUser)
    return buffer
  }
}
