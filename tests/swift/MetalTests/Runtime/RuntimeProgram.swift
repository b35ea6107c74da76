import Glibc

@testable import Metal

/// The runtime alone in a C program: for what a test cannot do to its own process, and for another processor.
struct RuntimeProgram: Sendable {
  let path: String
  private let emulator: [String]

  static let host = RuntimeProgram(compiler: [clang], emulator: [])
  /// The same program for aarch64, where its compiler and emulator are installed.
  static let emulated = emulator(objects: [])
  static func emulator(objects: [String]) -> RuntimeProgram? {
    guard let compiler = installed("aarch64-linux-gnu-gcc"), let emulator = installed("qemu-aarch64") else {
      return nil
    }
    let command = [emulator, "-L", "/usr/aarch64-linux-gnu"]
    return RuntimeProgram(compiler: [compiler], emulator: command, objects: objects)
  }
  static let isEmulatedHere =
    installed("aarch64-linux-gnu-gcc") != nil && installed("qemu-aarch64") != nil

  init(compiler: [String], emulator: [String], objects: [String] = []) {
    let directory = KernelBench.temporaryDirectory()
    write(Array(Self.text.utf8), to: "\(directory)/program.c")
    path = "\(directory)/program"
    self.emulator = emulator
    let sources = [
      "dispatch", "divide", "faults", "fibers", "job", "kernel", "pool", "watchdog", "worker",
    ].map { "\(Self.sources)/\($0).c" }
    let arguments =
      ["-O2", "-fno-pie", "-no-pie", "-I", Self.sources, "-I", "\(Self.sources)/include", "-o", path]
      + ["\(directory)/program.c", "\(Self.sources)/switch.S"] + sources + objects
    let outcome = run(compiler[0], compiler.dropFirst() + arguments + ["-lpthread", "-ldl", "-lm"])
    precondition(outcome.succeeded, String(decoding: outcome.errors, as: UTF8.self))
  }

  /// How the program ends that is told to do `task`.
  func end(_ task: String) -> ChildProcess.Outcome.End {
    let command = emulator + [path, task]
    return run(command[0], Array(command.dropFirst()), seconds: 60).end
  }

  private static let sources = {
    let parts = #filePath.split(separator: "/").dropLast(5)
    return "/" + parts.joined(separator: "/") + "/Sources/CMetalRuntime"
  }()

