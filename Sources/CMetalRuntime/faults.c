#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "divide.h"

#define HANDLED 5
static const int handled[HANDLED] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
static struct sigaction previous[HANDLED];
static int stop_signal;

// MARK: In the handlers

static uintptr_t stack_pointer(const ucontext_t *context) {
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
  return (uintptr_t)context->uc_mcontext.sp;
#endif
}

static uintptr_t program_counter(const ucontext_t *context) {
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
  return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static _Noreturn void leave_kernel(mtl_worker *worker, mtl_u32 fault, void *address, const ucontext_t *context) {
  worker->fault = fault;
  worker->fault_address = address;
  atomic_store(&worker->job, NULL);
  pthread_sigmask(SIG_SETMASK, &context->uc_sigmask, NULL);
  siglongjmp(worker->recovery, 1);
}

// A fault beside the stack pointer is an overflow too: the guard page of a stack that is not one of the fibers'.
static bool is_overflow(const mtl_worker *worker, const void *address, const ucontext_t *context) {
  const uintptr_t near = 64 << 10;
  uintptr_t distance = stack_pointer(context) - (uintptr_t)address;
  return mtl_fibers_overflowed(worker->fibers, address) || distance < near || -distance < near;
}

static mtl_u32 classify(int signal, const mtl_worker *worker, const void *address, const ucontext_t *context) {
  if (signal == SIGFPE || signal == SIGILL || signal == SIGTRAP) return MTL_FAULT_INSTRUCTION;
  return is_overflow(worker, address, context) ? MTL_FAULT_STACK : MTL_FAULT_ADDRESS;
}

// As if our handler had not been there.
static void chain(const struct sigaction *old, int signal, siginfo_t *info, void *context) {
  if (old->sa_flags & SA_SIGINFO) {
    old->sa_sigaction(signal, info, context);
  } else if (old->sa_handler == SIG_DFL) {
    // A fault happens again when this returns; a signal that someone sent, and a breakpoint, must be sent again.
    sigaction(signal, old, NULL);
    if (info->si_code <= 0 || signal == SIGTRAP) raise(signal);
  } else if (old->sa_handler != SIG_IGN) {
    old->sa_handler(signal);
  }
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  mtl_worker *worker = info->si_code > 0 ? mtl_worker_in_kernel() : NULL;
  if (worker) {
    if (signal == SIGFPE && mtl_divide_mend(context)) return;
    leave_kernel(worker, classify(signal, worker, info->si_addr, context), info->si_addr, context);
  }
  for (int i = 0; i < HANDLED; i++)
    if (handled[i] == signal) chain(&previous[i], signal, info, context);
  errno = saved;
}

// Only in the kernel's own code: in a library function the thread may hold a lock. The watchdog tries again.
static void on_stop(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  mtl_worker *worker = mtl_worker_in_kernel();
  if (!worker) return;
  mtl_job *job = atomic_load(&worker->job);
  uintptr_t begin = (uintptr_t)job->kernel->code_begin, end = (uintptr_t)job->kernel->code_end;
  bool inside = end == 0 || program_counter(context) - begin < end - begin;
  if (atomic_load(&job->expired) && inside) leave_kernel(worker, MTL_FAULT_TIMEOUT, NULL, context);
}

// MARK: Preparation

// A real-time signal that nobody else has taken. Programs take them from either end, and emulators lack the last ones.
static int choose_stop_signal(void) {
  for (int signal = (SIGRTMIN + SIGRTMAX) / 2; signal > SIGRTMIN; signal--) {
    struct sigaction current;
    if (sigaction(signal, NULL, &current) == 0 && !(current.sa_flags & SA_SIGINFO) && current.sa_handler == SIG_DFL)
      return signal;
  }
  return SIGRTMAX;
}

static void install(void) {
  struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&fault.sa_mask);
  for (int i = 0; i < HANDLED; i++) sigaction(handled[i], &fault, &previous[i]);
  struct sigaction stop = {.sa_sigaction = on_stop, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
  sigemptyset(&stop.sa_mask);
  stop_signal = choose_stop_signal();
  sigaction(stop_signal, &stop, NULL);
}

int mtl_faults_stop_signal(void) { return stop_signal; }

void mtl_faults_block_others(sigset_t *previous_mask) {
  sigset_t mask;
  sigfillset(&mask);
  for (int i = 0; i < HANDLED; i++) sigdelset(&mask, handled[i]);
  sigdelset(&mask, SIGABRT);
  sigdelset(&mask, stop_signal);
  pthread_sigmask(SIG_SETMASK, &mask, previous_mask);
}

// MARK: Alternate stacks

enum { ALTERNATE_STACK = 64 << 10 };

static pthread_key_t stack_key;
static _Thread_local bool thread_is_prepared;

static void free_stack(void *stack) {
  stack_t current;
  if (sigaltstack(NULL, &current) == 0 && current.ss_sp == stack)
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
  munmap(stack, ALTERNATE_STACK);
}

static void install_and_make_key(void) {
  pthread_key_create(&stack_key, free_stack);
  install();
}

static bool give_stack(void) {
  stack_t current;
  if (sigaltstack(NULL, &current) == 0 && !(current.ss_flags & SS_DISABLE)) return true;
  void *stack = mmap(NULL, ALTERNATE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return false;
  if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = ALTERNATE_STACK}, NULL) != 0) {
    munmap(stack, ALTERNATE_STACK);
    return false;
  }
  pthread_setspecific(stack_key, stack);
  return true;
}

bool mtl_faults_prepare_thread(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (thread_is_prepared) return true;
  pthread_once(&once, install_and_make_key);
  if (!give_stack()) return false;
  // Threads of a dispatch queue block it.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, stop_signal);
  pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
  thread_is_prepared = true;
  return true;
}
