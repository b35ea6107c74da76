import Testing

@testable import Ingot

/// Windows in dispatches: what the kernel is given, what conflicts, what is in flight.
@Suite struct WindowDispatchTests {
  let device: Device
  let library: Library
  let increment: Kernel

  init() throws {
    device = try Device.isolated()
    library = try device.compile(Sources.steps)
    increment = try library.kernel("increment")
  }

  @Test("C89: a window bound to a kernel is read and written from where it begins") func middleBlock() throws
  {
    let x = try device.ints(0..<12).reshape([3, 4])
    let out = try device.zeros([12], .int32)
    let encoder = device.encoder()
    try encoder.dispatch(library.kernel("copy"), x[1], out[6..<10], grid: 4)
    try encoder.dispatch(library.kernel("copy"), x[2], out[0..<4], grid: 4)
    try encoder.commitAndWait()
    #expect(try out.values(of: Int32.self) == [8, 9, 10, 11, 0, 0, 4, 5, 6, 7, 0, 0])
  }

  @Test("C91: a short window is refused, however long its storage is") func shortWindows() throws {
    let kinds = try device.compile(Sources.kinds)
    let x = try device.zeros([64], .float32)
    let (vectors, structs) = try (kinds.kernel("vectors"), kinds.kernel("structs"))
    for (kernel, window) in try [(vectors, x[0..<3]), (vectors, x[4..<9]), (structs, x[0..<1])] {
      let error = try failure { try device.encoder().dispatch(kernel, window, x, grid: 1) }
      #expect(error.kind == .argument && error.message.contains("\(window.nbytes) bytes"), "\(error.message)")
    }
    let encoder = device.encoder()
    try encoder.dispatch(vectors, x[4..<8], x[8..<9], grid: 1)
    try encoder.commitAndWait()
  }