  private static func installed(_ name: String) -> String? {
    MSLEnvironment().searchPath.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  private static let text = #"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/resource.h>
    #include <sys/wait.h>
    #include <unistd.h>
    #include "metal_runtime.h"

    #define REQUIRE(condition) if (!(condition)) exit(100 + __LINE__ % 100)

    static void count(const mtl_launch *launch, const mtl_group *group) {
      __atomic_fetch_add((unsigned *)launch->buffers[0], 1, __ATOMIC_RELAXED);
    }
    static void wild(const mtl_launch *launch, const mtl_group *group) { *(volatile int *)0x1230 = 1; }
    static void endless(const mtl_launch *launch, const mtl_group *group) {
      volatile int run = 1;
      while (run) {}
    }
    static int recurse(volatile int *data, int depth) {
      volatile char frame[100];
      frame[0] = (char)depth;
      return depth == 0 ? 0 : recurse(data, depth - 1) + frame[0];
    }
    static void overflow(const mtl_launch *launch, const mtl_group *group, const mtl_thread *thread) {
      *(int *)launch->buffers[0] = recurse(launch->buffers[0], 1 << 30);
    }
    static void endless_thread(const mtl_launch *launch, const mtl_group *group, const mtl_thread *thread) {
      volatile int run = 1;
      while (run) mtl_host_runtime.threadgroup_barrier();
    }
    static _Thread_local float tile[1024];
    static void reverse(const mtl_launch *launch, const mtl_group *group, const mtl_thread *thread) {
      float *data = launch->buffers[0];
      unsigned index = thread->index_in_threadgroup, at = thread->position_in_grid[0];
      double kept = index * 1.5, also = index * 0.25;
      for (int i = 0; i < 5; i++) {
        tile[index] = data[at];
        mtl_host_runtime.threadgroup_barrier();
        data[at] = tile[group->size[0] - 1 - index];
        mtl_host_runtime.simdgroup_barrier();
        mtl_host_runtime.threadgroup_barrier();
        kept += also;
      }
      data[at] += (float)(kept - index * 1.5 - 5 * also);
    }

    static mtl_result dispatch(void *entry, int kind, unsigned threads, unsigned group, void *buffer,
                               mtl_u64 timeout) {
      mtl_kernel kernel = {.entry = entry, .entry_kind = (mtl_u32)kind};
      mtl_launch launch = {
          .buffers = {buffer},
          .threads_per_grid = {threads, 1, 1},
          .threads_per_threadgroup = {group, 1, 1},
          .threadgroups_per_grid = {(threads + group - 1) / group, 1, 1},
          .order_seed = 3,
          .timeout_nanoseconds = timeout,
      };
      return mtl_dispatch(&kernel, &launch);
    }
    static void check_that_dispatches_work(void) {
      unsigned counted = 0;
      REQUIRE(dispatch(count, MTL_ENTRY_GROUP, 100000, 1, &counted, 0).fault == 0 && counted == 100000);
    }

    static void barriers(void) {
      enum { threads = 10000, size = 96 };
      static float data[threads];
      for (int i = 0; i < threads; i++) data[i] = i;
      REQUIRE(dispatch(reverse, MTL_ENTRY_THREAD, threads, size, data, 0).fault == 0);
      for (int i = 0; i < threads; i++) {
        int first = i / size * size, end = first + size < threads ? first + size : threads;
        REQUIRE(data[i] == first + end - 1 - i);
      }
    }
    static void faults(void) {
      int memory;
      for (int i = 0; i < 3; i++) {
        mtl_result result = dispatch(wild, MTL_ENTRY_GROUP, 1000, 1, NULL, 0);
        REQUIRE(result.fault == MTL_FAULT_ADDRESS && result.address == (void *)0x1230);
        REQUIRE(dispatch(overflow, MTL_ENTRY_THREAD, 640, 64, &memory, 0).fault == MTL_FAULT_STACK);
        REQUIRE(dispatch(endless, MTL_ENTRY_GROUP, 64, 1, NULL, 20000000).fault == MTL_FAULT_TIMEOUT);
        REQUIRE(dispatch(endless_thread, MTL_ENTRY_THREAD, 640, 64, NULL, 20000000).fault == MTL_FAULT_TIMEOUT);
        check_that_dispatches_work();
      }
    }

    static void *run_endless(void *unused) {
      dispatch(endless, MTL_ENTRY_GROUP, 1000, 1, NULL, 0);
      return NULL;
    }
    static void start_endless(void) {
      pthread_t thread;
      pthread_create(&thread, NULL, run_endless, NULL);
      usleep(50000);
    }
    static void check_child(pid_t child) {
      int status;
      REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    }
    static void fork_idle(void) {
      check_that_dispatches_work();
      pid_t child = fork();
      if (child == 0) {
        barriers();
        check_that_dispatches_work();
        REQUIRE(dispatch(wild, MTL_ENTRY_GROUP, 10, 1, NULL, 0).fault == MTL_FAULT_ADDRESS);
        REQUIRE(dispatch(endless, MTL_ENTRY_GROUP, 10, 1, NULL, 20000000).fault == MTL_FAULT_TIMEOUT);
        exit(0);
      }
      check_child(child);
      check_that_dispatches_work();
    }
    // The other thread has the pool, and its workers are in kernel code, when the process is copied.
    static void fork_busy(void) {
      start_endless();
      pid_t child = fork();
      if (child == 0) {
        check_that_dispatches_work();
        exit(0);
      }
      check_child(child);
    }
    static void exit_busy(void) {
      start_endless();
      exit(0);
    }

    static void end_with_7(int signal) { _exit(7); }
    // A handler of before is called for a fault outside of kernels, and not for one inside.
    static void earlier_handler(void) {
      signal(SIGSEGV, end_with_7);
      REQUIRE(dispatch(wild, MTL_ENTRY_GROUP, 10, 1, NULL, 0).fault == MTL_FAULT_ADDRESS);
      *(volatile int *)0x10 = 1;
    }
    static struct sigaction replaced;
    static int seen;
    static void restore(int signal) {
      seen++;
      sigaction(SIGSEGV, &replaced, NULL);
    }
    // One of later takes ours away, sees a fault in a kernel and puts ours back: what Python's faulthandler does.
    static void later_handler(void) {
      check_that_dispatches_work();
      struct sigaction action = {.sa_handler = restore};
      sigaction(SIGSEGV, &action, &replaced);
      REQUIRE(dispatch(wild, MTL_ENTRY_GROUP, 1, 1, NULL, 0).fault == MTL_FAULT_ADDRESS && seen == 1);
      check_that_dispatches_work();
    }
    static void fault_outside(void) {
      check_that_dispatches_work();
      *(volatile int *)0x10 = 1;
    }
    static void sent_signal(void) {
      check_that_dispatches_work();
      kill(getpid(), SIGSEGV);
      usleep(1000000);
    }

    static void *fault_on_thread(void *unused) {
      dispatch(wild, MTL_ENTRY_GROUP, 10, 1, NULL, 0);
      return NULL;
    }
    static int mappings(void) {
      int lines = 0, c;
      FILE *file = fopen("/proc/self/maps", "r");
      while ((c = getc(file)) != EOF) lines += c == '\n';
      fclose(file);
      return lines;
    }
    static void fault_on_threads(void) {
      for (int i = 0; i < 200; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, fault_on_thread, NULL);
        pthread_join(thread, NULL);
      }
    }
    // Alternate stacks go with their threads; workers are used again.
    static void leaks(void) {
      fault_on_threads();
      int before = mappings();
      fault_on_threads();
      REQUIRE(mappings() <= before + 4);
    }
    // An address space without room for stacks is a fault of the dispatch.
    static void no_memory(void) {
      check_that_dispatches_work();
      struct rlimit limit = {400 << 20, 400 << 20};
      setrlimit(RLIMIT_AS, &limit);
      REQUIRE(dispatch(overflow, MTL_ENTRY_THREAD, 64, 64, NULL, 0).fault == MTL_FAULT_MEMORY);
      check_that_dispatches_work();
    }

