/// The symbols of a shared object, which is a 64-bit ELF file of this machine.
enum DynamicSymbols {
  /// The names that it uses and does not define.
  static func undefined(in file: [UInt8]) -> [String] {
    file.withUnsafeBytes { bytes in
      let file = File(bytes: bytes)
      return file.sections.filter { $0.type == Section.dynamicSymbols }.flatMap { symbols -> [String] in
        guard let names = file.section(Int(symbols.link)) else { return [] }
        return stride(from: symbols.start, to: symbols.start + symbols.size, by: 24).compactMap { symbol in
          let isUndefined = file.number(at: symbol + 6, as: UInt16.self) == 0
          guard isUndefined, let name = file.number(at: symbol, as: UInt32.self), name != 0 else {
            return nil
          }
          return file.text(at: names.start + Int(name))
        }
      }
    }
  }

  private struct Section {
    static let dynamicSymbols: UInt32 = 11

    var type: UInt32
    var start: Int
    var size: Int
    /// Of symbols: the section with their names.
    var link: UInt32
  }

  /// What is not in the file reads as nil.
  private struct File {
    let bytes: UnsafeRawBufferPointer

    var sections: [Section] {
      let count = number(at: 60, as: UInt16.self) ?? 0
      return (0..<Int(count)).compactMap { section($0) }
    }

    func section(_ index: Int) -> Section? {
      guard let table = number(at: 40, as: UInt64.self), let size = number(at: 58, as: UInt16.self),
        let start = Int(exactly: table), start < bytes.count
      else { return nil }
      let header = start + index * Int(size)
      guard let type = number(at: header + 4, as: UInt32.self),
        let offset = number(at: header + 24, as: UInt64.self).flatMap(Int.init(exactly:)),
        let length = number(at: header + 32, as: UInt64.self).flatMap(Int.init(exactly:)),
        let link = number(at: header + 40, as: UInt32.self), offset <= bytes.count,
        length <= bytes.count - offset
      else { return nil }
      return Section(type: type, start: offset, size: length, link: link)
    }

    func number<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T? {
      guard offset >= 0, offset <= bytes.count - MemoryLayout<T>.size else { return nil }
      return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }

    func text(at offset: Int) -> String {
      guard offset < bytes.count else { return "" }
      return String(decoding: bytes[offset...].prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
