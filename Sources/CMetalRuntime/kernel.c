#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

#include "metal_runtime.h"

static const char *end_of(const struct dl_phdr_info *object, const ElfW(Phdr) * segment) {
  return (const char *)object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
}

static void read_segments(const struct dl_phdr_info *object, mtl_kernel *kernel) {
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    const char *begin = (const char *)object->dlpi_addr + segment->p_vaddr;
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && (const char *)kernel->entry >= begin &&
        (const char *)kernel->entry < end_of(object, segment)) {
      kernel->code_begin = begin;
      kernel->code_end = end_of(object, segment);
    }
    if (segment->p_type == PT_TLS) {
      kernel->thread_local_module = object->dlpi_tls_modid;
      kernel->thread_local_bytes = segment->p_memsz;
    }
  }
}

static int visit(struct dl_phdr_info *object, size_t size, void *argument) {
  (void)size;
  mtl_kernel found = *(mtl_kernel *)argument;
  read_segments(object, &found);
  if (!found.code_end) return 0;
  *(mtl_kernel *)argument = found;
  return 1;
}

mtl_kernel mtl_kernel_load(void *object, const char *symbol, mtl_u32 entry_kind, mtl_u32 stack_bytes) {
  mtl_kernel kernel = {.entry = dlsym(object, symbol), .entry_kind = entry_kind, .stack_bytes = stack_bytes};
  const mtl_runtime_table **table = dlsym(object, "mtl_runtime");
  if (!kernel.entry || !table) return (mtl_kernel){0};
  // Others may load the same object at the same time.
  __atomic_store_n(table, &mtl_host_runtime, __ATOMIC_RELAXED);
  dl_iterate_phdr(visit, &kernel);
  return kernel;
}

const char *mtl_image_path(void) {
  Dl_info image;
  return dladdr(&mtl_host_runtime, &image) && image.dli_fname ? image.dli_fname : "";
}
