// What a compiled MSL kernel, the runtime that launches it and the Swift module `Metal` agree on.
// Freestanding: the compiled kernels include this text as well.
#ifndef METAL_RUNTIME_H
#define METAL_RUNTIME_H

typedef __UINT8_TYPE__ mtl_u8;
typedef __UINT32_TYPE__ mtl_u32;
typedef __UINT64_TYPE__ mtl_u64;

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MTL_BUFFER_SLOTS = 31,
  MTL_THREADGROUP_SLOTS = 31,
  MTL_SIMD_WIDTH = 32,
};

/// How the entry point of a kernel is called; the compiler chooses the fastest form the kernel allows.
enum {
  /// `mtl_range_entry`: uses only the position in the grid; one call runs a stretch of a row.
  MTL_ENTRY_RANGE = 0,
  /// `mtl_group_entry`: no barrier; one call runs a whole threadgroup.
  MTL_ENTRY_GROUP = 1,
  /// `mtl_thread_entry`: has barriers; one call runs one thread, on a fiber of its own.
  MTL_ENTRY_THREAD = 2,
};

/// One dispatch.
typedef struct mtl_launch {
  /// What each slot of the buffer table points to: buffer plus offset, or the copied inline bytes.
  void *buffers[MTL_BUFFER_SLOTS];
  /// Bytes of dynamic threadgroup memory per slot.
  mtl_u32 threadgroup_lengths[MTL_THREADGROUP_SLOTS];
  mtl_u32 threads_per_grid[3];
  /// As asked for; groups at the edge of the grid may be smaller.
  mtl_u32 threads_per_threadgroup[3];
  mtl_u32 threadgroups_per_grid[3];
  /// Not 0: run the threadgroups in an order made from this seed, and fill threadgroup memory with garbage first.
  mtl_u64 order_seed;
  /// A dispatch that takes longer fails with MTL_FAULT_TIMEOUT, some 20 ms late at worst; 0 for no limit.
  mtl_u64 timeout_nanoseconds;
} mtl_launch;

/// The threadgroup that is running.
typedef struct mtl_group {
  mtl_u32 position[3]; // in the grid of threadgroups
  mtl_u32 size[3];     // its actual size
  mtl_u32 simdgroups;
  mtl_u32 reserved;
  void *threadgroup[MTL_THREADGROUP_SLOTS]; // dynamic threadgroup memory
} mtl_group;

/// The thread that is running, for MTL_ENTRY_THREAD.
typedef struct mtl_thread {
  mtl_u32 position_in_grid[3];
  mtl_u32 position_in_threadgroup[3];
  mtl_u32 index_in_threadgroup;
  mtl_u32 index_in_simdgroup;
  mtl_u32 simdgroup_index;
} mtl_thread;

typedef void (*mtl_range_entry)(const mtl_launch *, mtl_u32 x_begin, mtl_u32 x_end, mtl_u32 y, mtl_u32 z);
typedef void (*mtl_group_entry)(const mtl_launch *, const mtl_group *);
typedef void (*mtl_thread_entry)(const mtl_launch *, const mtl_group *, const mtl_thread *);

/// What kernels call. A shared object of a kernel has the symbol `mtl_runtime` (a pointer to this table), which the
/// loader sets after dlopen, so that the host program needs to export nothing.
typedef struct mtl_runtime_table {
  void (*threadgroup_barrier)(void);
  void (*simdgroup_barrier)(void);
} mtl_runtime_table;

/// What a shared object tells of one argument of its kernel; the table `mtl_arguments` has one for each, in the order
/// of reflection.
typedef struct mtl_argument {
  mtl_u32 data_type; // MTLDataType of what it points to
  mtl_u32 alignment; // in bytes
  mtl_u64 size;      // in bytes
  mtl_u32 is_read_only;
  mtl_u32 is_present; // 0 where `[[function_constant(name)]]` leaves it out
} mtl_argument;

/// A loaded kernel; the host makes it with `mtl_kernel_load`.
typedef struct mtl_kernel {
  void *entry; // NULL if the shared object does not have it
  mtl_u32 entry_kind;
  mtl_u32 stack_bytes; // what one thread needs; 0 for the default of 16 KiB
  /// The code of the shared object: only there a thread is stopped that runs too long.
  const void *code_begin, *code_end;
  /// Its `static __thread` variables, which are the kernel's threadgroup memory.
  mtl_u64 thread_local_module;
  mtl_u64 thread_local_bytes;
} mtl_kernel;

/// Why a dispatch failed.
enum {
  MTL_FAULT_NONE = 0,
  MTL_FAULT_ADDRESS = 1,     // SIGSEGV or SIGBUS in kernel code
  MTL_FAULT_TIMEOUT = 2,     // ran longer than timeout_nanoseconds
  MTL_FAULT_STACK = 3,       // the stack of a thread overflowed
  MTL_FAULT_MEMORY = 5,      // no memory for stacks or threadgroup memory
  MTL_FAULT_INSTRUCTION = 6, // SIGILL or SIGTRAP in kernel code, for example __builtin_trap()
};

/// How a dispatch ended.
typedef struct mtl_result {
  mtl_u32 fault;
  mtl_u32 reserved;
  void *address; // what was accessed, or the instruction
} mtl_result;

#ifdef __cplusplus
}
#endif

// The host's side; compiled kernels leave it out.
#ifndef MTL_KERNEL_CODE

extern const mtl_runtime_table mtl_host_runtime;

/// Finds `symbol` in a shared object that dlopen returned, and sets the object's `mtl_runtime`.
mtl_kernel mtl_kernel_load(void *object, const char *symbol, mtl_u32 entry_kind, mtl_u32 stack_bytes);

/// Runs all threadgroups of `launch`, on the calling thread and the process's pool of workers (one a core, started at
/// the first use), and returns when all have ended. One call at a time uses the pool; others run on their own thread,
/// and so does everything in a forked child. A small grid never leaves the calling thread.
///
/// A thread that ended does not take part in later barriers: the others go on without it.
/// After a fault no further threadgroup begins; what was written until then stays written.
mtl_result mtl_dispatch(const mtl_kernel *kernel, const mtl_launch *launch);

/// The MSL headers that compiled kernels include, as text; `name` is NULL after the last.
typedef struct mtl_header {
  const char *name;
  const char *text;
  unsigned long length;
} mtl_header;
extern const mtl_header mtl_headers[];
/// The same, for Swift, which does not import arrays of unknown length.
const mtl_header *mtl_header_list(void);

/// The file that this code was loaded from: a library, or the program; "" if the loader does not know.
const char *mtl_image_path(void);

#endif
#endif
