// Buffers of the device.
extension SoftwareDevice {
  func makeBuffer(length: Int, options: MTLResourceOptions) -> (any MTLBuffer)? {
    let buffer = makePagesBuffer(
      length: length, options: options, method: "-[MTLDebugDevice newBufferWithLength:options:]")
    trace?.line("device makeBuffer length=\(length) options=\(options.rawValue) -> \(describe(buffer))")
    return buffer
  }

  func makeBuffer(
    bytes pointer: UnsafeRawPointer, length: Int, options: MTLResourceOptions
  ) -> (any MTLBuffer)? {
    let buffer = makePagesBuffer(
      length: length, options: options, method: "-[MTLDebugDevice newBufferWithBytes:length:options:]")
    trace?.line("device makeBuffer bytes length=\(length) options=\(options.rawValue) -> \(describe(buffer))")
    buffer?.address.copyMemory(from: pointer, byteCount: length)
    return buffer
  }

  func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions,
    deallocator: (@Sendable (UnsafeMutableRawPointer, Int) -> Void)?
  ) -> (any MTLBuffer)? {
    checkPages(pointer, length: length, options: options)
    var buffer: SoftwareBuffer?
    if memory.admitsRequest(), length <= maxBufferLength, PageMemory.isThere(pointer, length) {
      buffer = SoftwareBuffer(
        device: self, bytes: pointer, length: length, options: options, deallocator: deallocator)
    }
    trace?.line(
      "device makeBuffer bytesNoCopy length=\(length) options=\(options.rawValue) -> \(describe(buffer))")
    return buffer
  }

  func heapBufferSizeAndAlign(length: Int, options: MTLResourceOptions) -> MTLSizeAndAlign {
    MTLSizeAndAlign(size: DeviceMemory.roundedToPages(length), align: DeviceMemory.pageSize)
  }

  private func makePagesBuffer(
    length: Int, options: MTLResourceOptions, method: StaticString
  ) -> SoftwareBuffer? {
    check(length: length, options: options, method: method)
    guard memory.admitsRequest(), length <= maxBufferLength, let pages = memory.allocate(length) else {
      return nil
    }
    return SoftwareBuffer(device: self, pages: pages, length: length, options: options)
  }

  private func check(length: Int, options: MTLResourceOptions, method: StaticString) {
    guard length > 0 else {
      misuse(method, "Buffer Validation: Cannot create buffer of zero length.")
    }
    guard options.isValid else {
      misuse(
        method, "Buffer Validation: resource options 0x\(String(options.rawValue, radix: 16)) are invalid")
    }
    guard options.storageMode != .memoryless else {
      misuse(method, "Buffer Validation: MTLStorageModeMemoryless is for textures only")
    }
  }

  private func checkPages(_ pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions) {
    let method: StaticString = "-[MTLDebugDevice newBufferWithBytesNoCopy:length:options:deallocator:]"
    check(length: length, options: options, method: method)
    let page = DeviceMemory.pageSize
    guard UInt(bitPattern: pointer) % UInt(page) == 0 else {
      misuse(method, "newBufferWithBytesNoCopy:pointer \(pointer) is not \(page) byte aligned.")
    }
    guard length % page == 0 else {
      misuse(method, "newBufferWithBytesNoCopy:length \(length) is not a multiple of \(page) bytes.")
    }
    guard options.storageMode != .private else {
      misuse(
        method, "newBufferWithBytesNoCopy:options MTLStorageModePrivate cannot share the caller's memory")
    }
  }

  private func describe(_ buffer: SoftwareBuffer?) -> String { buffer.map { "buffer \($0.id)" } ?? "nil" }
}