    // Each way to write a division by zero of 77: from registers, from memory with every kind of address.
    #if defined(__x86_64__)
    #define DIVIDE(code, low_half)                                                                      \
      static void code##_division(const mtl_launch *launch, const mtl_group *group) {                   \
        unsigned long *results = launch->buffers[0], quotient, remainder;                               \
        __asm__ volatile("movq $3, %%rcx\n movq $0, %%r9\n movq $3, %%r12\n movq %2, %%r13\n"            \
                         "movq $77, %%rax\n movq $0, %%rdx\n" code##_text "\n movq %%rax, %0\n movq %%rdx, %1" \
                         : "=&r"(quotient), "=&r"(remainder) : "r"(zeros)                               \
                         : "rax", "rcx", "rdx", "r9", "r12", "r13", "cc", "memory");                    \
        results[0] = quotient; results[1] = remainder; results[2] = low_half;                           \
      }
    unsigned long zeros[64];
    #define register_text "divq %%r9"
    #define low_register_text "idivl %%r9d"
    #define short_register_text "divw %%r9w"
    #define byte_text "divb %%r9b"
    #define second_byte_text "divb %%ch"
    #define base_text "divq (%%r13)"
    #define near_text "divl 8(%%r13)"
    #define far_text "divl 200(%%r13)"
    #define index_text "idivl 40(%%r13,%%rcx,8)"
    #define high_index_text "divq (%%r13,%%r12,4)"
    #define relative_text "divq zeros(%%rip)"
    DIVIDE(register, 0) DIVIDE(low_register, 0) DIVIDE(short_register, 0) DIVIDE(byte, 1) DIVIDE(second_byte, 1)
    DIVIDE(base, 0) DIVIDE(near, 0) DIVIDE(far, 0) DIVIDE(index, 0) DIVIDE(high_index, 0) DIVIDE(relative, 0)
    static void divisions(void) {
      void *all[] = {register_division, low_register_division, short_register_division, byte_division,
                     second_byte_division, base_division, near_division, far_division, index_division,
                     high_index_division, relative_division};
      for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        unsigned long results[3];
        REQUIRE(dispatch(all[i], MTL_ENTRY_GROUP, 1, 1, results, 0).fault == 0);
        // A division of bytes leaves the remainder above the quotient.
        REQUIRE(results[2] ? results[0] == 77 << 8 : results[0] == 0 && results[1] == 77);
      }
    }
    #else
    static void divisions(void) {}
    #endif

    // What the caller has linked in.
    __attribute__((weak)) int check(void);
    static void linked(void) { REQUIRE(check && check() == 0); }

    static const struct { const char *name; void (*run)(void); } tasks[] = {
        {"barriers", barriers}, {"faults", faults}, {"fork_idle", fork_idle}, {"fork_busy", fork_busy},
        {"exit_busy", exit_busy}, {"earlier_handler", earlier_handler}, {"later_handler", later_handler},
        {"fault_outside", fault_outside}, {"sent_signal", sent_signal}, {"leaks", leaks}, {"no_memory", no_memory},
        {"check", linked}, {"divisions", divisions},
    };
    int main(int count, char **arguments) {
      for (unsigned i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (strcmp(tasks[i].name, arguments[1]) == 0) return tasks[i].run(), 0;
      return 99;
    }
    """#
}
