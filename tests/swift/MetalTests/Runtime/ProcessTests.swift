import Glibc
import Testing

@testable import Metal

/// What the runtime does to the process it is in: handlers, forks, exits, other threads.
@Suite struct ProcessTests {
  @Test(arguments: [
    "barriers", "faults", "fork_idle", "fork_busy", "exit_busy", "later_handler", "leaks", "no_memory",
    "divisions",
  ])
  func endsWell(_ task: String) {
    #expect(RuntimeProgram.host.end(task) == .exited(0))
  }

  @Test func aFaultOutsideOfKernelsGoesToTheHandlerOfBefore() {
    #expect(RuntimeProgram.host.end("earlier_handler") == .exited(7))
  }

  @Test(arguments: ["fault_outside", "sent_signal"]) func aFaultOutsideOfKernelsEndsTheProcess(_ task: String)
  {
    #expect(RuntimeProgram.host.end(task) == .killed(SIGSEGV))
  }

  /// The switch of fibers for aarch64, and everything else in C. (The emulator cannot fork a process with threads.)
  @Test(
    .enabled(if: RuntimeProgram.isEmulatedHere, "needs qemu-user and gcc-aarch64-linux-gnu"),
    arguments: ["barriers", "faults", "leaks"])
  func runsOnAArch64(_ task: String) {
    #expect(RuntimeProgram.emulated?.end(task) == .exited(0))
  }
}
