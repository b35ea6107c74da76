import CMetalRuntime
import Glibc

/// A compiled kernel in the cache: a record that names a file by its content, and the file.
struct SharedObject: Sendable {
  private let digest: Digest
  private let stackBytes: Int

  private var name: String { "\(digest.text).so" }
  private static func recordName(_ key: Digest) -> String { "\(key.text).pipeline" }

  /// Finds one; nil if it is not there or not as it was made.
  init?(_ key: Digest, _ cache: CacheDirectory) {
    guard let record = cache.read(Self.recordName(key)), var reader = RecordReader(record),
      let digest = reader.string(), let stackBytes = reader.int()
    else { return nil }
    self.init(digest: Digest(text: digest), stackBytes: stackBytes)
    guard let bytes = cache.read(name), Digest(bytes) == self.digest else { return nil }
    cache.touch(Self.recordName(key))
    cache.touch(name)
  }

  private init(digest: Digest, stackBytes: Int) {
    self.digest = digest
    self.stackBytes = stackBytes
  }

  /// Puts a new one into the cache.
  static func add(
    _ file: String, _ bytes: [UInt8], stack: Int, _ key: Digest, _ cache: CacheDirectory
  ) throws(MSLError) -> SharedObject {
    let object = SharedObject(digest: Digest(bytes), stackBytes: stack)
    try cache.adopt(file, as: object.name)
    var record = RecordWriter()
    record.put(object.digest.text)
    record.put(stack)
    try cache.write(recordName(key), record.record)
    return object
  }

  /// Loads it for good.
  func load(_ kernel: TranslatedKernel, _ cache: CacheDirectory) throws(MSLError) -> MSLPipeline {
    MathLibraries.load()
    guard let handle = dlopen(cache.file(name), RTLD_NOW | RTLD_LOCAL) else { throw Self.loadFailure(kernel) }
    let loaded = mtl_kernel_load(handle, EntryStub.symbol, kernel.form.kind, mtl_u32(clamping: stackBytes))
    guard loaded.entry != nil, let table = dlsym(handle, EntryStub.reflectionSymbol) else {
      throw MSLError(
        kind: .pipeline, message: "the code of kernel '\(kernel.description.name)' has no entry point")
    }
    let memory = Int(loaded.thread_local_bytes)
    guard memory <= Self.threadgroupMemoryLimit else {
      throw MSLError(
        kind: .pipeline,
        message: "Threadgroup memory size (\(memory)) exceeds the maximum threadgroup memory allowed "
          + "(\(Self.threadgroupMemoryLimit))")
    }
    let description = kernel.description.completed(table.assumingMemoryBound(to: mtl_argument.self))
    return MSLPipeline(
      kernel: loaded, description: description, staticThreadgroupMemoryLength: memory,
      maxTotalThreadsPerThreadgroup: min(description.maxTotalThreads ?? 1024, 1024))
  }

  private static let threadgroupMemoryLimit = 32768

  private static func loadFailure(_ kernel: TranslatedKernel) -> MSLError {
    let reason = dlerror().map { String(cString: $0) } ?? "no reason given"
    let name = kernel.description.name
    if let symbol = reason.firstRange(of: "undefined symbol: ") {
      return .undefined(reason[symbol.upperBound...], in: kernel)
    }
    return MSLError(kind: .pipeline, message: "the code of kernel '\(name)' does not load: \(reason)")
  }
}

extension MSLError {
  /// In the words of Metal's linker.
  static func undefined(_ symbol: some StringProtocol, in kernel: TranslatedKernel) -> MSLError {
    MSLError(
      kind: .pipeline,
      message: "Undefined symbols: \(symbol), referenced from kernel '\(kernel.description.name)'")
  }
}

extension MSLKernelDescription {
  /// With the types, sizes and alignments that the shared object tells.
  fileprivate func completed(_ table: UnsafePointer<mtl_argument>) -> MSLKernelDescription {
    var result = self
    for index in arguments.indices {
      result.arguments[index].dataType = MTLDataType(rawValue: UInt(table[index].data_type)) ?? .struct
      result.arguments[index].dataSize = Int(table[index].size)
      result.arguments[index].alignment = Int(table[index].alignment)
      let isReadOnly = table[index].is_read_only != 0 || arguments[index].isConstantAddressSpace
      result.arguments[index].access = isReadOnly ? .readOnly : .readWrite
    }
    let present = arguments.indices.filter { table[$0].is_present != 0 }
    result.arguments = present.map { result.arguments[$0] }
    return result
  }
}
