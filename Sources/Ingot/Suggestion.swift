/// Finds what a misspelt name was meant to be.
enum Suggestion {
  /// The most similar of `names`; nil if none is similar.
  static func nearest(to name: String, among names: [String]) -> String? {
    let wanted = name.lowercased()
    let distances = names.map { (name: $0, letters: distance(wanted, $0.lowercased())) }
    guard let nearest = distances.min(by: { $0.letters < $1.letters }) else { return nil }
    return nearest.letters <= max(name.utf8.count, nearest.name.utf8.count) / 3 ? nearest.name : nil
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
