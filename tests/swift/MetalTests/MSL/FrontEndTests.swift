import Testing

@testable import Metal

/// A small generator, so that every run sees the same texts.
struct Shuffle {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func below(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(bound))
  }
}

/// Words that matter to the front end, in no sensible order.
private let words =
  "kernel device constant threadgroup thread template typename struct enum class union namespace using typedef static "
  + "inline const constexpr operator float float4 uint void int auto double virtual k x y i 0 1 1.5 2h 3bf 0x1p2 \"s\" "
  + "( ) [ ] { } < > , ; : :: . -> * & && = == + - ! ~ # ... [[buffer(0)]] [[ ]] [[host_name(\"x\")]] [[kernel]] "
  + "[[thread_position_in_grid]] [[max_total_threads_per_threadgroup(8)]] for if while return sizeof public: \n "
  + "threadgroup_barrier(mem_flags::mem_none); #pragma #line /* // */ ' \\ @ $ é"

private let program = """
  constant float table[4] = {1, 2, 3, 4};
  template <typename T> struct Tile { threadgroup T *p; T get(int i) const thread { return p[i]; } };
  template <typename T> [[kernel]] void f(device T *out [[buffer(0)]], threadgroup T *t [[threadgroup(0)]],
    uint i [[thread_position_in_grid]]) { for (uint j = 0; j < 4; ++j) { out[i] = t[j] * (T)2.5; } }
  template [[host_name("g")]] [[kernel]] void f<float>(device float *, threadgroup float *, uint);
  """

private func translate(_ text: String) {
  let source = SourceText(text)
  let tokens = Preprocessor(source).tokensWithoutMacros(MSLOptions()) ?? Lexer.tokens(of: source.bytes)
  let translator = Translator(source, tokens)
  _ = translator.report.text(source)
  _ = translator.translation.record
}

@Test(arguments: 0..<10) func anyTextIsTranslatedWithoutTrapping(_ seed: Int) {
  var shuffle = Shuffle(seed: UInt64(seed))
  let words = words.split(separator: " ", omittingEmptySubsequences: false)
  for _ in 0..<40 {
    let count = shuffle.below(60)
    translate((0..<count).map { _ in String(words[shuffle.below(words.count)]) }.joined(separator: " "))
  }
}

@Test(arguments: 0..<10) func damagedProgramsAreTranslatedWithoutTrapping(_ seed: Int) {
  var shuffle = Shuffle(seed: UInt64(seed) + 1000)
  for _ in 0..<20 {
    var bytes = Array(program.utf8)
    for _ in 0...shuffle.below(4) {
      let start = shuffle.below(bytes.count)
      let end = min(start + 1 + shuffle.below(12), bytes.count)
      let piece = bytes[start..<end]
      switch shuffle.below(3) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: piece, at: shuffle.below(bytes.count))
      default: bytes = Array(bytes[..<end])
      }
      if bytes.isEmpty { bytes = [0x7b] }
    }
    translate(String(decoding: bytes, as: UTF8.self))
  }
}

@Test(arguments: [
  "(", "{", "[", "<", "a < ", "a {} ", "namespace a { ", "threadgroup ", "static ", "double ", "(a * ", "x, ",
  "[[", "/*",
  "\"", "#line 1\n", "template <", "void f(", "struct S { ", "[&] { ", "a::", "kernel void f() { ",
])
func longRepetitionsTakeNoLongTime(_ piece: String) {
  let clock = ContinuousClock()
  let time = clock.measure { translate(String(repeating: piece, count: 4000)) }
  #expect(time < .seconds(10))
}
