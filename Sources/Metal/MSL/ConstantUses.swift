/// The function constants that the code of a kernel refers to, by index: found by compiling them as symbols.
struct ConstantUses: Equatable, Sendable {
  /// Those whose values are read.
  private(set) var values: Set<Int> = []
  /// Those of which it is asked whether they are defined.
  private(set) var questions: Set<Int> = []

  private static let value = "mtl_value_of_"
  private static let question = "mtl_question_of_"

  /// Lines before the code of a library that make each constant two symbols.
  static let preamble = """
    #undef MTL_CONSTANT
    #undef MTL_CONSTANT_VALUE
    #undef MTL_CONSTANT_IS_DEFINED
    #undef MTL_CONDITION
    #undef MTL_NOTE_CONDITION
    #define MTL_CONSTANT extern const
    #define MTL_CONSTANT_VALUE(index, ...) __asm__("\(value)" #index)
    #define MTL_CONSTANT_IS_DEFINED(index) __asm__("\(question)" #index)
    #define MTL_CONDITION(...) true
    #define MTL_NOTE_CONDITION(...) { volatile bool noted = __VA_ARGS__; }
    """

  /// Finds the symbols in what the compiler wrote.
  init(assembly: [UInt8]) {
    var word: [UInt8] = []
    for byte in assembly + [10] {
      let isPart =
        byte == UInt8(ascii: "_") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
      if isPart {
        word.append(byte)
      } else if !word.isEmpty {
        add(String(decoding: word, as: UTF8.self))
        word.removeAll(keepingCapacity: true)
      }
    }
  }

  private mutating func add(_ symbol: String) {
    if symbol.hasPrefix(Self.value), let index = Int(symbol.dropFirst(Self.value.count)) {
      values.insert(index)
    } else if symbol.hasPrefix(Self.question), let index = Int(symbol.dropFirst(Self.question.count)) {
      questions.insert(index)
    }
  }

  var record: [UInt8] {
    var writer = RecordWriter()
    for indices in [values, questions] {
      writer.put(indices.count)
      for index in indices.sorted() { writer.put(index) }
    }
    return writer.record
  }

  init?(record: [UInt8]) {
    guard var reader = RecordReader(record), let values = Self.indices(&reader),
      let questions = Self.indices(&reader)
    else { return nil }
    (self.values, self.questions) = (values, questions)
  }

  private static func indices(_ reader: inout RecordReader) -> Set<Int>? {
    guard let count = reader.count() else { return nil }
    var indices: Set<Int> = []
    for _ in 0..<count {
      guard let index = reader.int() else { return nil }
      indices.insert(index)
    }
    return indices
  }
}
