import Glibc

/// The processor that kernels are compiled for.
enum HostProcessor {
  /// Its model and features; code for one description may not run on another.
  static let description: String = {
    let wanted = ["vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features"]
    let armed = ["CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"]
    let lines = firstProcessor().split(separator: "\n").filter { line in
      let name = line.prefix { $0 != ":" && $0 != "\t" }
      return (wanted + armed).contains(String(name))
    }
    return lines.joined(separator: "\n")
  }()

  /// What /proc says of the first one; the kernel makes no more of it than is read.
  private static func firstProcessor() -> String {
    let file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 16384)
    let count = read(file, &buffer, buffer.count)
    let text = String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    return text.firstRange(of: "\n\n").map { String(text[..<$0.lowerBound]) } ?? text
  }
}
