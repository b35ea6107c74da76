/// An open file and its bytes in memory.
final class FileImage: Sendable {
  let path: String
  /// Bytes of the file, when it was mapped.
  let length: Int
  let pages: MappedPages
  private let file: OpenFile

  init(_ path: String, writable: Bool) throws(IngotError) {
    self.path = path
    file = try Self.open(path, writable: writable)
    length = file.length
    pages = try Self.map(file, path, length, writable: writable)
  }

  /// What debuggers call it: the path without its folders.
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  private static func open(_ path: String, writable: Bool) throws(IngotError) -> OpenFile {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .argument(
        "'\(path.replacingNul)' is no path: it is empty, or has a NUL character in it; give the file's name")
    }
    let file: OpenFile
    do throws(SystemError) {
      file = try OpenFile(path, writable: writable)
    } catch {
      let access = writable ? "reading and writing" : "reading"
      throw .argument(
        "'\(path)' cannot be opened for \(access): \(error.text) (errno \(error.number)). Check the path and the rights to"
          + " it")
    }
    switch file.kind {
    case .regular: return file
    case .directory: throw .argument("'\(path)' is a directory; give the path of a file in it")
    case .other:
      throw .argument(
        "'\(path)' is a device, pipe or socket; only plain files can be mapped: read it instead")
    }
  }

  private static func map(
    _ file: OpenFile, _ path: String, _ length: Int, writable: Bool
  ) throws(IngotError) -> MappedPages {
    guard length > 0 else {
      throw .argument("'\(path)' has 0 bytes; Metal has no buffers of zero bytes. Write the file first")
    }
    do throws(SystemError) {
      return try MappedPages(of: file, fileLength: length, writable: writable)
    } catch {
      let text = "the \(length) bytes of '\(path)' cannot be mapped: \(error.text) (errno \(error.number))"
      if error.isOutOfMemory {
        throw IngotError(.outOfMemory, "\(text). The address space is full: unmap other files first")
      }
      throw .argument("\(text). Its file system does not map files this way; read it instead")
    }
  }

  /// Whether a window lies within the file, as it was mapped and as it is now.
  func check(_ offset: Int, _ layout: Layout) throws(IngotError) {
    let length = min(length, file.length)
    guard offset >= 0, layout.nbytes <= length, offset <= length - layout.nbytes else {
      let change = length < self.length ? ", of \(self.length) when it was mapped" : ""
      throw .argument(
        "\(layout) at byte \(offset) of '\(path)' needs \(layout.nbytes) bytes from there on, but the file has \(length)"
          + " bytes\(change); check offset, shape and dtype")
    }
  }

  /// Whether the bytes before `end` are still there.
  func checkLength(for end: Int, _ user: String) throws(IngotError) {
    let length = file.length
    guard length < end else { return }
    throw .state(
      "\(user) uses '\(path)' up to byte \(end), but the file has become shorter: it has \(length) bytes, of"
        + " \(self.length) when it was mapped. Nothing is committed; restore the file, or discard the encoder"
    )
  }
}

/// Some pages of a mapped file that are one allocation.
struct FilePart: Sendable {
  let image: FileImage
  /// Where in the file it begins.
  let offset: Int
  /// Bytes of the file in it, without what fills the last page.
  let length: Int
}

extension String {
  fileprivate var replacingNul: String { String(map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
}
