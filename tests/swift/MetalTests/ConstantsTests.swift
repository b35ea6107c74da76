import Foundation
import Testing

@testable import Metal

/// The API of Apple's module, as `metal-constants.json` has it.
private struct Reference: Decodable {
  struct Constants: Decodable {
    var kind: String
    var raw: String
    var cases: [String: UInt64]
  }

  struct Requirements: Decodable {
    var inherits: [String]
    var names: [String]
  }

  var enums: [String: Constants]
  var protocols: [String: Requirements]
  var classes: [String: [String]]
  var structs: [String]
  var functions: [String]

  static func load() throws -> Reference {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "metal-constants.json")
    return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
  }
}

@Suite("Every declaration is one of Apple's")
struct ConstantsTests {
  private let reference: Reference
  private let module: DeclarationReader

  init() throws {
    reference = try Reference.load()
    module = try DeclarationReader.module()
  }

  /// Problems with the constants that some text declares; the module must have none.
  private func problems(in module: DeclarationReader) throws -> [String] {
    var problems: [String] = []
    for type in try module.types("enum") + module.types("struct") {
      if reference.structs.contains(type.name) { continue }
      guard let expected = reference.enums[type.name] else {
        problems.append("\(type.name) is no type of Apple's")
        continue
      }
      problems += try self.problems(with: type, expected)
    }
    return problems
  }

  private func problems(with type: DeclarationReader.DeclaredType, _ expected: Reference.Constants) throws
    -> [String]
  {
    switch expected.kind {
    case "enum":
      return rawProblems(type.name, type.inherits, expected)
        + valueProblems(type.name, try DeclarationReader.cases(in: type.body), expected)
    case "option_set":
      return rawProblems(type.name, type.body.contains("let rawValue: UInt\n") ? ["UInt"] : [], expected)
        + valueProblems(type.name, try DeclarationReader.statics(in: type.body), expected)
    default:
      let codes = try DeclarationReader.cases(in: type.body)
      let domains: Set = ["errorDomain"]
      let named = try DeclarationReader.statics(in: type.body).filter { !domains.contains($0.name) }
      let raw = type.body.contains("enum Code: \(expected.raw),") ? [expected.raw] : []
      return rawProblems(type.name, raw, expected) + valueProblems("\(type.name).Code", codes, expected)
        + named.filter { $0.value != $0.name || expected.cases[$0.name] == nil }.map {
          "\(type.name).\($0.name) is wrong"
        }
        + (Set(named.map(\.name)) == Set(codes.map(\.name))
          ? [] : ["\(type.name) and its Code have different names"])
    }
  }

  private func rawProblems(_ name: String, _ raw: [String], _ expected: Reference.Constants) -> [String] {
    raw.contains(expected.raw) ? [] : ["the raw value of \(name) is no \(expected.raw)"]
  }

  private func valueProblems(
    _ type: String, _ members: [DeclarationReader.Member], _ expected: Reference.Constants
  ) -> [String] {
    (members.isEmpty ? ["\(type) has no members"] : [])
      + members.compactMap { member in
        guard let value = expected.cases[member.name] else { return "\(type).\(member.name) is not in Swift" }
        return member.value == String(value)
          ? nil : "\(type).\(member.name) is \(member.value ?? "?"), not \(value)"
      }
  }

