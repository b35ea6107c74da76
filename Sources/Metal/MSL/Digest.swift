/// The SHA-256 of some bytes: names what is in the cache and tells whether it is whole.
struct Digest: Hashable, Sendable {
  /// 64 hexadecimal digits.
  let text: String

  init(_ bytes: [UInt8]) {
    var state = State()
    bytes.withUnsafeBytes { state.append($0) }
    text = state.finish()
  }

  /// Of several parts; where one ends counts.
  init(parts: [String]) {
    var bytes: [UInt8] = []
    for part in parts {
      bytes += "\(part.utf8.count):".utf8
      bytes += part.utf8
    }
    self.init(bytes)
  }

  init(text: String) { self.text = text }
}

extension Digest {
  private struct State {
    private var hash: [UInt32] = [
      0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var schedule = [UInt32](repeating: 0, count: 64)
    private var tail: [UInt8] = []
    private var length = 0

    /// The last call may have any length, those before it multiples of 64 bytes.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
      let whole = bytes.count / 64 * 64
      for start in stride(from: 0, to: whole, by: 64) {
        compress(UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]))
      }
      tail += bytes[whole...]
      length += bytes.count
    }

    mutating func finish() -> String {
      let zeros = (119 - tail.count % 64) % 64
      let bits = UInt64(length) * 8
      var last = tail + [0x80] + [UInt8](repeating: 0, count: zeros)
      last += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
      last.withUnsafeBytes { bytes in
        for start in stride(from: 0, to: bytes.count, by: 64) {
          compress(UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]))
        }
      }
      return hash.map { word in
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
      }.joined()
    }

    private mutating func compress(_ block: UnsafeRawBufferPointer) {
      schedule.withUnsafeMutableBufferPointer { words in
        for index in 0..<16 {
          words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        }
        for index in 16..<64 {
          let a = words[index - 15]
          let b = words[index - 2]
          let low = rotate(a, 7) ^ rotate(a, 18) ^ (a >> 3)
          let high = rotate(b, 17) ^ rotate(b, 19) ^ (b >> 10)
          words[index] = words[index - 16] &+ low &+ words[index - 7] &+ high
        }
      }
      mix()
    }

    private mutating func mix() {
      var (a, b, c, d) = (hash[0], hash[1], hash[2], hash[3])
      var (e, f, g, h) = (hash[4], hash[5], hash[6], hash[7])
      schedule.withUnsafeBufferPointer { words in
        roundConstants.withUnsafeBufferPointer { constants in
          for index in 0..<64 {
            let choice = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            let first = h &+ choice &+ ((e & f) ^ (~e & g)) &+ constants[index] &+ words[index]
            let majority = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            let second = majority &+ ((a & b) ^ (a & c) ^ (b & c))
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
          }
        }
      }
      for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { hash[index] &+= word }
    }
  }
}

@inline(__always)
private func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
  word &>> count | word &<< (32 - count)
}

/// The first 32 bits of the fractions of the cube roots of the first 64 primes.
private let roundConstants: [UInt32] = [
  0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
  0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
  0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
  0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
  0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
  0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
  0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
  0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
  0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
  0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
  0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
]
