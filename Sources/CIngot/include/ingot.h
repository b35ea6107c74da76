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
  INGOT_ERROR_IN_FLIGHT = 8,        /* host access to memory that an unfinished submission writes */
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
} ingot_error_info;

/* The text of the last failure on this thread. This and the next leave it as it is, even when they fail. */
ingot_status ingot_last_error(char *_Nullable text, uint64_t capacity, uint64_t *_Nullable length);
ingot_status ingot_last_error_info(ingot_error_info *_Nullable info);
/* "INGOT_ERROR_ARGUMENT" for 1, and so on; NULL for a number that is no status. A constant string. */
const char *_Nullable ingot_status_name(ingot_status status);

/* ---- Library --------------------------------------------------------------------------------------------- */

#define INGOT_ABI_VERSION 1
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
} ingot_live_objects;
ingot_status ingot_count_live_objects(ingot_live_objects *_Nullable counts);

/* ---- Device ---------------------------------------------------------------------------------------------- */

typedef struct ingot_device_handle *ingot_device;

enum {
  INGOT_DEVICE_ISOLATED = 1,    /* an own queue, caches and counters instead of the process's shared ones */
  INGOT_DEVICE_REQUIRE_GPU = 2, /* refuse the software device */
  INGOT_DEVICE_NO_RESIDENCY = 4 /* no residency sets; only with INGOT_DEVICE_ISOLATED */
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

/* Residency work since the device was opened. */
typedef struct ingot_device_statistics {
  uint64_t size;
  uint64_t current_allocated;  /* bytes, Metal's own figure */
  uint64_t resident_count;     /* allocations in residency sets */
  uint64_t residency_commits;  /* MTLResidencySet.commit calls */
  uint64_t submissions;        /* command buffers committed */
  uint64_t unfinished;         /* of these, not completed yet */
} ingot_device_statistics;

ingot_status ingot_device_count(uint64_t *_Nullable count);
/* Opens the device at `index` of MTLCopyAllDevices, or the system's default for -1. */
ingot_status ingot_device_open(int64_t index, uint32_t flags, ingot_device _Nullable *_Nullable device);
ingot_status ingot_device_get_info(ingot_device _Nullable device, ingot_device_info *_Nullable info);
ingot_status ingot_device_get_statistics(ingot_device _Nullable device, ingot_device_statistics *_Nullable statistics);
/* MTLDevice.supportsFamily; `family` is the raw value of MTLGPUFamily, for example 5001 for metal3. */
ingot_status ingot_device_supports(ingot_device _Nullable device, int64_t family, uint8_t *_Nullable supported);
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
} ingot_buffer_info;

/*
 * Makes a shared buffer (MTLDevice.makeBuffer, storageModeShared). `initial_nbytes` says what `initial` holds:
 * nothing (0: the contents are undefined), one element (every element gets it), or the whole buffer (copied).
 * `contents` (may be NULL) gets the address, which holds until the handle is released and the GPU is done.
 */
ingot_status ingot_buffer_create(
    ingot_device _Nullable device, int32_t dtype, const uint64_t *_Nullable shape, uint64_t dimensions,
    const void *_Nullable initial, uint64_t initial_nbytes, const char *_Nullable label,
    ingot_buffer _Nullable *_Nullable buffer, void *_Nullable *_Nullable contents);
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
 * are, if there is no such kernel; INGOT_ERROR_PIPELINE if Metal cannot make it.
 */
ingot_status ingot_library_get_kernel(
    ingot_library _Nullable library, const char *_Nullable name, ingot_kernel _Nullable *_Nullable kernel);
ingot_status ingot_library_release(ingot_library _Nullable library);

ingot_status ingot_kernel_get_info(ingot_kernel _Nullable kernel, ingot_kernel_info *_Nullable info);
/* The argument at `position`: buffers by index, then threadgroup memory by index. */
ingot_status ingot_kernel_get_argument(
    ingot_kernel _Nullable kernel, uint64_t position, ingot_argument_info *_Nullable info);
ingot_status ingot_kernel_release(ingot_kernel _Nullable kernel);

/* ---- Encoder and submission ------------------------------------------------------------------------------ */

typedef struct ingot_encoder_handle *ingot_encoder;
typedef struct ingot_submission_handle *ingot_submission;

enum {
  INGOT_ORDERING_AUTOMATIC = 0, /* as if one after another; independent dispatches may overlap */
  INGOT_ORDERING_SERIAL = 1,    /* Metal's serial encoder */
};

enum {
  INGOT_GRID_THREADS = 0,      /* the grid counts threads; groups at its edge are smaller */
  INGOT_GRID_THREADGROUPS = 1, /* the grid counts threadgroups; all are full */
};

/*
 * Heads an inline value among the `values` of a dispatch; `nbytes` bytes follow it, unpadded: one element or several, at
 * most 4096 bytes. Heads need not be aligned.
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
  uint64_t barriers; /* that Ingot put between them */
  uint8_t is_done;
  uint8_t is_failed;
  uint8_t reserved[6];
  char label[256];
} ingot_submission_info;

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
/* Commits (MTLCommandBuffer.commit). `submission` may be NULL if nobody is going to wait. */
ingot_status ingot_encoder_commit(
    ingot_encoder _Nullable encoder, ingot_submission _Nullable *_Nullable submission);
/* Discards what was encoded, if it was not committed. */
ingot_status ingot_encoder_release(ingot_encoder _Nullable encoder);

/*
 * Waits until the submission is done: INGOT_OK, INGOT_ERROR_COMMAND_BUFFER if it failed, or INGOT_ERROR_TIMEOUT after
 * `timeout` nanoseconds (UINT64_MAX: never).
 */
ingot_status ingot_submission_wait(ingot_submission _Nullable submission, uint64_t timeout);
/* Never fails because the submission failed: `info->is_failed` says so. */
ingot_status ingot_submission_get_info(ingot_submission _Nullable submission, ingot_submission_info *_Nullable info);
ingot_status ingot_submission_release(ingot_submission _Nullable submission);

// cdef end

#ifdef __cplusplus
}
#endif

#endif
