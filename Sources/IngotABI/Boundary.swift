// The C side of Ingot. A file here does three things: resolve handles, call Ingot, translate the outcome. An `if`
// about the subject belongs in Ingot. What holds for every exported function:
//
// - `@c @implementation` makes the compiler match it with its declaration in ingot.h.
// - Its body runs in `boundary`, which turns a thrown IngotError into a status and the thread's error text, drains what
//   Metal autoreleases, and refuses to go on in a forked child.
// - Result pointers are checked before anything is made, and written last.
// - Integers from outside become `Int` only through `integer`, counts are compared with a limit before memory is read:
//   a trap here would end the caller's process.
import CIngot
import Ingot

/// All handles of the process.
let handles = HandleTable()

/// Runs the body of an exported function and reports how it ended.
@inline(__always)
func boundary(_ body: () throws(IngotError) -> Void) -> ingot_status {
  guard !cingot_is_forked() else { return LastError.store(.forked) }
  return withAutoreleasePool {
    do throws(IngotError) {
      try body()
      return ingot_status(INGOT_OK)
    } catch {
      return LastError.store(error)
    }
  }
}

extension IngotError {
  static var forked: IngotError {
    IngotError(
      .state,
      "this process was forked from one that had Metal in use, and neither Metal nor Ingot's threads survive that: start"
        + " it with exec (Python: the 'spawn' or 'forkserver' start method), or open devices only after the fork (on a"
        + " Mac, load Ingot only after it)"
    )
  }
}
