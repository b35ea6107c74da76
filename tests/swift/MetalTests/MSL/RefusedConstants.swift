/// What Metal refuses about function constants; `@` stands where the error is reported.
let refusedConstants: [RefusedProgram] = [
  .init(
    "function constant outside of constant memory", "bool @flag [[function_constant(0)]];",
    "program scope variable must reside in constant address space"),
  .init(
    "function constant with a value", "constant bool @flag [[function_constant(0)]] = true;",
    "function constant 'flag' cannot have an initializer"),
  .init(
    "function constant that is an array", "constant int @table[2] [[function_constant(0)]];",
    "invalid type for function constant 'table': it must be a scalar or a vector"),
  .init(
    "function constant that is a struct",
    "struct S { int x; };\nconstant S @s [[function_constant(0)]];",
    "invalid type 'S' for a function constant: it must be a scalar or a vector"),
  .init(
    "function constant that is an enumeration",
    "enum E { a };\nconstant E @e [[function_constant(0)]];",
    "invalid type 'E' for a function constant: it must be a scalar or a vector"),
  .init(
    "function constant of another type by the same name",
    "namespace n { struct uint8_t { int x; };\nconstant uint8_t @s [[function_constant(0)]]; }",
    "invalid type 'uint8_t' for a function constant: it must be a scalar or a vector"),
  .init(
    "two function constants in one declaration",
    "constant bool @a [[function_constant(0)]], b [[function_constant(1)]];",
    "function constants are declared one by one: give 'a' a declaration of its own"),
  .init(
    "index of a function constant out of range", "constant bool flag [[function_constant(@65536)]];",
    "'function_constant' attribute parameter is out of bounds: must be between 0 and 65535"),
  .init(
    "index of a function constant that is no constant", "constant bool flag [[@function_constant(n)]];",
    "'function_constant' attribute requires an integer constant"),
  .init(
    "function constants of one index",
    "constant bool a [[function_constant(1)]];\nconstant int @b [[function_constant(1)]];",
    "function constant 'b' has index 1, as 'a' has"),
  .init(
    "function constant in a function",
    "kernel void k(device float *x) { bool flag [[@function_constant(0)]]; x[0] = flag; }",
    "'function_constant' attribute only applies to program scope variables and parameters of functions"),
  .init(
    "function constant in a class", "struct S { bool flag [[@function_constant(0)]]; };",
    "'function_constant' attribute only applies to program scope variables and parameters of functions"),
  .init(
    "function constant as the size of an array",
    "constant int n [[function_constant(0)]];\nkernel void k(device float *x) { float y[@n]; x[0] = y[0]; }",
    "variable length arrays are not supported in Metal"),
  .init(
    "constant made of a function constant as the size of an array",
    "constant int n [[function_constant(0)]];\nconstant int m = n + 1;\n"
      + "kernel void k(device float *x) { threadgroup float @y[m]; y[0] = x[0]; x[0] = y[0]; }",
    "variable length array declaration cannot have 'static' storage duration"),
  .init(
    "array with a size from memory", "kernel void k(device float *x) { float y[@int(x[0])]; x[0] = y[0]; }",
    "variable length arrays are not supported in Metal"),
  .init(
    "function constant as a template argument",
    "constant int n [[function_constant(0)]];\ntemplate <int m> int get() { return m; }\n"
      + "kernel void k(device float *x) { x[0] = @get<n>(); }",
    "no matching function for call to 'get'"),
  .init(
    "function constant in a static assertion",
    "constant int n [[function_constant(0)]];\nstatic_assert(@n == 1, \"n\");",
    "static assertion expression is not an integral constant expression"),
  .init(
    "function constant in a constexpr",
    "constant int n [[function_constant(0)]];\nkernel void k(device float *x) { constexpr int @m = n; x[0] = m; }",
    "constexpr variable 'm' must be initialized by a constant expression"),
  .init(
    "function constant that is written",
    "constant int n [[function_constant(0)]];\nkernel void k(device float *x) { n @= 1; x[0] = n; }",
    "cannot assign to variable 'n' with const-qualified type"),
  .init(
    "question about no function constant",
    "constant int n = 1;\nkernel void k(device float *x) { x[0] = @is_function_constant_defined(n); }",
    "'is_function_constant_defined' wants the name of a function constant, not 'n'"),
  .init(
    "question about an expression",
    "constant int n [[function_constant(0)]];\n"
      + "kernel void k(device float *x) { x[0] = @is_function_constant_defined(n + 1); }",
    "'is_function_constant_defined' wants the name of a function constant, not 'n+1'"),
  .init(
    "argument under an unknown condition",
    "kernel void k(device float *@x [[buffer(0), function_constant(missing)]]) {}",
    "use of undeclared identifier 'missing'"),
  .init(
    "argument of a helper under an unknown condition",
    "void f(device float *x [[@function_constant(missing)]]) {}",
    "'function_constant' attribute of a parameter wants the name of a function constant, not 'missing'"),
  .init(
    "argument under a number",
    "kernel void k(device float *x [[buffer(0), @function_constant(0)]]) {}",
    "'function_constant' attribute of a parameter wants the name of a function constant, not '0'"),
  .init(
    "argument under a condition that is no bool",
    "constant int n [[function_constant(0)]];\nkernel void k(device float *@x [[buffer(0), function_constant(n)]]) {}",
    "'function_constant' attribute wants a bool, which 'n' is not"),
  .init(
    "position under a condition",
    "constant bool on [[function_constant(0)]];\n"
      + "kernel void k(device float *x, uint i [[thread_position_in_grid, @function_constant(on)]]) {}",
    "'function_constant' attribute only applies to buffers and threadgroup memory here"),
  .init(
    "function constant as a kernel of the same name",
    "constant bool k [[function_constant(0)]];\nkernel void @k(device float *x) {}",
    "redefinition of 'k' as different kind of symbol"),
  .init(
    "function constant at the end of the text", "constant int n@ [[function_constant(1)]]",
    "expected ';' after top level declarator"),
]
