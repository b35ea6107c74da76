/*
 * ingot.h: the C ABI of Ingot, Metal compute on buffers that CPU and GPU share.
 *
 * Rules that hold for every function:
 * - It returns an `ingot_status`; 0 is success. Results are written through pointers, and only on success.
 * - After a failure `ingot_last_error` has the text, per thread: what was asked, what the limit is, what to do.
 * - Handles are values, not addresses: a NULL, stale or forged one is INGOT_ERROR_CLOSED, one of another kind
 *   INGOT_ERROR_ARGUMENT, never a crash. Each handle is released once, by the release function of its type; what it
 *   stands for goes when nothing else uses it. Release functions leave the error text alone.
 * - No handle, NULL, size or enumeration value ends the process. Non-NULL data pointers must be valid.
 * - Text is UTF-8 and NUL-terminated. Text that comes back is cut to `capacity`, always NUL-terminated, and
 *   `*length` (if not NULL) is its whole length in bytes without the NUL.
 * - Every function may be called from any thread; an encoder from one thread at a time (a second one gets
 *   INGOT_ERROR_STATE).
 * - Structs begin with `size`: set it to `sizeof` before the call. They grow only at their end; no more than `size`
 *   bytes are read or written, and a size below that of the struct's first version is refused.
 * - After a fork the child of a process that has opened a device (on a Mac: that has loaded the library) gets
 *   INGOT_ERROR_STATE from every function that takes or makes a handle: neither Metal nor Ingot's threads exist there.
 *
 * An app links libIngotABI or the Swift product `Ingot`, never both: they hold the same classes.
 */
#ifndef INGOT_H
#define INGOT_H

#include <stdint.h>

#ifndef __clang__
#define _Nullable
#endif

