/// Copies and fills, each after the one before.
final class SoftwareBlitCommandEncoder: SoftwareCommandEncoder, MTLBlitCommandEncoder {
  func copy(
    from sourceBuffer: any MTLBuffer, sourceOffset: Int, to destinationBuffer: any MTLBuffer,
    destinationOffset: Int, size: Int
  ) {
    let method: StaticString =
      "-[MTLDebugBlitCommandEncoder copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:]"
    checkEncoding(method)
    let source = use(sourceBuffer)
    let destination = use(destinationBuffer)
    trace?.line(
      "encoder \(id) copy buffer \(source.id) offset=\(sourceOffset) to buffer \(destination.id) "
        + "offset=\(destinationOffset) size=\(size)")
    check(offset: sourceOffset, size: size, in: source, "source", method)
    check(offset: destinationOffset, size: size, in: destination, "destination", method)
    let distance = abs(sourceOffset - destinationOffset)
    guard source !== destination || distance >= size else {
      misuse(method, "the source and destination ranges of one buffer must not overlap.")
    }
    let command = CopyCommand(
      source: UnsafeRawPointer(source.address + sourceOffset), sourceResource: source.identity,
      destination: destination.address + destinationOffset, destinationResource: destination.identity,
      size: size)
    _ = stream.pointee.append(command)
  }

  func fill(buffer: any MTLBuffer, range: Range<Int>, value: UInt8) {
    let method: StaticString = "-[MTLDebugBlitCommandEncoder fillBuffer:range:value:]"
    checkEncoding(method)
    let buffer = use(buffer)
    trace?.line("encoder \(id) fill buffer \(buffer.id) range=\(range) value=\(value)")
    check(offset: range.lowerBound, size: range.count, in: buffer, "range", method)
    let command = FillCommand(
      destination: buffer.address + range.lowerBound, resource: buffer.identity, size: range.count,
      value: value)
    _ = stream.pointee.append(command)
  }

  func resolveCounters(
    _ sampleBuffer: any MTLCounterSampleBuffer, range: Range<Int>, destinationBuffer: any MTLBuffer,
    destinationOffset: Int
  ) {
    let method: StaticString =
      "-[MTLDebugBlitCommandEncoder resolveCounters:inRange:destinationBuffer:destinationOffset:]"
    checkEncoding(method)
    let samples = own(sampleBuffer, as: SoftwareCounterSampleBuffer.self)
    let buffer = use(destinationBuffer)
    trace?.line(
      "encoder \(id) resolveCounters sampleBuffer \(samples.id) range=\(range) buffer \(buffer.id) "
        + "offset=\(destinationOffset)")
    guard !range.isEmpty, range.lowerBound >= 0, range.upperBound <= samples.sampleCount else {
      misuse(method, "range(\(range)) must lie within sampleCount(\(samples.sampleCount)).")
    }
    // The minimum alignment of constant buffers, which differs: this is the largest.
    guard destinationOffset >= 0, destinationOffset % 256 == 0 else {
      misuse(method, "destinationOffset(\(destinationOffset)) must be a multiple of 256.")
    }
    let size = range.count * MemoryLayout<MTLCounterResultTimestamp>.stride
    guard size <= buffer.length - destinationOffset else {
      misuse(
        method, "destinationOffset(\(destinationOffset)) + \(size) must be <= length(\(buffer.length)).")
    }
    if commandBuffer.retainedReferences { stream.pointee.retain(samples) }
    let command = ResolveCommand(
      samples: samples.samples + range.lowerBound, destination: buffer.address + destinationOffset,
      resource: buffer.identity, size: size)
    _ = stream.pointee.append(command)
  }

  func synchronize(resource: any MTLResource) {
    let method: StaticString = "-[MTLDebugBlitCommandEncoder synchronizeResource:]"
    checkEncoding(method)
    let buffer = own(resource, as: SoftwareBuffer.self)
    trace?.line("encoder \(id) synchronize buffer \(buffer.id)")
    guard buffer.storageMode == .managed else {
      misuse(method, "resource does not have storage mode MTLStorageModeManaged.")
    }
  }

  private func check(
    offset: Int, size: Int, in buffer: SoftwareBuffer, _ name: String, _ method: StaticString
  ) {
    guard offset % 4 == 0, size % 4 == 0 else {
      misuse(method, "\(name) offset(\(offset)) and size(\(size)) must be multiples of 4.")
    }
    guard size > 0 else { misuse(method, "size(\(size)) must be > 0.") }
    guard offset >= 0, offset <= buffer.length, size <= buffer.length - offset else {
      misuse(method, "\(name) offset(\(offset)) + size(\(size)) must be <= length(\(buffer.length)).")
    }
  }
}