  @Test func constantsAreApples() throws {
    #expect(try problems(in: module) == [])
    // The reader sees the whole of the module, not only what it happens to understand.
    #expect(try module.types("enum").count >= 15)
    let dataType = try #require(try module.types("enum").first { $0.name == "MTLDataType" })
    #expect(
      try DeclarationReader.cases(in: dataType.body).count == reference.enums["MTLDataType"]?.cases.count)
  }

  @Test(
    "A wrong constant is noticed",
    arguments: [
      ("  case safe = 0\n", "  case safe = 1\n"),
      ("  case safe = 0\n", "  case safe = 0\n  case strict = 3\n"),
      (
        "  public static let buffers = ",
        "  public static let none = MTLBarrierScope(rawValue: 0)\n  public static let buffers = "
      ),
      ("public enum MTLMathMode: Int", "public enum MTLMathMode: UInt"),
      ("  public static var timeout: Code { .timeout }", "  public static var timeout: Code { .internal }"),
      ("public enum MTLMathMode:", "public enum MTLMathStyle:"),
      ("    case pageFault = 3\n", "    case pageFault = 4\n"),
    ])
  func wrongConstantsAreNoticed(original: String, wrong: String) throws {
    #expect(module.text.contains(original))
    let changed = DeclarationReader(text: module.text.replacing(original, with: wrong, maxReplacements: 1))
    #expect(try problems(in: changed).count >= 1)
  }

  @Test func requirementsAreApples() throws {
    let protocols = try module.types("protocol")
    #expect(protocols.count == reference.protocols.count)
    for type in protocols {
      let expected = try #require(reference.protocols[type.name], "\(type.name) is no protocol of Apple's")
      let names = try DeclarationReader.methods(in: type.body) + DeclarationReader.properties(in: type.body)
      #expect(!names.isEmpty)
      for name in names { #expect(expected.names.contains(name), "\(type.name) has no \(name)") }
      for parent in type.inherits where parent != "AnyObject" { #expect(expected.inherits.contains(parent)) }
    }
  }

  @Test("Overloads stand for the importer's default arguments only")
  func defaultArgumentsAreTheImporters() throws {
    var overloads: [String] = []
    for type in try module.types("protocol") {
      for body in try module.extensions(of: type.name) {
        overloads += try DeclarationReader.methods(in: body).map { "\(type.name).\($0)" }
      }
    }
    #expect(
      overloads.sorted() == [
        "MTLDevice.heapBufferSizeAndAlign(length:)",
        "MTLDevice.makeBuffer(bytes:length:)",
        "MTLDevice.makeBuffer(bytesNoCopy:length:deallocator:)",
        "MTLDevice.makeBuffer(bytesNoCopy:length:options:)",
        "MTLDevice.makeBuffer(length:)",
      ])
  }

  @Test func classesAndFunctionsAreApples() throws {
    for type in try module.types("class") {
      let expected = try #require(reference.classes[type.name], "\(type.name) is no class of Apple's")
      for name in try DeclarationReader.properties(in: type.body) {
        #expect(expected.contains(name), "\(type.name) has no \(name)")
      }
    }
    for function in try module.functions() { #expect(reference.functions.contains(function)) }
  }
}

/// What the compiler made of the declarations.
extension ConstantsTests {
  /// Says the name of the case with a raw value.
  private static let enums: [String: @Sendable (UInt64) -> String?] = [
    "MTLBindingAccess": { name(MTLBindingAccess(rawValue: UInt($0))) },
    "MTLBindingType": { name(MTLBindingType(rawValue: Int($0))) },
    "MTLCPUCacheMode": { name(MTLCPUCacheMode(rawValue: UInt($0))) },
    "MTLCaptureDestination": { name(MTLCaptureDestination(rawValue: Int($0))) },
    "MTLCommandBufferError": { name(MTLCommandBufferError.Code(rawValue: UInt($0))) },
    "MTLCommandBufferStatus": { name(MTLCommandBufferStatus(rawValue: UInt($0))) },
    "MTLCommandEncoderErrorState": { name(MTLCommandEncoderErrorState(rawValue: Int($0))) },
    "MTLCounterSampleBufferError": { name(MTLCounterSampleBufferError.Code(rawValue: Int($0))) },
    "MTLCounterSamplingPoint": { name(MTLCounterSamplingPoint(rawValue: UInt($0))) },
    "MTLDataType": { name(MTLDataType(rawValue: UInt($0))) },
    "MTLDeviceLocation": { name(MTLDeviceLocation(rawValue: UInt($0))) },
    "MTLDispatchType": { name(MTLDispatchType(rawValue: UInt($0))) },
    "MTLFunctionType": { name(MTLFunctionType(rawValue: UInt($0))) },
    "MTLGPUFamily": { name(MTLGPUFamily(rawValue: Int($0))) },
    "MTLHazardTrackingMode": { name(MTLHazardTrackingMode(rawValue: UInt($0))) },
    "MTLLanguageVersion": { name(MTLLanguageVersion(rawValue: UInt($0))) },
    "MTLLibraryError": { name(MTLLibraryError.Code(rawValue: UInt($0))) },
    "MTLLibraryOptimizationLevel": { name(MTLLibraryOptimizationLevel(rawValue: Int($0))) },
    "MTLLibraryType": { name(MTLLibraryType(rawValue: Int($0))) },
    "MTLMathFloatingPointFunctions": { name(MTLMathFloatingPointFunctions(rawValue: Int($0))) },
    "MTLMathMode": { name(MTLMathMode(rawValue: Int($0))) },
    "MTLMutability": { name(MTLMutability(rawValue: UInt($0))) },
    "MTLPurgeableState": { name(MTLPurgeableState(rawValue: UInt($0))) },
    "MTLStorageMode": { name(MTLStorageMode(rawValue: UInt($0))) },
  ]

  private static let optionSets: [String: [String: UInt]] = [
    "MTLBarrierScope": [
      "buffers": MTLBarrierScope.buffers.rawValue, "textures": MTLBarrierScope.textures.rawValue,
    ],
    "MTLCommandBufferErrorOption": [
      "encoderExecutionStatus": MTLCommandBufferErrorOption.encoderExecutionStatus.rawValue
    ],
    "MTLPipelineOption": [
      "argumentInfo": MTLPipelineOption.argumentInfo.rawValue,
      "bindingInfo": MTLPipelineOption.bindingInfo.rawValue,
      "bufferTypeInfo": MTLPipelineOption.bufferTypeInfo.rawValue,
      "failOnBinaryArchiveMiss": MTLPipelineOption.failOnBinaryArchiveMiss.rawValue,
    ],
    "MTLResourceOptions": [
      "storageModeShared": MTLResourceOptions.storageModeShared.rawValue,
      "cpuCacheModeWriteCombined": MTLResourceOptions.cpuCacheModeWriteCombined.rawValue,
      "storageModeManaged": MTLResourceOptions.storageModeManaged.rawValue,
      "storageModePrivate": MTLResourceOptions.storageModePrivate.rawValue,
      "storageModeMemoryless": MTLResourceOptions.storageModeMemoryless.rawValue,
      "hazardTrackingModeUntracked": MTLResourceOptions.hazardTrackingModeUntracked.rawValue,
      "hazardTrackingModeTracked": MTLResourceOptions.hazardTrackingModeTracked.rawValue,
    ],
    "MTLResourceUsage": ["read": MTLResourceUsage.read.rawValue, "write": MTLResourceUsage.write.rawValue],
  ]

  private static func name<Case>(_ value: Case?) -> String? { value.map { String(describing: $0) } }

  @Test func rawValuesAreApplesAtRunTime() throws {
    let declared =
      try module.types("enum") + module.types("struct").filter { reference.enums[$0.name] != nil }
    #expect(Set(declared.map(\.name)) == Set(Self.enums.keys).union(Self.optionSets.keys))
    for type in declared {
      let expected = try #require(reference.enums[type.name])
      if let members = Self.optionSets[type.name] {
        #expect(try Set(DeclarationReader.statics(in: type.body).map(\.name)) == Set(members.keys))
        for (name, value) in members {
          #expect(UInt64(value) == expected.cases[name], "\(type.name).\(name)")
        }
      } else {
        for member in try DeclarationReader.cases(in: type.body) {
          let value = try #require(expected.cases[member.name])
          #expect(Self.enums[type.name]!(value) == member.name, "\(type.name).\(member.name)")
        }
      }
    }
  }
}
