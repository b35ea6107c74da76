/// Finds what a misspelt name was meant to be.
enum Suggestion {
  static func nearest(to name: String, among names: [String]) -> String? {
    names.min { distance(name, $0) < distance(name, $1) }
  }

  /// How many letters must be put in, taken out or exchanged (Levenshtein).
  static func distance(_ first: String, _ second: String) -> Int {
    let second = Array(second.utf8)
    var row = Array(0...second.count)
    for (line, letter) in first.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = line + 1
      for (column, other) in second.enumerated() {
        let substituted = diagonal + (letter == other ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
      }
    }
    return row[second.count]
  }
}