#ifdef __cplusplus
extern "C" {
#endif

// cdef begin

/* ---- Status ---------------------------------------------------------------------------------------------- */

typedef int32_t ingot_status;
enum {
  INGOT_OK = 0,
  INGOT_ERROR_ARGUMENT = 1,         /* a value, shape, dtype, name or kernel argument that cannot be meant */
  INGOT_ERROR_CLOSED = 2,           /* a NULL, released or forged handle */
  INGOT_ERROR_DEVICE_NOT_FOUND = 3, /* no Metal device, not that many, or no GPU where one is required */
  INGOT_ERROR_OUT_OF_MEMORY = 4,    /* Metal could not allocate */
  INGOT_ERROR_COMPILE = 5,          /* MSL that does not compile; see ingot_error_info for the place */
  INGOT_ERROR_PIPELINE = 6,         /* a kernel that Metal cannot make a pipeline of */
  INGOT_ERROR_STATE = 7,            /* not in this state: dispatch after commit, second commit, ... */
  INGOT_ERROR_IN_FLIGHT = 8,        /* host access to what an unfinished submission uses, or the reverse */
  INGOT_ERROR_TIMEOUT = 9,          /* the wait ended first; the submission goes on */
  INGOT_ERROR_COMMAND_BUFFER = 10,  /* the GPU failed; see ingot_error_info for Metal's code */
};

/* What the last failed call of this thread left behind. */
typedef struct ingot_error_info {
  uint64_t size;
  ingot_status status;
  uint32_t line;         /* INGOT_ERROR_COMPILE: of the source given, from 1; 0 if unknown */
  uint32_t column;       /* from 1; 0 if unknown */
  int32_t reserved;
  int64_t metal_code;    /* INGOT_ERROR_COMMAND_BUFFER: the MTLCommandBufferError code */
  char file[64];         /* INGOT_ERROR_COMPILE: "program_source" */
  char source_line[256]; /* INGOT_ERROR_COMPILE: the offending line */
  char kernels[4096];    /* INGOT_ERROR_COMMAND_BUFFER: the labels of the kernels in it, one a line, as many as fit */
  char label[256];       /* INGOT_ERROR_COMMAND_BUFFER: the label of the submission's encoder, cut to what fits */
} ingot_error_info;

/* The text of the last failure on this thread. This and the next leave it as it is, even when they fail. */
ingot_status ingot_last_error(char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
ingot_status ingot_last_error_info(ingot_error_info *_Nullable info);
/* "INGOT_ERROR_ARGUMENT" for 1, and so on; NULL for a number that is no status. A constant string. */
const char *_Nullable ingot_status_name(ingot_status status);

/* ---- Library --------------------------------------------------------------------------------------------- */

#define INGOT_ABI_VERSION 2
/* The version the library was built with; refuse to go on when it is not INGOT_ABI_VERSION. */
uint32_t ingot_abi_version(void);

/* How many objects are alive, for tests that assert that nothing is left. */
typedef struct ingot_live_objects {
  uint64_t size;
  uint64_t handles; /* unreleased handles of this ABI, all kinds */
  uint64_t devices;
  uint64_t storages;
  uint64_t libraries;
  uint64_t kernels;
  uint64_t encoders;
  uint64_t submissions;
  uint64_t metal_objects; /* the software device's own objects; 0 with Apple's Metal */
  uint64_t residency_sets; /* made by ingot_residency_set_create */
  uint64_t events;
  uint64_t queues; /* a device's own counts while somebody refers to it */
  uint64_t sessions;
  uint64_t profiles;
  uint64_t notifiers;
  uint64_t graphs;
} ingot_live_objects;
ingot_status ingot_count_live_objects(ingot_live_objects *_Nullable counts);

/* ---- Device ---------------------------------------------------------------------------------------------- */

typedef struct ingot_device_handle *ingot_device;

enum {
  INGOT_DEVICE_ISOLATED = 1,    /* an own queue, caches and counters instead of the process's shared ones */
  INGOT_DEVICE_REQUIRE_GPU = 2, /* refuse the software device */
  INGOT_DEVICE_NO_RESIDENCY = 4, /* no residency sets; INGOT_ERROR_STATE if the shared device is open with them */
  INGOT_DEVICE_MANUAL_TIME = 8,  /* time passes by ingot_device_advance_time; for tests, with INGOT_DEVICE_ISOLATED */
};

typedef struct ingot_device_info {
  uint64_t size;
  uint64_t registry_id;
  uint64_t max_buffer_length;       /* bytes */
  uint64_t recommended_working_set; /* bytes */
  uint64_t max_threadgroup_memory;  /* bytes */
  uint64_t max_threads_per_threadgroup[3];
  uint8_t has_unified_memory;
  uint8_t is_software;
  uint8_t has_residency_sets; /* whether this device object uses them */
  uint8_t reserved[5];
  char name[256];
} ingot_device_info;

/* What there is now, and what was done since the device was opened. */
typedef struct ingot_device_statistics {
  uint64_t size;
  uint64_t current_allocated;  /* bytes, Metal's own figure */
  uint64_t resident_count;     /* allocations in the device's own residency sets, with what is staged */
  uint64_t residency_commits;  /* MTLResidencySet.commit calls */
  uint64_t submissions;        /* command buffers committed, on all queues */
  uint64_t unfinished;         /* of these, not completed yet */
  uint64_t residency_sets;     /* on each queue, the caller's among them */
  uint64_t resident_bytes;     /* of the allocations in resident_count */
  uint64_t unwired_bytes;      /* of those that are beyond the budget, or found no set */
  uint64_t residency_requests; /* MTLResidencySet.requestResidency calls while the device was idle */
  uint64_t residency_wake_ups; /* how often the timers behind residency ran */
} ingot_device_statistics;

/*
 * The memory of one device object, exact after each operation. An allocation is an MTLBuffer, a block is a part of one
 * or the whole, and a storage is what was handed out: on one block, as many bytes of it as were asked for.
 */
typedef struct ingot_memory_stats {
  uint64_t size;
  uint64_t pooled_count;  /* allocations that pools made, which use them again */
  uint64_t pooled_bytes;
  uint64_t exact_count;   /* made for one buffer, with INGOT_BUFFER_EXACT */
  uint64_t exact_bytes;
  uint64_t wrapped_count; /* somebody else's memory that Metal was told to use */
  uint64_t wrapped_bytes;
  uint64_t mapped_count;  /* parts of files */
  uint64_t mapped_bytes;
  uint64_t adopted_count; /* somebody else's MTLBuffers */
  uint64_t adopted_bytes;
  uint64_t storage_count; /* storages that have memory */
  uint64_t storage_bytes; /* that were asked for */
  uint64_t resident_count; /* allocations in the device's own residency sets, with what the next commit changes */
  uint64_t resident_bytes;
  uint64_t total_bytes;   /* of all allocations */
  uint64_t used_bytes;    /* of blocks that a buffer, an encoder, an unfinished submission or a host view holds */
  uint64_t free_bytes;    /* the rest, which pools keep */
  uint64_t peak_total_bytes; /* the most at a time, since the device was opened or ingot_device_reset_peak */
  uint64_t peak_used_bytes;
} ingot_memory_stats;

ingot_status ingot_device_count(uint64_t *_Nullable count);
/* Opens the device at `index` of MTLCopyAllDevices, or the system's default for -1. */
ingot_status ingot_device_open(int64_t index, uint32_t flags, ingot_device _Nullable *_Nullable device);
ingot_status ingot_device_get_info(ingot_device _Nullable device, ingot_device_info *_Nullable info);
ingot_status ingot_device_get_statistics(ingot_device _Nullable device, ingot_device_statistics *_Nullable statistics);
ingot_status ingot_device_get_memory_stats(ingot_device _Nullable device, ingot_memory_stats *_Nullable stats);
/* Begins anew to look for the most memory at a time. */
ingot_status ingot_device_reset_peak(ingot_device _Nullable device);
/* MTLDevice.supportsFamily; `family` is the raw value of MTLGPUFamily, for example 5001 for metal3. */
ingot_status ingot_device_supports(ingot_device _Nullable device, int64_t family, uint8_t *_Nullable supported);
/*
 * Lets `nanoseconds` pass for a device opened with INGOT_DEVICE_MANUAL_TIME: what Ingot does by itself after a while,
 * such as to give back cached memory, it does now. Waits go by the system's clock.
 */
ingot_status ingot_device_advance_time(ingot_device _Nullable device, uint64_t nanoseconds);
/*
 * How long an encoder that begins waits for one of Metal's command buffers when too many are unfinished, in nanoseconds;
 * a minute at first, UINT64_MAX for ever.
 */
ingot_status ingot_device_get_slot_timeout(ingot_device _Nullable device, uint64_t *_Nullable nanoseconds);
ingot_status ingot_device_set_slot_timeout(ingot_device _Nullable device, uint64_t nanoseconds);
ingot_status ingot_device_release(ingot_device _Nullable device);

/* ---- Buffer ---------------------------------------------------------------------------------------------- */

typedef struct ingot_buffer_handle *ingot_buffer;

enum {
  INGOT_BOOL = 1,
  INGOT_INT8 = 2,
  INGOT_UINT8 = 3,
  INGOT_INT16 = 4,
  INGOT_UINT16 = 5,
  INGOT_INT32 = 6,
  INGOT_UINT32 = 7,
  INGOT_INT64 = 8,
  INGOT_UINT64 = 9,
  INGOT_FLOAT16 = 10,
  INGOT_BFLOAT16 = 11,
  INGOT_FLOAT32 = 12,
};

#define INGOT_MAX_DIMENSIONS 32

enum {
  INGOT_ACCESS_READ = 1,
  INGOT_ACCESS_WRITE = 2,
};

typedef struct ingot_buffer_info {
  uint64_t size;
  uint64_t id;           /* of this buffer value, never reused */
  uint64_t storage_id;   /* shared by all windows of one storage, never reused */
  uint64_t offset;       /* bytes into the storage */
  uint64_t nbytes;
  uint64_t total_nbytes; /* of the storage */
  int32_t dtype;
  uint32_t dimensions;
  uint64_t shape[INGOT_MAX_DIMENSIONS];
  uint8_t is_read_only;    /* neither the host nor a kernel may write it */
  uint8_t is_host_visible; /* 0 for private memory of a foreign MTLBuffer */
  uint8_t is_allocated;    /* 0 for a lazy buffer before its first use */
  uint8_t reserved[5];
} ingot_buffer_info;

enum {
  INGOT_BUFFER_EXACT = 1, /* an allocation of its own, neither rounded nor kept when it goes: for weights */
  INGOT_BUFFER_LAZY = 2,  /* memory at the first use; `initial` is one element or nothing */
};

/*
 * Makes a shared buffer (MTLDevice.makeBuffer, storageModeShared) with memory of the device's own pool, or as `flags`
 * (INGOT_BUFFER_*) say. `initial_nbytes` says what `initial` holds: nothing (0: the contents are undefined), one element
 * (every element gets it), or the whole buffer (copied). `contents` (may be NULL) gets the address, which holds until
 * the handle is released or its pool is reset (ingot_buffer_open_view: for longer); of a lazy buffer NULL.
 */
ingot_status ingot_buffer_create(
    ingot_device _Nullable device, int32_t dtype, const uint64_t *_Nullable shape, uint64_t dimensions,
    const void *_Nullable initial, uint64_t initial_nbytes, const char *_Nullable label, uint32_t flags,
    ingot_buffer _Nullable *_Nullable buffer, void *_Nullable *_Nullable contents);
/* As ingot_buffer_create: of one dimension, with undefined contents and no label. The quick way to a temporary. */
ingot_status ingot_buffer_create_empty(
    ingot_device _Nullable device, int32_t dtype, uint64_t count, ingot_buffer _Nullable *_Nullable buffer);
/*
 * Makes a window: another buffer, on the part of this one that begins at byte `offset` of it. `dtype` 0 keeps the dtype.
 * The window keeps the memory alive, and not the handle it was made of. INGOT_ERROR_ARGUMENT if it does not lie within
 * the buffer. It may begin at any byte; a dispatch checks what the kernel's argument needs.
 */
ingot_status ingot_buffer_window(
    ingot_buffer _Nullable buffer, uint64_t offset, int32_t dtype, const uint64_t *_Nullable shape, uint64_t dimensions,
    ingot_buffer _Nullable *_Nullable window);
ingot_status ingot_buffer_get_info(ingot_buffer _Nullable buffer, ingot_buffer_info *_Nullable info);
/*
 * The address of the contents, for host access of the kinds in `access`. INGOT_ERROR_IN_FLIGHT while an unfinished
 * submission writes them, or for INGOT_ACCESS_WRITE uses them at all; what lies outside of a window does not count.
 * `contents` may be NULL if that is the question.
 */
ingot_status ingot_buffer_get_contents(
    ingot_buffer _Nullable buffer, uint32_t access, void *_Nullable *_Nullable contents);
/*
 * Waits until no unfinished submission stands in the way of host access of the kinds in `access`: INGOT_OK, or
 * INGOT_ERROR_TIMEOUT after `timeout` nanoseconds (UINT64_MAX: never). Whether one failed, which leaves the contents
 * undefined, ingot_submission_wait says.
 */
ingot_status ingot_buffer_wait(ingot_buffer _Nullable buffer, uint32_t access, uint64_t timeout);
ingot_status ingot_buffer_release(ingot_buffer _Nullable buffer);

/* ---- Pool ------------------------------------------------------------------------------------------------ */

typedef struct ingot_pool_handle *ingot_pool;

/* What a pool holds and has done. Bytes are those of whole blocks, which are rounded up. */
typedef struct ingot_pool_statistics {
  uint64_t size;
  uint64_t used_bytes;   /* of blocks that a buffer, encoder, unfinished submission or view uses */
  uint64_t free_bytes;   /* of the others */
  uint64_t cached_bytes; /* of these, those of allocations in which nothing is used: what ingot_pool_trim gives back */
  uint64_t total_bytes;  /* used and free: of all allocations */
  uint64_t free_blocks;
  uint64_t hits;         /* requests that memory of the pool served */
  uint64_t misses;       /* requests that took a new allocation */
  uint64_t high_water;   /* the most bytes that were used at a time */
  uint64_t quarantined;  /* blocks that were taken back while something other than a buffer used them, and that is so */
  uint64_t used_blocks;
} ingot_pool_statistics;

enum {
  INGOT_POOL_LIMIT_TOTAL = 0,  /* bytes of all allocations; beyond it buffers cannot be made. At first none */
  INGOT_POOL_LIMIT_CACHED = 1, /* cached_bytes; beyond it the longest unused go */
};

typedef struct ingot_pool_limits {
  uint64_t size;
  uint64_t total;  /* bytes; UINT64_MAX for none */
  uint64_t cached; /* bytes */
  uint64_t decay;  /* nanoseconds; UINT64_MAX for ever */
} ingot_pool_limits;

enum {
  INGOT_PRESSURE_WARNING = 1,  /* half of what is cached goes */
  INGOT_PRESSURE_CRITICAL = 2, /* all of it */
};

/* The dtype and shape of a buffer that is to be made. */
typedef struct ingot_layout {
  int32_t dtype;
  uint32_t dimensions;
  const uint64_t *_Nullable shape;
} ingot_layout;

#define INGOT_MAX_BATCH 65535

/* The device's own pool, which buffers get their memory from unless told otherwise. */
ingot_status ingot_device_get_pool(ingot_device _Nullable device, ingot_pool _Nullable *_Nullable pool);
/* Makes another pool of the device. Buffers outlive it; what it caches goes with its handle. */
ingot_status ingot_pool_create(ingot_device _Nullable device, ingot_pool _Nullable *_Nullable pool);
/* As ingot_buffer_create, with memory of this pool, unless the buffer is to be INGOT_BUFFER_EXACT. */
ingot_status ingot_pool_create_buffer(
    ingot_pool _Nullable pool, int32_t dtype, const uint64_t *_Nullable shape, uint64_t dimensions,
    const void *_Nullable initial, uint64_t initial_nbytes, const char *_Nullable label, uint32_t flags,
    ingot_buffer _Nullable *_Nullable buffer, void *_Nullable *_Nullable contents);
/* As ingot_buffer_create_empty, with memory of this pool. */
ingot_status ingot_pool_create_empty(
    ingot_pool _Nullable pool, int32_t dtype, uint64_t count, ingot_buffer _Nullable *_Nullable buffer);
/*
 * Makes `count` buffers, at most INGOT_MAX_BATCH, with undefined contents and the same label (may be NULL), or none of
 * them. `buffers` gets their handles.
 */
ingot_status ingot_pool_create_batch(
    ingot_pool _Nullable pool, const ingot_layout *_Nullable layouts, uint64_t count, const char *_Nullable label,
    ingot_buffer _Nullable *_Nullable buffers);
/*
 * Takes a buffer back before its handle is released: all windows of its memory become stale, and every use of them is
 * INGOT_ERROR_CLOSED. What an encoder, unfinished submission or view uses of it goes back when these are done.
 * `taken` (may be NULL) gets 0 if it was taken back before, else 1. INGOT_ERROR_ARGUMENT if the pool has not made it, or
 * it is a window on a part of its memory.
 */
ingot_status ingot_pool_release_buffer(
    ingot_pool _Nullable pool, ingot_buffer _Nullable buffer, uint8_t *_Nullable taken);
/*
 * Takes back, in the same way, every buffer that was made and still exists; `quarantined` (may be NULL) gets how many of
 * their blocks something else uses still. Lazy buffers without memory stay as they are.
 */
ingot_status ingot_pool_reset(ingot_pool _Nullable pool, uint64_t *_Nullable quarantined);
/*
 * Sees to it that the memory of a buffer is resident as long as it lives, without owning it: a mapped file otherwise
 * becomes so at its first use, a lazy buffer has none before. The pool's reset, trim and end leave it alone.
 * INGOT_ERROR_ARGUMENT for a buffer of another device.
 */
ingot_status ingot_pool_register_existing(ingot_pool _Nullable pool, ingot_buffer _Nullable buffer);
/*
 * Gives the memory of cached allocations back to the system, the longest unused first, until no more than `bytes` are
 * cached; `freed` (may be NULL) gets how many went.
 */
ingot_status ingot_pool_trim(ingot_pool _Nullable pool, uint64_t bytes, uint64_t *_Nullable freed);
/* The same as under memory pressure, INGOT_PRESSURE_*, of which a Mac tells all pools by itself. */
ingot_status ingot_pool_relieve(ingot_pool _Nullable pool, int32_t pressure, uint64_t *_Nullable freed);
/* Sets INGOT_POOL_LIMIT_*; UINT64_MAX is what it was at first. What is used stays, even if it is more. */
ingot_status ingot_pool_set_limit(ingot_pool _Nullable pool, int32_t limit, uint64_t bytes);
/* Sets it to a part of recommended_working_set, 0 to 1. */
ingot_status ingot_pool_set_limit_fraction(ingot_pool _Nullable pool, int32_t limit, double fraction);
/* Sets how many nanoseconds an allocation stays cached; 10 s at first, 0 and UINT64_MAX for ever. */
ingot_status ingot_pool_set_decay(ingot_pool _Nullable pool, uint64_t nanoseconds);
ingot_status ingot_pool_get_limits(ingot_pool _Nullable pool, ingot_pool_limits *_Nullable limits);
ingot_status ingot_pool_get_statistics(ingot_pool _Nullable pool, ingot_pool_statistics *_Nullable statistics);
/* Lets high_water begin anew with what is used now. */
ingot_status ingot_pool_reset_high_water(ingot_pool _Nullable pool);
ingot_status ingot_pool_release(ingot_pool _Nullable pool);

/* ---- Import ---------------------------------------------------------------------------------------------- */

typedef struct ingot_file_handle *ingot_file;

enum {
  INGOT_IMPORT_READ_ONLY = 1,   /* never bound for writing, nor given to the host for it */
  INGOT_IMPORT_SPARE_OWNER = 2, /* of ingot_buffer_wrap: see there */
};

/*
 * Makes a buffer of memory of the caller's, without a copy (MTLDevice.makeBuffer(bytesNoCopy:)). The region must begin at
 * a multiple of 16384 and be whole pages of 16384 bytes, on every system. The buffer is a window on it that begins at
 * byte `offset`. `flags` is INGOT_IMPORT_* or 0.
 *
 * The region stays the GPU's until ingot_take_released gives out `token`: once for each call that succeeded, and after the
 * last buffer, encoder and unfinished submission that uses the memory is gone and Metal has let go of it, which may take
 * until a later submission. For a call that failed no token comes, nor for token 0: then the region must stay for good.
 *
 * A region inside of one that is imported already becomes a window on that storage (same storage_id), and the tokens of
 * both come when that storage goes; with INGOT_IMPORT_SPARE_OWNER, which says that the owner of the one that is there
 * keeps this region too, this token comes at once. INGOT_ERROR_ARGUMENT if the region does not fit Metal's rule, the window does not lie
 * in it, it overlaps another one that does not contain it (unless both are read-only), or it is memory of a buffer that
 * Ingot has made; INGOT_ERROR_OUT_OF_MEMORY if Metal does not take it.
 */
ingot_status ingot_buffer_wrap(
    ingot_device _Nullable device, void *_Nullable region, uint64_t region_nbytes, uint64_t offset, int32_t dtype,
    const uint64_t *_Nullable shape, uint64_t dimensions, uint32_t flags, uint64_t token, const char *_Nullable label,
    ingot_buffer _Nullable *_Nullable buffer);
/*
 * Takes up to `capacity` tokens of wrapped memory, of all devices, that is not used any more: its owners may go. Call it
 * until `count` is below `capacity`. `tokens` may be NULL if `capacity` is 0; then `count` is how many there are.
 */
ingot_status ingot_take_released(uint64_t *_Nullable tokens, uint64_t capacity, uint64_t *_Nullable count);
/*
 * Makes a buffer on somebody else's id<MTLBuffer> (on Linux: an object of the software device), and retains it. The
 * pointer must be that of a living object. `offset` is in bytes from its beginning; `flags` is INGOT_IMPORT_* or 0. One in
 * private memory is for kernels only. An untracked one is ordered by an MTLFence between the encoders of one queue.
 * Adopted twice it is one storage; so is the MTLBuffer of an exact buffer of Ingot. INGOT_ERROR_ARGUMENT if it belongs to
 * another device or to a pool, or the window does not lie in it.
 */
ingot_status ingot_buffer_from_raw(
    ingot_device _Nullable device, void *_Nullable mtl_buffer, uint64_t offset, int32_t dtype,
    const uint64_t *_Nullable shape, uint64_t dimensions, uint32_t flags, const char *_Nullable label,
    ingot_buffer _Nullable *_Nullable buffer);
/*
 * Where the GPU finds the buffer's first byte (MTLBuffer.gpuAddress), for kernels that follow pointers. It keeps nothing
 * alive: see ingot_encoder_dispatch_using.
 */
ingot_status ingot_buffer_get_gpu_address(ingot_buffer _Nullable buffer, uint64_t *_Nullable address);
/* The id<MTLBuffer>, borrowed for as long as the buffer lives, and the byte of it at which the buffer begins. */
ingot_status ingot_buffer_get_raw(
    ingot_buffer _Nullable buffer, void *_Nullable *_Nullable mtl_buffer, uint64_t *_Nullable offset);

typedef struct ingot_file_info {
  uint64_t size;
  uint64_t nbytes; /* of the file, when it was mapped */
  uint8_t is_writable;
  uint8_t reserved[7];
} ingot_file_info;

/*
 * Maps a file, of any length: nothing is read before it is used. With `is_writable` not 0 what is written goes to the
 * file, else its buffers are read-only. INGOT_ERROR_ARGUMENT if there is no such file, it cannot be opened, it is empty,
 * or no plain file. The file may be deleted meanwhile. Where it becomes shorter, the host crashes on the missing bytes as
 * with every mapped file; ingot_encoder_commit refuses an encoder that uses them (INGOT_ERROR_STATE).
 */
ingot_status ingot_file_map(
    ingot_device _Nullable device, const char *_Nullable path, uint32_t is_writable, ingot_file _Nullable *_Nullable file);
ingot_status ingot_file_get_info(ingot_file _Nullable file, ingot_file_info *_Nullable info);
/*
 * Makes a buffer on the bytes of the file from `offset` on, any offset. It keeps the file mapped, without the handle.
 * INGOT_ERROR_ARGUMENT if the file is too short for it, and in a writable file longer than max_buffer_length if it goes
 * across the border between two allocations, which the text names.
 */
ingot_status ingot_file_window(
    ingot_file _Nullable file, uint64_t offset, int32_t dtype, const uint64_t *_Nullable shape, uint64_t dimensions,
    ingot_buffer _Nullable *_Nullable buffer);
ingot_status ingot_file_release(ingot_file _Nullable file);

/* ---- Residency ------------------------------------------------------------------------------------------- */

/* How a device keeps its memory wired by itself. */
typedef struct ingot_residency_settings {
  uint64_t size;
  uint64_t budget;       /* bytes at most; what is beyond works as well, but may be paged */
  uint64_t budget_limit; /* the most that `budget` can be; 0 without residency sets. Not read by _set_ */
  uint64_t keep_alive;   /* nanoseconds after the last submission for which it is kept wired; 0 for never */
} ingot_residency_settings;

ingot_status ingot_device_get_residency(ingot_device _Nullable device, ingot_residency_settings *_Nullable settings);
/*
 * Changes the budget and the time. What a lower budget leaves no room for, the last that came first, and what a higher
 * one has room for, the longest waiting first, is changed with the next submission.
 */
ingot_status ingot_device_set_residency(
    ingot_device _Nullable device, const ingot_residency_settings *_Nullable settings);

typedef struct ingot_residency_set_handle *ingot_residency_set;

#define INGOT_RESIDENCY_SET_CAPACITY 131072

typedef struct ingot_residency_set_info {
  uint64_t size;
  uint64_t count;           /* allocations, with what is staged */
  uint64_t allocated_bytes; /* of its allocations as of the last commit */
} ingot_residency_set_info;

/*
 * Makes a residency set of the caller's (MTLDevice.makeResidencySet), attached to the device's queues until it is
 * released. `label` may be NULL. INGOT_ERROR_STATE if the queue has 31 sets, the device's own among them.
 */
ingot_status ingot_residency_set_create(
    ingot_device _Nullable device, const char *_Nullable label, ingot_residency_set _Nullable *_Nullable set);
/*
 * Stages the whole allocations that the buffers are in; all or, after an error, none. They stay allocated as long as they
 * are in the set, whatever becomes of the buffers. INGOT_ERROR_ARGUMENT for another device's buffer, and beyond
 * INGOT_RESIDENCY_SET_CAPACITY allocations, those staged for removal among them.
 */
ingot_status ingot_residency_set_add(
    ingot_residency_set _Nullable set, const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count);
/* Stages the removal of what was added of the buffers' memory; an allocation goes when no buffer added it any more. */
ingot_status ingot_residency_set_remove(
    ingot_residency_set _Nullable set, const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count);
/* Stages the removal of everything. */
ingot_status ingot_residency_set_clear(ingot_residency_set _Nullable set);
/* Applies what is staged. */
ingot_status ingot_residency_set_commit(ingot_residency_set _Nullable set);
/* Has the memory made resident now (requestResidency), and kept so until ingot_residency_set_end (endResidency). */
ingot_status ingot_residency_set_request(ingot_residency_set _Nullable set);
ingot_status ingot_residency_set_end(ingot_residency_set _Nullable set);
/* Whether the allocation that the buffer is in is in the set, with what is staged. */
ingot_status ingot_residency_set_contains(
    ingot_residency_set _Nullable set, ingot_buffer _Nullable buffer, uint8_t *_Nullable contained);
ingot_status ingot_residency_set_get_info(ingot_residency_set _Nullable set, ingot_residency_set_info *_Nullable info);
ingot_status ingot_residency_set_release(ingot_residency_set _Nullable set);

/* ---- Host access ----------------------------------------------------------------------------------------- */

typedef struct ingot_view_handle *ingot_view;

typedef struct ingot_view_info {
  uint64_t size;
  void *_Nullable contents; /* of the whole storage: the buffer begins `offset` bytes (ingot_buffer_info) into it */
  uint64_t nbytes;          /* of the whole storage */
  /*
   * Grows whenever a submission that uses the storage is committed, or its pool takes the memory back. As long as it is
   * what it was before ingot_buffer_get_contents granted access, that would do so again. Valid as long as the view.
   */
  const volatile uint64_t *_Nullable use_count;
  uint64_t pool_id;         /* of the pool whose memory it is, see ingot_pool_get_id; 0: an allocation of its own */
  uint8_t is_read_only;     /* the buffer is, so it must not be written through this view */
  uint8_t reserved[7];
} ingot_view_info;

/*
 * Keeps the memory of a buffer where it is until the view is released, whatever happens to the buffer: a reset of its
 * pool hands the memory out again only after that. Does not ask whether a submission uses it (ingot_buffer_get_contents
 * does). A lazy buffer is allocated. `info` may be NULL.
 */
ingot_status ingot_buffer_open_view(
    ingot_buffer _Nullable buffer, ingot_view _Nullable *_Nullable view, ingot_view_info *_Nullable info);
ingot_status ingot_view_release(ingot_view _Nullable view);
/* The pool whose memory a buffer has, or if it is lazy will have; NULL for any other memory, and if the pool is gone. */
ingot_status ingot_buffer_get_pool(ingot_buffer _Nullable buffer, ingot_pool _Nullable *_Nullable pool);
/* Names the pool in ingot_view_info. Never reused, and never 0. */
ingot_status ingot_pool_get_id(ingot_pool _Nullable pool, uint64_t *_Nullable id);

typedef struct ingot_mapping_handle *ingot_mapping;

/*
 * Maps a buffer for host access of the kinds in `access` until the mapping is released: meanwhile
 * ingot_encoder_commit refuses an encoder that writes its bytes, or for INGOT_ACCESS_WRITE uses them at all, with
 * INGOT_ERROR_IN_FLIGHT; the encoder can be committed later. While an unfinished submission is in the
 * way, INGOT_ERROR_IN_FLIGHT for `timeout` 0; else it is waited for, new ones are refused already, and
 * INGOT_ERROR_TIMEOUT comes after so many nanoseconds (UINT64_MAX: never). INGOT_ERROR_STATE if some of the bytes are mapped already and one of the two is for writing. The memory stays
 * as with a view. `contents` (may be NULL) gets the address of the buffer's first byte.
 */
ingot_status ingot_buffer_map(
    ingot_buffer _Nullable buffer, uint32_t access, uint64_t timeout, ingot_mapping _Nullable *_Nullable mapping,
    void *_Nullable *_Nullable contents);
ingot_status ingot_mapping_release(ingot_mapping _Nullable mapping);

/*
 * Waits until every submission that uses the buffer's bytes in any way, or everything that was committed on the device,
 * is done: INGOT_OK, INGOT_ERROR_TIMEOUT after `timeout` nanoseconds (UINT64_MAX: never), or INGOT_ERROR_COMMAND_BUFFER
 * if one failed that nobody has been told of by this, or by ingot_submission_wait, before.
 */
ingot_status ingot_buffer_synchronize(ingot_buffer _Nullable buffer, uint64_t timeout);
ingot_status ingot_device_synchronize(ingot_device _Nullable device, uint64_t timeout);

/*
 * Copies the elements of `source`, of any device, on the host, as memmove does. INGOT_ERROR_ARGUMENT if dtype or shape
 * are not the same, or `buffer` is read-only; INGOT_ERROR_IN_FLIGHT while a submission uses `buffer` or writes `source`.
 */
ingot_status ingot_buffer_copy_from(ingot_buffer _Nullable buffer, ingot_buffer _Nullable source);
/* Makes every element what the `nbytes` bytes of one are, on the host. Refused as a copy is. */
ingot_status ingot_buffer_fill(ingot_buffer _Nullable buffer, const void *_Nullable element, uint64_t nbytes);
/* Gives a lazy buffer its memory; nothing happens if it has it. INGOT_ERROR_OUT_OF_MEMORY. */
ingot_status ingot_buffer_ensure_allocated(ingot_buffer _Nullable buffer);

/* ---- Library and kernel ---------------------------------------------------------------------------------- */

typedef struct ingot_library_handle *ingot_library;
typedef struct ingot_kernel_handle *ingot_kernel;

enum {
  INGOT_MATH_DEFAULT = 0, /* Metal's default: fast */
  INGOT_MATH_SAFE = 1,
  INGOT_MATH_RELAXED = 2,
  INGOT_MATH_FAST = 3,
};

typedef struct ingot_compile_options {
  uint64_t size;
  int32_t math_mode;
  uint32_t language_version; /* major << 16 | minor, as MTLLanguageVersion; 0 for the newest */
  uint64_t macro_count;
  const char *_Nullable const *_Nullable macro_names;
  const char *_Nullable const *_Nullable macro_values; /* an element may be NULL: defined as nothing */
} ingot_compile_options;

typedef struct ingot_kernel_info {
  uint64_t size;
  uint64_t argument_count;
  uint64_t max_threads_per_threadgroup;
  uint64_t thread_execution_width;
  uint64_t static_threadgroup_memory; /* bytes */
  uint64_t constant_count;            /* function constants that were given values */
} ingot_kernel_info;

enum {
  INGOT_ARGUMENT_BUFFER = 0,      /* device or constant memory, [[buffer(index)]] */
  INGOT_ARGUMENT_THREADGROUP = 1, /* threadgroup memory, [[threadgroup(index)]] */
};

typedef struct ingot_argument_info {
  uint64_t size;
  uint32_t kind;
  uint32_t index;
  int32_t dtype;      /* of the scalars it is made of; 0 for structs, void and mixed contents */
  uint32_t width;     /* scalars in one element: 4 for float4; 0 for structs and void */
  uint64_t nbytes;    /* of one element */
  uint64_t alignment; /* bytes */
  uint32_t access;    /* INGOT_ACCESS_*; unknown counts as both */
  uint8_t is_used;
  uint8_t takes_inline; /* constant or const device: a value may be given in place of a buffer */
  uint8_t reserved[2];
  char name[128];
} ingot_argument_info;

enum {
  INGOT_CONSTANT_TYPED = 0,    /* scalars of `dtype`, which must be the constant's */
  INGOT_CONSTANT_INTEGER = 1,  /* int64_t: they take the type of the constant, if it holds them */
  INGOT_CONSTANT_UNSIGNED = 2, /* uint64_t: the same */
  INGOT_CONSTANT_REAL = 3,     /* double: they are rounded to the constant's floating-point type */
  /* So many values can be given at a time. */
  INGOT_MAX_CONSTANTS = 1024,
};

/* A value for a function constant. */
typedef struct ingot_constant {
  const char *_Nullable name; /* NULL: `index` says which one it is */
  uint32_t index;             /* the n of [[function_constant(n)]], where there is no name */
  uint32_t kind;              /* INGOT_CONSTANT_* */
  int32_t dtype;              /* for INGOT_CONSTANT_TYPED */
  uint32_t width;             /* scalars: 1, or 2 to 4 for a vector */
  uint64_t value[4];          /* each scalar at the beginning of its own */
} ingot_constant;

typedef struct ingot_constant_info {
  uint64_t size;
  uint32_t index; /* UINT32_MAX where Metal does not tell */
  int32_t dtype;
  uint32_t width;
  uint8_t is_required; /* no kernel without a value for it; of a kernel's own constants 1 */
  uint8_t reserved[3];
  uint64_t value[4]; /* of a kernel's own constants: each scalar at the beginning of its own */
  char name[128];
} ingot_constant_info;

/*
 * Compiles MSL (MTLDevice.makeLibrary(source:options:)), once per text, options and device. `options` may be NULL.
 * INGOT_ERROR_COMPILE with the place if it does not compile.
 */
ingot_status ingot_library_compile(
    ingot_device _Nullable device, const char *_Nullable source,
    const ingot_compile_options *_Nullable options, ingot_library _Nullable *_Nullable library);
/* The names of the library's kernels, one a line, sorted. */
ingot_status ingot_library_get_kernel_names(
    ingot_library _Nullable library, char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
/*
 * Makes the pipeline of a kernel (MTLDevice.makeComputePipelineState), once. INGOT_ERROR_ARGUMENT, with the names there
 * are, if there is no such kernel, or if its function constants need values; INGOT_ERROR_PIPELINE if Metal cannot make
 * it.
 */
ingot_status ingot_library_get_kernel(
    ingot_library _Nullable library, const char *_Nullable name, ingot_kernel _Nullable *_Nullable kernel);
/* How many function constants the kernel has (MTLFunction.functionConstantsDictionary), and each, by index. */
ingot_status ingot_library_count_constants(
    ingot_library _Nullable library, const char *_Nullable name, uint64_t *_Nullable count);
ingot_status ingot_library_get_constant(
    ingot_library _Nullable library, const char *_Nullable name, uint64_t position,
    ingot_constant_info *_Nullable info);
/*
 * The kernel with values for its function constants (MTLLibrary.makeFunction(name:constantValues:)); each set of values
 * is one pipeline, made once, whatever their order. INGOT_ERROR_ARGUMENT, with the constants there are, for values that
 * are missing, unknown, given twice or of another type.
 */
ingot_status ingot_library_get_specialised_kernel(
    ingot_library _Nullable library, const char *_Nullable name, const ingot_constant *_Nullable constants,
    uint64_t constant_count, ingot_kernel _Nullable *_Nullable kernel);
/* What Metal's tools call it: nothing at first, or NULL. All who compile the same text share it. */
ingot_status ingot_library_set_label(ingot_library _Nullable library, const char *_Nullable label);
ingot_status ingot_library_get_label(
    ingot_library _Nullable library, char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
ingot_status ingot_library_release(ingot_library _Nullable library);

ingot_status ingot_kernel_get_info(ingot_kernel _Nullable kernel, ingot_kernel_info *_Nullable info);
/* The argument at `position`: buffers by index, then threadgroup memory by index. */
ingot_status ingot_kernel_get_argument(
    ingot_kernel _Nullable kernel, uint64_t position, ingot_argument_info *_Nullable info);
/* The label of its pipeline: the name, and the constants that were given values, as in "softmax|0:b1|1:i128". */
ingot_status ingot_kernel_get_label(
    ingot_kernel _Nullable kernel, char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
/* A good threadgroup for a grid of threads, 3 extents: what a dispatch takes that is given none. */
ingot_status ingot_kernel_suggest_group(
    ingot_kernel _Nullable kernel, uint64_t grid_x, uint64_t grid_y, uint64_t grid_z, uint64_t *_Nullable group);
/* The function constant at `position` of those that were given values, by index. */
ingot_status ingot_kernel_get_constant(
    ingot_kernel _Nullable kernel, uint64_t position, ingot_constant_info *_Nullable info);
ingot_status ingot_kernel_release(ingot_kernel _Nullable kernel);

/* ---- Encoder and submission ------------------------------------------------------------------------------ */

typedef struct ingot_encoder_handle *ingot_encoder;
typedef struct ingot_submission_handle *ingot_submission;
typedef struct ingot_bound_kernel_handle *ingot_bound_kernel;

enum {
  INGOT_ORDERING_AUTOMATIC = 0, /* as if one after another; independent dispatches may overlap */
  INGOT_ORDERING_SERIAL = 1,    /* Metal's serial encoder */
  INGOT_ORDERING_MANUAL = 2,    /* any may overlap, but for ingot_encoder_barrier */
};

enum {
  INGOT_GRID_THREADS = 0,      /* the grid counts threads; groups at its edge are smaller */
  INGOT_GRID_THREADGROUPS = 1, /* the grid counts threadgroups; all are full */
};

#define INGOT_MAX_BARRIER_BUFFERS 4096
#define INGOT_MAX_USES 4096
/* Bytes of all values of a dispatch, with their heads. */
#define INGOT_MAX_VALUES_NBYTES 1073741824

/*
 * Heads a value among the `values` of a dispatch; `nbytes` bytes follow it, unpadded: one element or several. Up to 4096
 * bytes go inline, more are copied to memory of the device's pool. Heads need not be aligned.
 */
typedef struct ingot_value {
  uint16_t position; /* of the argument, as in ingot_kernel_get_argument */
  uint16_t dtype;    /* INGOT_FLOAT32, ...; 0 for raw bytes of a struct or vector */
  uint32_t nbytes;   /* for threadgroup memory: its length, and no bytes follow */
} ingot_value;

typedef struct ingot_submission_info {
  uint64_t size;
  double gpu_start; /* seconds on the host clock; 0 until done */
  double gpu_end;
  uint64_t dispatches;
  uint64_t barriers; /* between them */
  uint8_t is_done;
  uint8_t is_failed;
  uint8_t reserved[6];
  char label[256];
  uint64_t barriers_spared; /* as in ingot_encoder_info */
  double host_time; /* seconds from the commit until the host was told; 0 until done */
} ingot_submission_info;

typedef struct ingot_encoder_info {
  uint64_t size;
  uint64_t dispatches;
  uint64_t barriers;        /* between them, those that ingot_encoder_barrier was called for among them */
  uint64_t barriers_spared; /* dispatches that were checked for conflicts, and needed no barrier */
  uint32_t ordering;        /* INGOT_ORDERING_*, what INGOT_ORDERING in the environment made of it */
  uint8_t reserved[4];
} ingot_encoder_info;

/* One encoder is one command buffer. `label` may be NULL. */
ingot_status ingot_encoder_create(
    ingot_device _Nullable device, const char *_Nullable label, uint32_t ordering,
    ingot_encoder _Nullable *_Nullable encoder);
/*
 * Encodes one dispatch. `buffers[i]` is for the argument at position i, NULL where a value is given instead or the
 * kernel does not use it. `values` is a sequence of ingot_value heads, each followed by its bytes. `group_x` 0 lets
 * Ingot choose the threadgroup. Everything is checked against the kernel before anything is encoded.
 */
ingot_status ingot_encoder_dispatch(
    ingot_encoder _Nullable encoder, ingot_kernel _Nullable kernel,
    const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count,
    const void *_Nullable values, uint64_t values_nbytes, uint32_t grid_kind,
    uint64_t grid_x, uint64_t grid_y, uint64_t grid_z, uint64_t group_x, uint64_t group_y, uint64_t group_z);
/*
 * The same for a kernel that reaches buffers through pointers in others (ingot_buffer_get_gpu_address): `uses[i]` with
 * `accesses[i]`, one of INGOT_ACCESS_* or both; at most INGOT_MAX_USES. They are kept alive, resident and in order as arguments are.
 */
ingot_status ingot_encoder_dispatch_using(
    ingot_encoder _Nullable encoder, ingot_kernel _Nullable kernel,
    const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count,
    const void *_Nullable values, uint64_t values_nbytes,
    const ingot_buffer _Nullable *_Nullable uses, const uint32_t *_Nullable accesses, uint64_t use_count,
    uint32_t grid_kind,
    uint64_t grid_x, uint64_t grid_y, uint64_t grid_z, uint64_t group_x, uint64_t group_y, uint64_t group_z);
/*
 * Binds a kernel's arguments ahead of its dispatches: given, and checked, as in ingot_encoder_dispatch_using. The bound
 * kernel keeps the buffers alive, whatever is released, and never changes.
 */
ingot_status ingot_kernel_bind(
    ingot_kernel _Nullable kernel, const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count,
    const void *_Nullable values, uint64_t values_nbytes,
    const ingot_buffer _Nullable *_Nullable uses, const uint32_t *_Nullable accesses, uint64_t use_count,
    ingot_bound_kernel _Nullable *_Nullable bound_kernel);
/* Encodes one dispatch of it. INGOT_ERROR_CLOSED if one of its buffers went back to its pool. */
ingot_status ingot_encoder_dispatch_bound(
    ingot_encoder _Nullable encoder, ingot_bound_kernel _Nullable bound_kernel, uint32_t grid_kind,
    uint64_t grid_x, uint64_t grid_y, uint64_t grid_z, uint64_t group_x, uint64_t group_y, uint64_t group_z);
ingot_status ingot_bound_kernel_release(ingot_bound_kernel _Nullable bound_kernel);
/*
 * Makes all later dispatches wait for all earlier ones (memoryBarrier), or given buffers only those that use their
 * storages. For INGOT_ORDERING_MANUAL; with INGOT_ORDERING_AUTOMATIC it always orders everything, with
 * INGOT_ORDERING_SERIAL and before the first dispatch it does nothing, and counts for nothing. `buffer_count` is at most
 * INGOT_MAX_BARRIER_BUFFERS.
 */
ingot_status ingot_encoder_barrier(
    ingot_encoder _Nullable encoder, const ingot_buffer _Nullable *_Nullable buffers, uint64_t buffer_count);
/*
 * Encodes a copy of the elements of `source` to `destination`, which has the same dtype and shape: a dispatch as any other,
 * in the encoder's order. Windows may begin at any byte. INGOT_ERROR_ARGUMENT if they do not fit, share bytes, or
 * `destination` is read-only.
 */
ingot_status ingot_encoder_copy(
    ingot_encoder _Nullable encoder, ingot_buffer _Nullable source, ingot_buffer _Nullable destination);
/* Encodes that every element becomes what the `nbytes` bytes of one are; refused as a copy is. */
ingot_status ingot_encoder_fill(
    ingot_encoder _Nullable encoder, ingot_buffer _Nullable buffer, const void *_Nullable element, uint64_t nbytes);
/* What is in it so far, also after the commit. INGOT_ERROR_STATE while another thread encodes. */
ingot_status ingot_encoder_get_info(ingot_encoder _Nullable encoder, ingot_encoder_info *_Nullable info);
/* Discards what was encoded, and takes nothing more. INGOT_ERROR_STATE after a commit. */
ingot_status ingot_encoder_discard(ingot_encoder _Nullable encoder);
/* Commits (MTLCommandBuffer.commit). `submission` may be NULL if nobody is going to wait. */
ingot_status ingot_encoder_commit(
    ingot_encoder _Nullable encoder, ingot_submission _Nullable *_Nullable submission);
/* Releases the handle; discards what was encoded if it was not committed, unless a session has the encoder too. */
ingot_status ingot_encoder_release(ingot_encoder _Nullable encoder);

/*
 * Waits until the submission is done: INGOT_OK, INGOT_ERROR_COMMAND_BUFFER if it failed, or INGOT_ERROR_TIMEOUT after
 * `timeout` nanoseconds (UINT64_MAX: never).
 */
ingot_status ingot_submission_wait(ingot_submission _Nullable submission, uint64_t timeout);
/* Never fails because the submission failed: `info->is_failed` says so. */
ingot_status ingot_submission_get_info(ingot_submission _Nullable submission, ingot_submission_info *_Nullable info);
ingot_status ingot_submission_release(ingot_submission _Nullable submission);

/* ---- Graph ----------------------------------------------------------------------------------------------- */

typedef struct ingot_graph_handle *ingot_graph;

enum {
  /* So many replacements can be given at a time. */
  INGOT_MAX_REPLACEMENTS = 4096,
};

/*
 * What a replay gives to arguments in place of what was recorded: for the argument called `name` of one dispatch, counted
 * from 0 (copies, which have `source` and `destination`, and fills, which have `buffer` and `value`, count too, barriers do
 * not); for UINT64_MAX of every dispatch whose kernel has such an argument, if all were recorded with the same value; or
 * without a name for the buffer `recorded`, wherever it is used as these bytes of this dtype. Of several that mean one
 * argument the most precise holds: a dispatch's, then a name, then a buffer; of these the last.
 */
typedef struct ingot_replacement {
  const char *_Nullable name;
  uint64_t dispatch;
  ingot_buffer _Nullable recorded; /* where there is no name */
  ingot_buffer _Nullable buffer;   /* what is given; NULL: the value */
  const void *_Nullable value;
  uint32_t nbytes; /* of the value */
  int32_t dtype;   /* of the value, one or several scalars; 0 for the bytes of structs or vectors */
} ingot_replacement;

typedef struct ingot_graph_info {
  uint64_t size;
  uint64_t dispatches; /* of one replay */
  uint64_t barriers;
  uint64_t barriers_spared;
  uint32_t ordering; /* INGOT_ORDERING_*, as in ingot_encoder_info */
  uint8_t reserved[12];
  char label[256];
} ingot_graph_info;

/*
 * Begins a recording: an encoder that takes dispatches, copies, fills, barriers and graphs, and checks them as others do,
 * but runs nothing and uses no command buffer. ingot_encoder_commit is INGOT_ERROR_STATE; ingot_encoder_release
 * discards it. `label` may be NULL.
 */
ingot_status ingot_recorder_create(
    ingot_device _Nullable device, const char *_Nullable label, uint32_t ordering,
    ingot_encoder _Nullable *_Nullable encoder);
/*
 * Ends it and makes a graph, which never changes and may be replayed from any thread; the encoder can only be released
 * then. INGOT_ERROR_STATE for an encoder that records nothing, or has ended.
 */
ingot_status ingot_recorder_finish(ingot_encoder _Nullable encoder, ingot_graph _Nullable *_Nullable graph);
/*
 * Encodes all of a graph in one command buffer and commits it. The replacements hold for this replay. `submission` may be
 * NULL if nobody is going to wait. Refused as the dispatches and the commit would be; INGOT_ERROR_CLOSED if a pool took
 * memory back that it uses.
 */
ingot_status ingot_graph_replay(
    ingot_graph _Nullable graph, const ingot_replacement *_Nullable replacements, uint64_t count,
    ingot_submission _Nullable *_Nullable submission);
/*
 * The same without blocking where too many command buffers are unfinished: INGOT_ERROR_TIMEOUT. To wait in the line use
 * ingot_graph_encode, with an encoder that is not blocking.
 */
ingot_status ingot_graph_try_replay(
    ingot_graph _Nullable graph, const ingot_replacement *_Nullable replacements, uint64_t count,
    ingot_submission _Nullable *_Nullable submission);
/*
 * Another graph, with the replacements for good, whose replays take no longer than those of this one. INGOT_ERROR_ARGUMENT
 * if a replacement means no argument, or a name arguments that were recorded with different values.
 */
ingot_status ingot_graph_replace(
    ingot_graph _Nullable graph, const ingot_replacement *_Nullable replacements, uint64_t count,
    ingot_graph _Nullable *_Nullable other);
/*
 * Encodes all of a graph among the dispatches of an encoder, in its order. INGOT_ERROR_ARGUMENT if the graph is another
 * device's, or was recorded with another ordering, unless the encoder's is INGOT_ORDERING_SERIAL.
 */
ingot_status ingot_graph_encode(
    ingot_graph _Nullable graph, ingot_encoder _Nullable encoder, const ingot_replacement *_Nullable replacements,
    uint64_t count);
/* What a replacement with this name and dispatch has to fit, refused as it would be. */
ingot_status ingot_graph_get_argument(
    ingot_graph _Nullable graph, const char *_Nullable name, uint64_t dispatch, ingot_argument_info *_Nullable info);
ingot_status ingot_graph_get_info(ingot_graph _Nullable graph, ingot_graph_info *_Nullable info);
ingot_status ingot_graph_release(ingot_graph _Nullable graph);

/* ---- Queue and event ------------------------------------------------------------------------------------- */

typedef struct ingot_queue_handle *ingot_queue;
typedef struct ingot_event_handle *ingot_event;

/*
 * Makes another command queue of the device (MTLDevice.makeCommandQueue), whose work runs beside that of the others.
 * Nothing but events orders the work of two queues. `label` may be NULL. What was committed goes on when the handle is
 * released.
 */
ingot_status ingot_queue_create(
    ingot_device _Nullable device, const char *_Nullable label, ingot_queue _Nullable *_Nullable queue);
/* The device's own queue, which ingot_encoder_create is for. */
ingot_status ingot_device_get_queue(ingot_device _Nullable device, ingot_queue _Nullable *_Nullable queue);
/* As ingot_encoder_create, for this queue. */
ingot_status ingot_queue_create_encoder(
    ingot_queue _Nullable queue, const char *_Nullable label, uint32_t ordering,
    ingot_encoder _Nullable *_Nullable encoder);
/* As ingot_device_synchronize, which waits for all queues, for this one. */
ingot_status ingot_queue_synchronize(ingot_queue _Nullable queue, uint64_t timeout);
/* As ingot_device_get_slot_timeout and ingot_device_set_slot_timeout, which are about the device's own queue. */
ingot_status ingot_queue_get_slot_timeout(ingot_queue _Nullable queue, uint64_t *_Nullable nanoseconds);
ingot_status ingot_queue_set_slot_timeout(ingot_queue _Nullable queue, uint64_t nanoseconds);
ingot_status ingot_queue_release(ingot_queue _Nullable queue);

/*
 * Makes an event (MTLSharedEvent): a value that begins with 0 and only grows, for queues and the host to wait for. `label`
 * may be NULL.
 */
ingot_status ingot_event_create(
    ingot_device _Nullable device, const char *_Nullable label, ingot_event _Nullable *_Nullable event);
ingot_status ingot_event_get_value(ingot_event _Nullable event, uint64_t *_Nullable value);
/* Lets it reach `value` now; one that is not above the present one is ignored. */
ingot_status ingot_event_signal(ingot_event _Nullable event, uint64_t value);
/*
 * Waits until it has reached `value`: INGOT_OK, INGOT_ERROR_TIMEOUT after `timeout` nanoseconds (UINT64_MAX: never; 0: it
 * only looks), or INGOT_ERROR_COMMAND_BUFFER if only the failure of a submission that was to signal it has let it.
 */
ingot_status ingot_event_wait(ingot_event _Nullable event, uint64_t value, uint64_t timeout);
ingot_status ingot_event_release(ingot_event _Nullable event);

/*
 * Makes all that is encoded after this wait until the event has reached `value` (encodeWaitForEvent). Meanwhile the queue
 * starts nothing that was committed later. INGOT_ERROR_ARGUMENT for an event of another device.
 */
ingot_status ingot_encoder_wait_event(ingot_encoder _Nullable encoder, ingot_event _Nullable event, uint64_t value);
/*
 * Lets the event reach `value` when all is done that was encoded before (encodeSignalEvent), and also if the submission
 * fails. An encoder that is discarded signals nothing.
 */
ingot_status ingot_encoder_signal_event(ingot_encoder _Nullable encoder, ingot_event _Nullable event, uint64_t value);

/* ---- Session --------------------------------------------------------------------------------------------- */

typedef struct ingot_session_handle *ingot_session;

typedef struct ingot_session_info {
  uint64_t size;
  uint64_t fence_value; /* what the last fence signals */
  uint64_t wait_value;  /* what the last stage that waits waits for */
  uint64_t wait_count;  /* resets after a fence: stages that begin with a wait */
  uint8_t is_drained;   /* the stage that was begun last is committed, or discarded */
  uint8_t is_fence_pending; /* it was fenced, and no reset has come after it */
  uint8_t reserved[6];
} ingot_session_info;

/*
 * Work in stages: one encoder after the other on one queue, each of which waits for the one before by an event, if that
 * was fenced. `label` (may be NULL) is what stages without a label are called.
 */
ingot_status ingot_session_create(
    ingot_queue _Nullable queue, const char *_Nullable label, ingot_session _Nullable *_Nullable session);
/*
 * Begins a stage, after a reset if the session is drained; its encoder is an ordinary one. `label` may be NULL.
 * INGOT_ERROR_STATE if the stage before is not committed.
 */
ingot_status ingot_session_begin_stage(
    ingot_session _Nullable session, const char *_Nullable label, ingot_encoder _Nullable *_Nullable encoder);
/* The encoder of the stage, which is begun if none is. INGOT_ERROR_STATE if the session is drained. */
ingot_status ingot_session_get_encoder(ingot_session _Nullable session, ingot_encoder _Nullable *_Nullable encoder);
/* Commits the stage. `submission` may be NULL. INGOT_ERROR_STATE if the session is drained. */
ingot_status ingot_session_commit_stage(
    ingot_session _Nullable session, ingot_submission _Nullable *_Nullable submission);
/* The same, and lets the stage signal the next value of the session's event, which the next stage waits for. */
ingot_status ingot_session_fence_stage(
    ingot_session _Nullable session, ingot_submission _Nullable *_Nullable submission);
/* Ends a drained stage: the next one has an encoder of its own. INGOT_ERROR_STATE if there is no committed stage. */
ingot_status ingot_session_reset(ingot_session _Nullable session);
/* What fences signal; `*event` is NULL before the first one. */
ingot_status ingot_session_get_event(ingot_session _Nullable session, ingot_event _Nullable *_Nullable event);
ingot_status ingot_session_get_info(ingot_session _Nullable session, ingot_session_info *_Nullable info);
/* Discards a stage that is not committed, when its encoder is released too. */
ingot_status ingot_session_release(ingot_session _Nullable session);
/* ---- Profile and capture --------------------------------------------------------------------------------- */

/* When the GPU ran one dispatch, in seconds on the host clock. */
typedef struct ingot_dispatch_time {
  double start;
  double end;
  uint8_t is_timed; /* 0: the GPU gave no time for this one */
  uint8_t reserved[7];
  char kernel[256]; /* the kernel's label */
} ingot_dispatch_time;

typedef struct ingot_submission_profile {
  uint64_t size;
  uint64_t dispatches; /* what ingot_submission_get_dispatch_times has; 0 until done */
  uint8_t is_profiled; /* whether times were asked for, and it is done */
  uint8_t reserved[7];
  char method[256];    /* how the times were taken, or "none: " and why there are none */
} ingot_submission_profile;

/*
 * Gives each dispatch of an encoder a compute pass of its own, around which the GPU's time is sampled; all of them take
 * longer then. INGOT_ERROR_STATE after the first dispatch, and after the commit.
 */
ingot_status ingot_encoder_time_dispatches(ingot_encoder _Nullable encoder);
ingot_status ingot_submission_get_profile(
    ingot_submission _Nullable submission, ingot_submission_profile *_Nullable profile);
/* The times of the first `capacity` dispatches, in the order in which they were encoded; `count` gets how many that are. */
ingot_status ingot_submission_get_dispatch_times(
    ingot_submission _Nullable submission, ingot_dispatch_time *_Nullable times, uint64_t capacity,
    uint64_t *_Nullable count);

typedef struct ingot_profile_handle *ingot_profile;

#define INGOT_PROFILE_LIMIT 262144 /* events; a good limit */

typedef struct ingot_profile_info {
  uint64_t size;
  uint64_t events;
  uint64_t dropped; /* events that came when there were `limit` */
  uint64_t groups;  /* of events of the same kind and name */
  uint8_t is_recording;
  uint8_t reserved[7];
} ingot_profile_info;

/* All events of one kind and name; times are in nanoseconds. */
typedef struct ingot_profile_group {
  uint64_t count;
  uint64_t total;
  uint64_t minimum;
  uint64_t maximum;
  char kind[16]; /* "encode", "commit", "wait", "compile", "pipeline", "gpu" or "dispatch" */
  char name[256];
} ingot_profile_group;

/*
 * Makes a profile of what is done for all devices, or for one; it does not record yet. It keeps at most `limit` events.
 * A profile that is released stops.
 */
ingot_status ingot_profile_create(uint64_t limit, ingot_profile _Nullable *_Nullable profile);
ingot_status ingot_device_create_profile(
    ingot_device _Nullable device, uint64_t limit, ingot_profile _Nullable *_Nullable profile);
/* Begins to record, or goes on. INGOT_ERROR_STATE if it does already. What began before is left out. */
ingot_status ingot_profile_start(ingot_profile _Nullable profile);
/* What was recorded stays. What is under way is left out, so wait for submissions first. */
ingot_status ingot_profile_stop(ingot_profile _Nullable profile);
/* Forgets what was recorded. */
ingot_status ingot_profile_reset(ingot_profile _Nullable profile);
ingot_status ingot_profile_get_info(ingot_profile _Nullable profile, ingot_profile_info *_Nullable info);
/* The first `capacity` groups, in the order in which they were seen; `count` gets how many that are. */
ingot_status ingot_profile_get_groups(
    ingot_profile _Nullable profile, ingot_profile_group *_Nullable groups, uint64_t capacity,
    uint64_t *_Nullable count);
/* The groups as a table, those that took longest first. */
ingot_status ingot_profile_get_table(
    ingot_profile _Nullable profile, char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
/* The events in the JSON of Chrome's trace viewer and Perfetto. */
ingot_status ingot_profile_get_trace(
    ingot_profile _Nullable profile, char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
ingot_status ingot_profile_release(ingot_profile _Nullable profile);

/*
 * Begins to record what the device does into a document for Xcode (MTLCaptureManager). INGOT_ERROR_ARGUMENT if `path` does
 * not end in ".gputrace", or something is there; INGOT_ERROR_STATE while a capture is under way in the process, and where
 * there can be none: on Linux, and on a Mac without MTL_CAPTURE_ENABLED=1 (older systems: METAL_CAPTURE_ENABLED=1) in the
 * environment that the process began with.
 */
ingot_status ingot_device_start_capture(ingot_device _Nullable device, const char *_Nullable path);
/* INGOT_ERROR_STATE if no capture of this device is under way. */
ingot_status ingot_device_stop_capture(ingot_device _Nullable device);

/* ---- Notifier -------------------------------------------------------------------------------------------- */

typedef struct ingot_notifier_handle *ingot_notifier;

/*
 * Makes what tells an event loop of submissions that are done, without a thread that waits for them. `descriptor` gets a
 * file descriptor that can be read as long as there are tokens to take: it is for poll, kqueue or epoll, must not be read
 * or closed, and is closed when the notifier is released, also while submissions are under way. INGOT_ERROR_STATE if the
 * process has too many open files.
 */
ingot_status ingot_notifier_create(ingot_notifier _Nullable *_Nullable notifier, int32_t *_Nullable descriptor);
/*
 * Takes up to `capacity` tokens of what is done, in the order in which it was. Call it until `count` is below `capacity`.
 * `tokens` may be NULL if `capacity` is 0; then `count` is how many there are.
 */
ingot_status ingot_notifier_take(
    ingot_notifier _Nullable notifier, uint64_t *_Nullable tokens, uint64_t capacity, uint64_t *_Nullable count);
ingot_status ingot_notifier_release(ingot_notifier _Nullable notifier);
/*
 * Has `token` come to the notifier, once for each call, when the submission is done; at once if it is. A failed one is
 * done, too: ingot_submission_wait says so.
 */
ingot_status ingot_submission_notify(
    ingot_submission _Nullable submission, ingot_notifier _Nullable notifier, uint64_t token);
/*
 * Takes one of Metal's command buffers for the encoder, which otherwise its first dispatch does, blocking if too many are
 * unfinished. `has_begun` gets 1, or 0 if none is free: then `token` comes when it is time to call this again, or when the
 * encoder is discarded; once, however often it was given. Who asks first is served first, be it so or by a dispatch.
 * INGOT_ERROR_STATE if none is free and none is committed, INGOT_ERROR_TIMEOUT if none came free in time
 * (ingot_queue_set_slot_timeout).
 */
ingot_status ingot_encoder_begin(
    ingot_encoder _Nullable encoder, ingot_notifier _Nullable notifier, uint64_t token, uint8_t *_Nullable has_begun);
/*
 * The same without a notifier: blocks for `timeout` nanoseconds at most, and gives `has_begun` 0 if none came free; then
 * the encoder keeps its place in the line.
 */
ingot_status ingot_encoder_wait_to_begin(
    ingot_encoder _Nullable encoder, uint64_t timeout, uint8_t *_Nullable has_begun);
/*
 * Whether a call that needs a command buffer waits for it, as it does at first, or with `blocking` 0 returns
 * INGOT_ERROR_TIMEOUT at once and encodes nothing. The encoder stands in the line then: repeat the call after
 * ingot_encoder_wait_to_begin, in slices as short as somebody has to be listened to, or after ingot_encoder_begin.
 */
ingot_status ingot_encoder_set_blocking(ingot_encoder _Nullable encoder, uint8_t blocking);

// cdef end

#ifdef __cplusplus
}
#endif

#endif