  @Test("alignment is checked against what the argument needs, and the message proposes a copy")
  func alignment() throws {
    let kinds = try device.compile(Sources.kinds)
    let (vectors, raw) = try (kinds.kernel("vectors"), kinds.kernel("raw"))
    let x = try device.array((0..<16).map(Float.init))
    let out = try device.zeros([4], .float32)
    for (window, needed) in try [(x[1..<5], 16), (x.window(offset: 8, shape: [4]), 16)] {
      let error = try failure { try device.encoder().dispatch(vectors, window, out, grid: 1) }
      #expect(error.kind == .argument)
      for text in ["'x'", "multiple of \(needed)", "byte \(window.offset)", ".copy()"] {
        #expect(error.message.contains(text), "\(error.message)")
      }
    }
    let odd = try x.window(offset: 2, shape: [1], dtype: .int32)
    #expect(
      try failure { try device.encoder().dispatch(increment, odd, grid: 1) }.message.contains("multiple of 4")
    )
    let encoder = device.encoder()
    try encoder.dispatch(vectors, x[1..<5].copy(), out[0..<1], grid: 1)
    try encoder.dispatch(vectors, x[4..<8], out[1..<2], grid: 1)
    try encoder.dispatch(raw, x.view(as: .uint8)[5..<9], out.view(as: .uint8)[9..<13], grid: 4)
    try encoder.commitAndWait()
    #expect(try out.values(of: Float.self)[0..<2] == [1 + 4, 4 + 7])
    #expect(
      try out.view(as: .uint8)[9..<13].values(of: UInt8.self)
        == x.view(as: .uint8)[5..<9].values(of: UInt8.self))
  }

  @Test("C38: disjoint windows of one storage do not conflict, overlapping ones do") func hazards() throws {
    let x = try device.zeros([100], .int32)
    let disjoint = device.encoder()
    for start in stride(from: 0, to: 100, by: 10) {
      try disjoint.dispatch(increment, x[start..<start + 10], grid: 10)
    }
    #expect(try disjoint.commitAndWait().barriers == 0)
    let overlapping = device.encoder()
    for start in stride(from: 0, to: 90, by: 9) {
      try overlapping.dispatch(increment, x[start..<start + 10], grid: 10)
    }
    #expect(try overlapping.commitAndWait().barriers == 9)
    // The same bytes under another name.
    let renamed = device.encoder()
    try renamed.dispatch(increment, x.reshape([10, 10])[9], grid: 10)
    try renamed.dispatch(increment, x.view(as: .uint32).view(as: .int32)[99], grid: 1)
    #expect(try renamed.commitAndWait().barriers == 1)
    var expected = (0..<100).map { Int32($0 < 91 ? ($0 > 0 && $0 % 9 == 0 && $0 < 90 ? 3 : 2) : 1) }
    for index in 90..<100 { expected[index] += 1 }
    expected[99] += 1
    #expect(try x.values(of: Int32.self) == expected)
  }

  @Test("host access waits for the bytes it touches, not for the storage") func inFlight() throws {
    let x = try device.zeros([4, 16], .int32, label: "x")
    let copy = try library.kernel("copy")
    let gate = try Gate(device)
    let encoder = device.encoder(label: "windows")
    try encoder.dispatch(copy, x[0], x[2], grid: 16)
    try encoder.dispatch(increment, x[2][0..<8], grid: 8)
    let submission = try encoder.commit()
    for (window, access, isRefused) in try [
      (x, Access.read, true), (x[2], .read, true), (x[2][15], .read, true), (x[1..<3], .read, true),
      (x[0], .read, false), (x[0], .write, true), (x[0..<2], .read, false), (x[1], .readWrite, false),
      (x[3], .readWrite, false), (x.flat[31..<32], .write, false), (x.flat[47..<48], .write, true),
    ] {
      if isRefused {
        let error = try failure { _ = try window.contents(for: access) }
        #expect(error.kind == .inFlight && error.message.contains("'windows'"), "\(window) \(access)")
      } else {
        _ = try window.contents(for: access)
      }
    }
    #expect(try failure { _ = try x[2].copy() }.kind == .inFlight)
    gate.open()
    try submission.wait()
    _ = try x.contents(for: .readWrite)
  }

  @Test("stamps of several submissions hold side by side") func severalSubmissions() throws {
    let x = try device.zeros([4, 16], .int32)
    let gate = try Gate(device)
    var submissions: [Submission] = []
    for row in 0..<3 {
      let encoder = device.encoder(label: "row \(row)")
      try encoder.dispatch(increment, x[row], grid: 16)
      submissions.append(try encoder.commit())
    }
    for row in 0..<3 {
      #expect(try failure { _ = try x[row].contents(for: .read) }.message.contains("'row \(row)'"))
    }
    _ = try x[3].contents(for: .write)
    gate.open()
    for submission in submissions { try submission.wait() }
    #expect(try x[2].values(of: Int32.self) == Array(repeating: 1, count: 16))
  }

  @Test("a submission keeps the memory of the windows it uses") func lifetime() throws {
    let kept: Buffer
    let submission: Submission
    let gate = try Gate(device)
    do {
      let x = try device.zeros([4, 16], .int32)
      kept = try x[1]
      let encoder = device.encoder()
      try encoder.dispatch(increment, x[1..<3], grid: 32)
      submission = try encoder.commit()
    }
    gate.open()
    try submission.wait()
    #expect(try kept.values(of: Int32.self) == Array(repeating: 1, count: 16))
  }
}

@Suite struct ByteHullTests {
  @Test func upToEightRangesAreExact() {
    var hull = ByteHull()
    #expect(!hull.overlaps(0, .max))
    for index in 0..<UInt(ByteHull.rangeLimit) { hull.insert(index * 100, index * 100 + 10) }
    for index in 0..<UInt(ByteHull.rangeLimit) {
      #expect(
        hull.overlaps(index * 100 + 9, index * 100 + 10)
          && !hull.overlaps(index * 100 + 10, index * 100 + 100))
    }
    hull.insert(900, 910)
    #expect(hull.overlaps(50, 60) && !hull.overlaps(910, 1000))
    hull.insert(2000, 2010)
    #expect(hull.overlaps(1500, 1501) && !hull.overlaps(2010, 2011))
  }

  /// Never says that bytes are free which are used; exact as long as there are few ranges.
  @Test(arguments: 0..<20) func hullsAgreeWithASetOfBytes(seed: UInt64) {
    var generator = SplitMix(state: seed)
    var hull = ByteHull()
    var bytes: Set<UInt> = []
    var wasMany = false
    for _ in 0..<60 {
      let start = UInt.random(in: 0..<256, using: &generator)
      let end = start + UInt.random(in: 1...12, using: &generator)
      let isUsed = !bytes.isDisjoint(with: start..<end)
      if wasMany {
        #expect(hull.overlaps(start, end) || !isUsed)
      } else {
        #expect(hull.overlaps(start, end) == isUsed)
      }
      if Bool.random(using: &generator) {
        hull.insert(start, end)
        bytes.formUnion(start..<end)
        wasMany = wasMany || bytes.count { !bytes.contains($0 + 1) } > ByteHull.rangeLimit
      }
    }
  }
}
