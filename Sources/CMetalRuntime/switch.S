// mtl_fiber_switch(void **save, void *load): keeps the registers that a C function must preserve on this stack, stores
// the stack pointer in *save, takes `load` for it and restores what was kept there.
//
// The last step is a jump, not a return: the processor predicts returns from the calls it saw, which were made on
// another stack, but the target of this jump is nearly always the same.
//
// mtl_fiber_start is where a new fiber begins: the frame that fibers.c lays out leads here. It ends the chain of frames
// for debuggers and calls mtl_fiber_main, which does not return.

#if defined(__x86_64__)

  .text
  .globl mtl_fiber_switch
  .hidden mtl_fiber_switch
  .type mtl_fiber_switch, @function
  .p2align 4
mtl_fiber_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
  .size mtl_fiber_switch, . - mtl_fiber_switch

  .globl mtl_fiber_start
  .hidden mtl_fiber_start
  .type mtl_fiber_start, @function
  .p2align 4
mtl_fiber_start:
  .cfi_startproc
  .cfi_undefined %rip
  xorl %ebp, %ebp
  call mtl_fiber_main
  ud2
  .cfi_endproc
  .size mtl_fiber_start, . - mtl_fiber_start

#elif defined(__aarch64__)

  .text
  .globl mtl_fiber_switch
  .hidden mtl_fiber_switch
  .type mtl_fiber_switch, %function
  .p2align 4
mtl_fiber_switch:
  stp x19, x20, [sp, #-160]!
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x19, x20, [sp], #160
  br x30
  .size mtl_fiber_switch, . - mtl_fiber_switch

  .globl mtl_fiber_start
  .hidden mtl_fiber_start
  .type mtl_fiber_start, %function
  .p2align 4
mtl_fiber_start:
  .cfi_startproc
  .cfi_undefined x30
  mov x29, #0
  mov x30, #0
  bl mtl_fiber_main
  brk #1
  .cfi_endproc
  .size mtl_fiber_start, . - mtl_fiber_start

#else
#error "fibers exist for x86-64 and aarch64"
#endif

  .section .note.GNU-stack, "", %progbits
