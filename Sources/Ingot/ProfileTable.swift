/// The text of a profile's groups.
enum ProfileTable {
  private static let nameWidth = 60
  private static let columns = ["what", "name", "count", "total ms", "min ms", "mean ms", "max ms"]
  /// These are texts; the others are numbers.
  private static let texts = 2

  static func text(_ groups: [ProfileGroup], dropped: Int) -> String {
    // The sort is stable: of equals the first that was seen comes first.
    let rows = [columns] + groups.sorted { $0.total > $1.total }.map(row)
    let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var lines = rows.map { line($0, widths) }
    if dropped > 0 { lines.append("\(dropped) more events were dropped: the profile was full") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func row(_ group: ProfileGroup) -> [String] {
    [group.kind.rawValue, shortened(group.name), String(group.count)]
      + [group.total, group.minimum, group.mean, group.maximum].map { milliseconds($0) }
  }

  private static func line(_ cells: [String], _ widths: [Int]) -> String {
    var line = ""
    for (column, cell) in cells.enumerated() {
      let space = String(repeating: " ", count: widths[column] - cell.count)
      line += column < texts ? "\(cell)\(space)  " : "\(space)\(cell)  "
    }
    return String(line.dropLast(2))
  }

  /// One line, of a width that leaves room for the numbers.
  private static func shortened(_ name: String) -> String {
    let line = String(name.map { $0.isNewline ? " " : $0 })
    return line.count <= nameWidth ? line : line.prefix(nameWidth - 1) + "…"
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    Digits.fixed(nanoseconds / 100, decimals: 4)
  }
}

/// Numbers as text, without a locale.
enum Digits {
  /// A number of units of 10^-decimals.
  static func fixed(_ number: UInt64, decimals: Int) -> String {
    let digits = String(number)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return "\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
  }
}
