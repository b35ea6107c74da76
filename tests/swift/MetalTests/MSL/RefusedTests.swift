import Testing

@testable import Metal

/// A program that Metal refuses, and the place and words of its first error.
struct RefusedProgram: CustomTestStringConvertible, Sendable {
  var name: String
  var source: String
  var message: String
  var testDescription: String { name }

  init(_ name: String, _ source: String, _ message: String) {
    (self.name, self.source, self.message) = (name, source, message)
  }
}

/// In each source `@` stands where the error is reported; it is not part of the text.
private let programs: [RefusedProgram] = [
  // Files
  .init(
    "file that is not there", "#include @\"nowhere.h\"\nkernel void k() {}", "'nowhere.h' file not found"),
  .init("file that is there", "#define A\n\n#include @\"/etc/passwd\"\n", "'/etc/passwd' file not found"),
  .init("file in angle brackets", "#define A\n  #  include @</etc/passwd>", "'/etc/passwd' file not found"),
  .init(
    "embedded file", "constant char x[] = {\n@#embed \"/etc/passwd\"\n};",
    "'#embed' is not supported in Metal"),
  // Address spaces
  .init(
    "pointer parameter of a helper", "float sum(float @*x) { return x[0]; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "reference parameter of a helper", "void set(float @&x) { x = 1; }",
    "reference type must have explicit address space qualifier"),
  .init(
    "local pointer", "kernel void k(device float *x) { float @*p = x; p[0] = 1; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "local const reference", "kernel void k(device float *x) { const float @&p = x[0]; x[1] = p; }",
    "reference type must have explicit address space qualifier"),
  .init(
    "pointer in a for clause",
    "kernel void k(device float *x) { for (float @*p = x; p != x + 3; ++p) *p = 1; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "kernel pointer", "kernel void k(float @*x [[buffer(0)]]) { x[0] = 1; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "struct member", "struct S { float @*x; }; kernel void k(device S *s) {}",
    "pointer type must have explicit address space qualifier"),
  .init(
    "returned pointer", "float @*first(device float *x) { return 0; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "cast", "kernel void k(device float *x) { device int *y = (device int *)x; y[0] = *(int @*)x; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "template argument",
    "kernel void k(device float *x) { auto y = reinterpret_cast<int @*>(x); }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "type name", "typedef float @*Pointer;", "pointer type must have explicit address space qualifier"),
  .init(
    "alias", "using Pointer = const float @*;", "pointer type must have explicit address space qualifier"),
  .init(
    "template parameter type", "template <typename T> T get(T @*x) { return x[0]; }",
    "pointer type must have explicit address space qualifier"),
  .init(
    "parameter of a lambda",
    "kernel void k(device float *x) { auto f = [&](float @&y) { y = 1; }; f(x[0]); }",
    "reference type must have explicit address space qualifier"),
  .init(
    "thread pointer as a kernel argument", "kernel void k(thread float *@x [[buffer(0)]]) {}",
    "invalid type 'thread float *' for buffer declaration"),
  .init(
    "device pointer to constant memory",
    "constant float table[2] = {1, 2};\nkernel void k(device float *x) { device const float *@p = table; x[0] = p[0]; }",
    "cannot initialize a variable of type 'const device float *' with an lvalue of type 'const constant float[2]'"
  ),
  .init(
    "device pointer to a local",
    "kernel void k(device float *x) {\n  float y = 1;\n  device float *@p = &y;\n  x[0] = *p;\n}",
    "cannot initialize a variable of type 'device float *' with an rvalue of type 'float *'"),
  .init(
    "threadgroup pointer cast to device",
    "kernel void k(device float *x) {\n  threadgroup float t[4];\n  x[0] = *@(device float *)t;\n}",
    "C-style cast from 'threadgroup float *' to 'device float *' converts between mismatching address spaces"),
  .init(
    "device argument for a threadgroup parameter",
    "void f(threadgroup float *x) {}\nkernel void k(device float *x) { @f(x); }",
    "no matching function for call to 'f'"),
  .init(
    "thread pointer to device memory", "kernel void k(device float *x) { thread float *p = @x; p[0] = 1; }",
    "initializing 'thread float *' with an expression of type 'device float *' changes address space of pointer"
  ),
  .init(
    "thread pointer assigned constant memory",
    "kernel void k(constant float *x) {\n  thread const float *p;\n  p = @x + 1;\n}",
    "assigning 'const constant float *' to 'thread const float *' changes address space of pointer"),
  .init(
    "thread reference to device memory",
    "kernel void k(device float *x) {\n  thread float &p = @x[2];\n  p = 1;\n}",
    "binding reference of type 'thread float' to value of type 'device float' changes address space"),
  .init(
    "device memory for a thread parameter",
    "void f(thread float &x) { x = 1; }\nkernel void k(device float *x) { f(@x[0]); }",
    "binding reference of type 'thread float' to value of type 'device float' changes address space"),
  .init(
    "device pointer for a thread parameter",
    "struct S { float a; void set(thread float *x) thread { a = *x; } };\n"
      + "kernel void k(device float *x) { S s; float y = 0; s.set(&y); s.set(@x); }",
    "passing 'device float *' to parameter of type 'thread float *' changes address space of pointer"),
  .init(
    "device pointer for a thread template parameter",
    "template <typename T> T get(thread const T *x) { return *x; }\nkernel void k(device float *x) { x[0] = @get(x); }",
    "no matching function for call to 'get'"),
  .init(
    "cast to a thread pointer", "kernel void k(device float *x) { float y = *@(thread float *)x; }",
    "casting 'device float *' to type 'thread float *' changes address space of pointer"),
  .init(
    "write through constant", "kernel void k(constant float *x) { x[0] @= 1; }",
    "read-only variable is not assignable"),
  .init(
    "write to a program scope constant",
    "constant float one = 1;\nkernel void k(device float *x) { one @= 2; }",
    "cannot assign to variable 'one' with const-qualified type 'const constant float'"),

  // The language
  .init(
    "double", "kernel void k(device float *x) { @double y = x[0]; x[1] = y; }",
    "'double' is not supported in Metal"),
  .init(
    "long double", "kernel void k(device float *x) { long @double y = 1; }",
    "'long double' is not supported in Metal"),
  .init(
    "long long", "kernel void k(device float *x) { @long long y = 1; }",
    "'long long' is not supported in Metal"),
  .init(
    "virtual function", "struct S { @virtual void f() {} };", "virtual functions are not supported in Metal"),
  .init(
    "goto", "kernel void k(device float *x) { @goto end; end: x[0] = 1; }", "'goto' is not supported in Metal"
  ),
  .init("new", "kernel void k(device float *x) { auto p = @new float; }", "'new' is not supported in Metal"),
  .init("delete", "void f(thread float *x) { @delete x; }", "'delete' is not supported in Metal"),
  .init(
    "throw", "kernel void k(device float *x) { @throw 1; }", "cannot use 'throw' with exceptions disabled"),
  .init(
    "try", "kernel void k(device float *x) { @try { x[0] = 1; } catch (...) {} }",
    "cannot use 'try' with exceptions disabled"),
  .init(
    "constraint", "template <class T> @requires true void f(T x) {}",
    "'requires' is not supported in Metal, which is C++14"),
  .init("constant evaluation", "@consteval int f() { return 1; }", "'consteval' is not supported in Metal"),
  .init("auto parameter", "float f(@auto x) { return x; }", "'auto' not allowed in function prototype"),
  .init(
    "auto template parameter", "template <@auto n> int f() { return n; }",
    "'auto' not allowed in template parameter until C++17"),
  .init(
    "templates that constant and device tell apart",
    "template <class T> int f(constant T *x) { return 1; } template <class T> int @f(device T *x) { return 2; }",
    "'f' is told from an earlier template by address spaces only"),
  .init(
    "templates that constant and thread tell apart",
    "template <class T> int f(constant T &x, T y) { return 1; } template <class T> int @f(thread T &x, T y) { return 2; }",
    "'f' is told from an earlier template by address spaces only"),
  .init("long long literal", "constant long x = @1LL;", "'long long' is not supported in Metal"),
  .init("long double literal", "constant float x = @1.0L;", "'long double' is not supported in Metal"),
  .init(
    "thread_local", "kernel void k(device float *x) { @thread_local int y = 0; }",
    "'thread_local' is not supported in Metal"),
  .init(
    "dynamic_cast", "struct S {}; void f(thread S *s) { @dynamic_cast<thread S *>(s); }",
    "'dynamic_cast' is not supported in Metal"),
  .init(
    "inline assembly", "kernel void k(device float *x) { @asm(\"nop\"); }",
    "inline assembly is not supported in Metal"),
  .init(
    "vertex function", "@vertex float4 v() { return 0; }",
    "'vertex' functions are not supported: the software Metal has the compute part only"),

  // Variables
  .init(
    "program scope variable", "float @scale = 2;",
    "program scope variable must reside in constant address space"),
  .init(
    "constexpr at program scope", "constexpr int @count = 2;",
    "program scope variable must reside in constant address space"),
  .init(
    "array in a namespace", "namespace a { const float @table[2] = {1, 2}; }",
    "program scope variable must reside in constant address space"),
  .init(
    "static data member", "struct S { static constexpr int @n = 4; };",
    "static data member must reside in constant address space"),
  .init(
    "static local", "kernel void k(device float *x) { @static int n = 0; x[0] = n; }",
    "static local variable must reside in constant address space"),
  .init(
    "threadgroup variable in a helper", "void f() { threadgroup float @t[4]; t[0] = 1; }",
    "non-kernel function variable cannot be declared in threadgroup address space"),
  // Kernels
  .init(
    "kernel that returns a value", "kernel float @k(device float *x) { return x[0]; }",
    "kernel must have void return type"),
  .init(
    "duplicate index", "kernel void k(device float *x [[buffer(0)]],\n  device float *@y [[buffer(0)]]) {}",
    "cannot reserve 'buffer' resource location at index 0"),
  .init(
    "index out of range", "kernel void k(device float *x [[buffer(@31)]]) {}",
    "'buffer' attribute parameter is out of bounds: must be between 0 and 30"),
  .init(
    "negative index", "kernel void k(device float *x [[buffer(@-1)]]) {}",
    "'buffer' attribute parameter is out of bounds: must be between 0 and 30"),
  .init(
    "index that is no constant", "kernel void k(device float *x [[@buffer(n)]]) {}",
    "'buffer' attribute requires an integer constant"),
  .init(
    "threadgroup index out of range", "kernel void k(threadgroup float *x [[threadgroup(@31)]]) {}",
    "'threadgroup' attribute parameter is out of bounds: must be between 0 and 30"),
  .init(
    "value as a buffer", "kernel void k(float @x [[buffer(0)]]) {}",
    "invalid type 'float' for buffer declaration"),
  .init(
    "pointer to a pointer", "kernel void k(device float *device *@x [[buffer(0)]]) {}",
    "invalid type 'device float *device *' for buffer declaration"),
  .init(
    "argument without attribute", "kernel void k(device float *x, uint @i) {}",
    "invalid type 'uint' for input declaration in a kernel function"),
  .init(
    "unknown attribute", "kernel void k(device float *x, uint i [[@thread_number]]) {}",
    "unknown attribute 'thread_number'"),
  .init(
    "signed position", "kernel void k(device float *x, int @i [[thread_position_in_grid]]) {}",
    "invalid type 'int' for input declaration in a kernel function"),
  .init(
    "position of four", "kernel void k(device float *x, uint4 @i [[thread_position_in_grid]]) {}",
    "invalid type 'uint4' for input declaration in a kernel function"),
  .init(
    "index that is a vector", "kernel void k(device float *x, uint2 @i [[thread_index_in_threadgroup]]) {}",
    "invalid type 'uint2' for input declaration in a kernel function"),
  .init(
    "float position by another name",
    "typedef float real; kernel void k(device float *x, real @i [[thread_position_in_grid]]) {}",
    "invalid type 'real' for input declaration in a kernel function"),
  .init(
    "positions of different width",
    "kernel void k(uint2 i [[thread_position_in_grid]],\n  uint @t [[thread_position_in_threadgroup]]) {}",
    "expecting input declarations with either all scalar types or all vector types with the same number of elements"
  ),
  .init(
    "positions of different type",
    "kernel void k(uint i [[thread_position_in_grid]], ushort @n [[threads_per_grid]]) {}",
    "type of 'threads_per_grid' must match the type of 'thread_position_in_grid'"),
  .init(
    "lanes of different type",
    "kernel void k(uint i [[thread_index_in_simdgroup]], ushort @n [[simdgroup_index_in_threadgroup]]) {}",
    "type of 'simdgroup_index_in_threadgroup' must match the type of 'thread_index_in_simdgroup'"),
  .init(
    "short index beside wide positions",
    "kernel void k(uint i [[thread_position_in_threadgroup]], ushort @n [[thread_index_in_threadgroup]]) {}",
    "type of 'thread_index_in_threadgroup' must match the type of 'thread_position_in_threadgroup'"),
  .init(
    "kernel that calls itself", "kernel void k(device float *x) { @k(x); }",
    "kernel function 'k' cannot be called: only the host starts kernels"),
  .init(
    "kernel called by a helper", "kernel void k(device float *x) {}\nvoid f(device float *x) { @k(x); }",
    "kernel function 'k' cannot be called: only the host starts kernels"),
  .init(
    "texture", "kernel void k(@texture2d<float> t [[texture(0)]]) {}",
    "'texture' arguments are not supported by the software Metal yet"),
  .init(
    "two kernels of one name",
    "kernel void k(device float *x) {}\nnamespace a { [[host_name(\"k\")]] kernel void @f(device float *x) {} }",
    "redefinition of kernel 'k'"),

  .init(
    "SIMD-group function", "kernel void k(device float *x) { x[0] = @simd_sum(x[1]); }",
    "use of undeclared identifier 'simd_sum'; SIMD-group functions are not supported by the software Metal yet"
  ),
  .init(
    "atomics", "kernel void k(device @atomic_int *x) {}",
    "unknown type name 'atomic_int'; atomics are not supported by the software Metal yet"),

  // What clang finds
  .init(
    "undeclared name", "kernel void k(device float *x [[buffer(0)]]) {\n  x[0] = @y;\n}",
    "use of undeclared identifier 'y'"),
  .init(
    "missing semicolon", "kernel void k(device float *x [[buffer(0)]]) {\n  x[0] = 1@\n}",
    "expected ';' after expression"),
  .init("missing brace", "kernel void k(device float *x) {\n  x[0] = 1;@", "expected '}'"),
  .init(
    "error behind a macro",
    "#define ONE 1 +\nkernel void k(device float *x) {\n  x[0] = ONE @y; x[1] = z;\n}",
    "use of undeclared identifier 'y'"),
  .init(
    "error inside a macro",
    "#define SUM(a, b) a + missing + b\nkernel void k(device float *x) {\n  x[0] = @SUM(x[1], x[2]);\n}",
    "use of undeclared identifier 'missing'"),
  .init("unknown include", "#include @<vector>\n", "'vector' file not found"),
  .init("#error", "#@error no luck\n", "no luck"),
  .init(
    "error after #line", "#line 100 \"other.metal\"\nkernel void k(device float *x) { x[0] = @y; }",
    "use of undeclared identifier 'y'"),
  .init(
    "error in an instantiated template",
    "template <typename T> T twice(T x) { return x@.value * 2; }\nkernel void k(device float *x) { x[0] = twice(x[1]); }",
    "member reference base type 'float' is not a structure or union"),
  .init(
    "vector constructor", "kernel void k(device float4 *x) {\n  x[0] = @float4(1, 2, 3);\n}",
    "no matching constructor for initialization of 'float4'"),
]

/// The source without its `@`, and the line and column where it stood.
private func unmarked(_ source: String) -> (text: String, place: String) {
  let before = source.prefix { $0 != "@" }
  let line = before.filter { $0 == "\n" }.count + 1
  let column = before.split(separator: "\n", omittingEmptySubsequences: false).last!.utf8.count + 1
  return (source.replacing("@", with: ""), "\(line):\(column)")
}

@Test(arguments: programs + refusedConstants)
func programIsRefused(_ program: RefusedProgram) throws {
  let (text, place) = unmarked(program.source)
  let header = "#include <metal_stdlib>\nusing namespace metal;\n"
  let isBare = text.hasPrefix("#")
  let error = #expect(throws: MSLError.self) {
    try KernelBench.compile(isBare ? text : "#line 0\n" + header + "#line 1\n" + text)
  }
  #expect(error?.kind == .compileFailure)
  let first = error?.message.split(separator: "\n").first.map(String.init) ?? ""
  let isRenamed = text.hasPrefix("#line")
  let expected = isRenamed ? "other.metal:100:41" : "program_source:\(place)"
  #expect(first.hasPrefix("\(expected): error: \(program.message)"), "\(error?.message ?? "")")
}

@Test func theCaretCountsCharacters() {
  let source = "kernel void k(device float *x) { /* \u{e9}\u{1f600} */ x[0] = missing; }"
  let error = #expect(throws: MSLError.self) { try KernelBench.compile(source) }
  let lines = error?.message.split(separator: "\n").map(String.init) ?? []
  #expect(lines.count == 3 && lines[1] == source)
  let before = source.prefix(upTo: source.firstRange(of: "missing")!.lowerBound)
  #expect(lines.last == String(repeating: " ", count: before.count) + "^~~~~~~")
  #expect(lines[0].hasPrefix("program_source:1:\(before.utf8.count + 1): "))
}

@Test func aByteOrderMarkIsNoPartOfTheProgram() throws {
  #expect(try KernelBench.compile("\u{feff}kernel void k(device float *x) {}").kernels.map(\.name) == ["k"])
}

/// A kernel must not reach what happens to be in its process.
@Test(arguments: [
  "void missing(); kernel void k() { missing(); }",
  "extern \"C\" void exit(int); kernel void k() { exit(1); }",
  "extern \"C\" void abort(); kernel void k() { abort(); }",
  "kernel void k() { __builtin_printf(\"%d\", 1); }",
])
func undefinedFunctionsAreRefused(_ source: String) throws {
  let program = try KernelBench.compile(source)
  let error = #expect(throws: MSLError.self) { try program.pipeline("k") }
  #expect(error?.kind == .pipeline)
  #expect(error?.message.hasPrefix("Undefined symbols: ") == true, "\(error?.message ?? "")")
}

@Test func macrosThatAreNoneAreRefused() {
  let error = #expect(throws: MSLError.self) {
    try KernelBench.compile("kernel void k(device float *x) {}", MSLOptions(macros: ["1x": "2"]))
  }
  #expect(error?.kind == .compileFailure)
  #expect(error?.message == "preprocessor macros (1x): error: macro name must be an identifier")
}
