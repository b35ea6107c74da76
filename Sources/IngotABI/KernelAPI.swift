// swift-format-ignore-file: AlwaysUseLowerCamelCase, for the C names

// ingot.h, section "Library and kernel".
import CIngot
import Ingot

@c @implementation
public func ingot_library_compile(
  _ device: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ options: UnsafePointer<ingot_compile_options>?,
  _ library: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let device: Device = try object(device)
    let source = try Text.read(source, "source")
    let result = try required(library, "library")
    result.pointee = try handle(device.compile(source, options: compileOptions(options)))
  }
}

private func compileOptions(
  _ options: UnsafePointer<ingot_compile_options>?
) throws(IngotError) -> CompileOptions {
  guard let options else { return CompileOptions() }
  let given = try Struct(options, "options").value
  guard let mathMode = CompileOptions.MathMode(rawValue: given.math_mode) else {
    throw IngotError(.argument, "math_mode is \(given.math_mode); it is one of INGOT_MATH_*, 0 to 3")
  }
  let version = CompileOptions.LanguageVersion(
    Int(given.language_version >> 16), Int(given.language_version & 0xffff))
  return CompileOptions(
    mathMode: mathMode, languageVersion: given.language_version == 0 ? nil : version,
    macros: try macros(given))
}

/// More macros than anybody has; a count above it is a mistake, and reading on would crash.
private let mostMacros: UInt64 = 65536

private func macros(_ options: ingot_compile_options) throws(IngotError) -> [String: String] {
  guard options.macro_count > 0 else { return [:] }
  guard options.macro_count <= mostMacros else {
    throw IngotError(.argument, "macro_count is \(options.macro_count); at most \(mostMacros) can be given")
  }
  guard let names = options.macro_names else { throw .null("macro_names") }
  var macros: [String: String] = [:]
  for index in 0..<Int(options.macro_count) {
    let value = options.macro_values?[index]
    try macros[Text.read(names[index], "an element of macro_names")] = value.map { String(cString: $0) } ?? ""
  }
  return macros
}

@c @implementation
public func ingot_library_get_kernel_names(
  _ library: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
  _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let whole = Text.write(library.kernelNames.joined(separator: "\n"), to: text, capacity: capacity)
    length?.pointee = whole
  }
}

@c @implementation
public func ingot_library_get_kernel(
  _ library: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ kernel: UnsafeMutablePointer<OpaquePointer?>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let name = try Text.read(name, "name")
    let result = try required(kernel, "kernel")
    result.pointee = try handle(library.kernel(name))
  }
}

@c @implementation
public func ingot_library_set_label(_ library: OpaquePointer?, _ label: UnsafePointer<CChar>?) -> ingot_status
{
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    library.label = label.map { String(cString: $0) }
  }
}

@c @implementation
public func ingot_library_get_label(
  _ library: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
  _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let library: Library = try object(library)
    let whole = Text.write(library.label ?? "", to: text, capacity: capacity)
    length?.pointee = whole
  }
}

@c @implementation
public func ingot_library_release(_ library: OpaquePointer?) -> ingot_status { release(library, .library) }

@c @implementation
public func ingot_kernel_get_info(
  _ kernel: OpaquePointer?, _ info: UnsafeMutablePointer<ingot_kernel_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let kernel: Kernel = try object(kernel)
    let result = try Struct(info, "info")
    var value = ingot_kernel_info()
    value.argument_count = UInt64(clamping: kernel.arguments.count)
    value.max_threads_per_threadgroup = UInt64(clamping: kernel.maxThreadsPerThreadgroup)
    value.thread_execution_width = UInt64(clamping: kernel.threadExecutionWidth)
    value.static_threadgroup_memory = UInt64(clamping: kernel.staticThreadgroupMemory)
    value.constant_count = UInt64(clamping: kernel.constants.count)
    result.fill(value)
  }
}

@c @implementation
public func ingot_kernel_get_argument(
  _ kernel: OpaquePointer?, _ position: UInt64, _ info: UnsafeMutablePointer<ingot_argument_info>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let kernel: Kernel = try object(kernel)
    let result = try Struct(info, "info")
    guard position < kernel.arguments.count else {
      throw IngotError(
        .argument,
        "no argument \(position): kernel '\(kernel.name)' has \(kernel.arguments.count), counted from 0")
    }
    result.fill(ingot_argument_info(kernel.arguments[Int(position)]))
  }
}

extension ingot_argument_info {
  init(_ argument: KernelArgument) {
    self.init()
    kind = argument.kind.rawValue
    index = UInt32(clamping: argument.index)
    dtype = argument.dtype?.rawValue ?? 0
    width = UInt32(clamping: argument.width)
    nbytes = UInt64(clamping: argument.nbytes)
    alignment = UInt64(clamping: argument.alignment)
    access = argument.access.rawValue
    is_used = argument.isUsed ? 1 : 0
    takes_inline = argument.takesInline ? 1 : 0
    Text.write(argument.name, toMember: &name)
  }
}

@c @implementation
public func ingot_kernel_get_label(
  _ kernel: OpaquePointer?, _ text: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
  _ length: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let kernel: Kernel = try object(kernel)
    let whole = Text.write(kernel.label, to: text, capacity: capacity)
    length?.pointee = whole
  }
}

@c @implementation
public func ingot_kernel_suggest_group(
  _ kernel: OpaquePointer?, _ grid_x: UInt64, _ grid_y: UInt64, _ grid_z: UInt64,
  _ group: UnsafeMutablePointer<UInt64>?
) -> ingot_status {
  boundary { () throws(IngotError) in
    let kernel: Kernel = try object(kernel)
    let result = try required(group, "group")
    let grid = try Extent(integer(grid_x, "grid_x"), integer(grid_y, "grid_y"), integer(grid_z, "grid_z"))
    let chosen = try kernel.suggestedGroup(for: grid)
    for (place, extent) in [chosen.x, chosen.y, chosen.z].enumerated() { result[place] = UInt64(extent) }
  }
}

@c @implementation
public func ingot_kernel_release(_ kernel: OpaquePointer?) -> ingot_status { release(kernel, .kernel) }
