/// How the pages of a mapped file are divided into allocations: each is as long as Metal allows, the last one shorter.
struct FileParts {
  /// Bytes of all pages.
  let length: Int
  /// Bytes of each part but the last; whole pages.
  let partLength: Int

  /// Where a window lies.
  enum Place: Equatable {
    /// At `offset` in one part.
    case inside(part: Int, offset: Int)
    /// In several, the first of which ends at `boundary`: the window begins at `offset` in these pages.
    case across(pages: Range<Int>, offset: Int, boundary: Int)
  }

  /// `limit` is the most that an allocation may have, of whole pages or not.
  init(length: Int, limit: Int) {
    self.length = length
    partLength = max(limit / MappedPages.pageSize, 1) * MappedPages.pageSize
  }

  var count: Int { (length + partLength - 1) / partLength }

  /// The bytes of a part.
  func bytes(of part: Int) -> Range<Int> {
    part * partLength..<min((part + 1) * partLength, length)
  }

  /// Of a window that lies within the file, and has at least one byte.
  func place(of offset: Int, _ nbytes: Int) -> Place {
    let part = offset / partLength
    let bytes = bytes(of: part)
    let end = offset + nbytes
    if end <= bytes.upperBound { return .inside(part: part, offset: offset - bytes.lowerBound) }
    let page = MappedPages.pageSize
    let pages = offset / page * page..<(end + page - 1) / page * page
    return .across(pages: pages, offset: offset - pages.lowerBound, boundary: bytes.upperBound)
  }
}
