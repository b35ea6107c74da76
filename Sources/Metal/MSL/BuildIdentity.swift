import CMetalRuntime
import Glibc

/// This build of the translator: what another one translated is not taken from the cache.
enum BuildIdentity {
  static let text: String = {
    var status = stat()
    // The name of the main program may be relative to another directory.
    guard stat(mtl_image_path(), &status) == 0 || stat("/proc/self/exe", &status) == 0 else {
      return "unknown"
    }
    return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }()
}
