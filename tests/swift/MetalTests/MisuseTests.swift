import Testing

@testable import Metal

@Suite("What aborts on a Mac, or under its validation layer, ends the process here")
struct MisuseTests {
  @Test(arguments: Misuse.allCases)
  func endsTheProcess(_ misuse: Misuse) async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [misuse] in
      try misuse.perform()
    }
    let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(said.contains("failed assertion `"))
    #expect(said.contains(misuse.text), "\(said)")
  }

  @Test("Behind a buffer of more than a page there is no memory")
  func writingBehindABufferFaults() async {
    await #expect(processExitsWith: .signal(11)) {
      let buffer = try makeDevice().makeBuffer(length: 40000)!
      buffer.contents().storeBytes(of: 1, toByteOffset: 3 * 16384, as: UInt8.self)
    }
    await #expect(processExitsWith: .signal(11)) {
      let buffer = try makeDevice().makeBuffer(length: 40000)!
      (buffer.contents() - 1).storeBytes(of: 1, as: UInt8.self)
    }
  }
}
