#define _GNU_SOURCE
#include "divide.h"

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#if defined(__x86_64__)

typedef struct {
  unsigned bytes;   // of an operand
  unsigned length;  // of the instruction
  bool is_memory, is_second_byte;
  unsigned register_number;
  uintptr_t address;
} division;

// The numbers of the registers in instructions, in the order of the context.
static const int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static int32_t signed_32(const uint8_t *code) {
  return (int32_t)((uint32_t)code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24);
}

// The memory operand behind a ModRM byte: base, index and displacement. Returns its bytes.
static unsigned decode_address(const uint8_t *modrm, unsigned rex, const greg_t *values, division *d) {
  unsigned mode = modrm[0] >> 6, base = modrm[0] & 7, length = 1;
  uintptr_t address = 0;
  bool no_base = mode == 0 && base == 5; // relative to the next instruction, or absolute
  bool relative = no_base;
  if (base == 4) {
    uint8_t sib = modrm[length++];
    unsigned index = (sib >> 3 & 7) | (rex & 2) << 2;
    if (index != 4) address += (uintptr_t)values[registers[index]] << (sib >> 6);
    base = sib & 7;
    no_base = mode == 0 && base == 5;
  }
  if (!no_base) address += (uintptr_t)values[registers[base | (rex & 1) << 3]];
  if (mode == 1) {
    address += (uintptr_t)(intptr_t)(int8_t)modrm[length++];
  } else if (mode == 2 || no_base) {
    address += (uintptr_t)(intptr_t)signed_32(modrm + length);
    length += 4;
  }
  d->address = address;
  d->is_memory = true;
  return relative ? length | 0x100 : length;
}

// DIV and IDIV: F6 and F7 with 6 and 7 in the middle of the ModRM byte.
static bool decode(const uint8_t *code, const greg_t *values, division *d) {
  unsigned i = 0, rex = 0;
  bool short_operands = false;
  while (code[i] == 0x66 || code[i] == 0x2e || code[i] == 0x3e || code[i] == 0xf2 || code[i] == 0xf3)
    short_operands |= code[i++] == 0x66;
  if ((code[i] & 0xf0) == 0x40) rex = code[i++];
  uint8_t opcode = code[i++];
  uint8_t operation = code[i] >> 3 & 7;
  if ((opcode != 0xf6 && opcode != 0xf7) || operation < 6) return false;
  *d = (division){0};
  d->bytes = opcode == 0xf6 ? 1 : rex & 8 ? 8 : short_operands ? 2 : 4;
  if (code[i] >> 6 == 3) {
    d->register_number = (code[i] & 7) | (rex & 1) << 3;
    d->length = i + 1;
    // Without a REX prefix the byte registers 4 to 7 are the second bytes of the first four.
    d->is_second_byte = d->bytes == 1 && rex == 0 && d->register_number > 3;
    if (d->is_second_byte) d->register_number -= 4;
    return true;
  }
  unsigned operand = decode_address(code + i, rex, values, d);
  d->length = i + (operand & 0xff);
  if (operand & 0x100) d->address += (uintptr_t)values[REG_RIP] + d->length;
  return true;
}

static uint64_t low_bytes(uint64_t value, unsigned bytes) {
  return bytes == 8 ? value : value & ((1ull << bytes * 8) - 1);
}

static uint64_t divisor(const division *d, const greg_t *values) {
  uint64_t value = (uint64_t)values[registers[d->register_number]];
  if (d->is_second_byte) value >>= 8;
  if (d->is_memory) {
    value = 0;
    for (unsigned i = 0; i < d->bytes; i++) value |= (uint64_t)((const uint8_t *)d->address)[i] << i * 8;
  }
  return low_bytes(value, d->bytes);
}

static void set_low_bytes(greg_t *target, uint64_t value, unsigned bytes) {
  uint64_t mask = bytes == 8 ? ~0ull : (1ull << bytes * 8) - 1;
  // Writing four bytes clears the upper four.
  *target = (greg_t)(bytes == 4 ? value & mask : ((uint64_t)*target & ~mask) | (value & mask));
}

static void set_result(const division *d, greg_t *values, uint64_t quotient, uint64_t remainder) {
  if (d->bytes == 1) {
    set_low_bytes(&values[REG_RAX], low_bytes(remainder, 1) << 8 | low_bytes(quotient, 1), 2);
  } else {
    set_low_bytes(&values[REG_RAX], quotient, d->bytes);
    set_low_bytes(&values[REG_RDX], remainder, d->bytes);
  }
}

bool mtl_divide_mend(void *ucontext) {
  greg_t *values = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
  division d;
  if (!decode((const uint8_t *)values[REG_RIP], values, &d)) return false;
  uint64_t by = divisor(&d, values), dividend = (uint64_t)values[REG_RAX];
  if (d.bytes == 1) dividend = (uint64_t)(int64_t)(int16_t)dividend;
  if (by == 0) set_result(&d, values, 0, dividend);
  else set_result(&d, values, dividend, 0);
  values[REG_RIP] += d.length;
  return true;
}

#else

bool mtl_divide_mend(void *ucontext) {
  (void)ucontext;
  return false;
}

#endif
