#define _GNU_SOURCE
#include "divide.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
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

static uintptr_t value(const greg_t *values, unsigned number, unsigned extension) {
  return (uintptr_t)values[registers[number | (extension ? 8 : 0)]];
}

// Base and index of a memory operand whose ModRM byte is followed by a SIB byte.
static uintptr_t scaled_address(uint8_t sib, bool no_base, unsigned rex, const greg_t *values) {
  unsigned index = sib >> 3 & 7;
  uintptr_t address = no_base ? 0 : value(values, sib & 7, rex & 1);
  return index == 4 && !(rex & 2) ? address : address + (value(values, index, rex & 2) << (sib >> 6));
}

// The memory operand whose ModRM byte is at code[d->length]; sets the length of the instruction, which it ends.
static void decode_memory(const uint8_t *code, unsigned rex, const greg_t *values, division *d) {
  uint8_t modrm = code[d->length++];
  unsigned mode = modrm >> 6, base = modrm & 7;
  bool has_sib = base == 4;
  uint8_t sib = has_sib ? code[d->length++] : 0;
  bool no_base = mode == 0 && (has_sib ? sib & 7 : base) == 5;
  if (has_sib) d->address = scaled_address(sib, no_base, rex, values);
  else if (!no_base) d->address = value(values, base, rex & 1);

  unsigned displacement = mode == 1 ? 1 : mode == 2 || no_base ? 4 : 0;
  if (displacement == 1) d->address += (uintptr_t)(intptr_t)(int8_t)code[d->length];
  if (displacement == 4) d->address += (uintptr_t)(intptr_t)signed_32(code + d->length);
  d->length += displacement;
  d->is_memory = true;
  // Without base and SIB the displacement counts from the next instruction.
  if (no_base && !has_sib) d->address += (uintptr_t)values[REG_RIP] + d->length;
}

// The register that the ModRM byte at code[d->length] names.
static void decode_register(const uint8_t *code, unsigned rex, division *d) {
  d->register_number = (code[d->length++] & 7) | (rex & 1) << 3;
  // Without a REX prefix the byte registers 4 to 7 are the second bytes of the first four.
  d->is_second_byte = d->bytes == 1 && rex == 0 && d->register_number > 3;
  if (d->is_second_byte) d->register_number -= 4;
}

static bool is_prefix(uint8_t byte) {
  return byte == 0x66 || byte == 0x2e || byte == 0x3e || byte == 0xf2 || byte == 0xf3;
}

// DIV and IDIV: F6 and F7 with 6 and 7 in the middle of the ModRM byte.
static bool decode(const uint8_t *code, const greg_t *values, division *d) {
  unsigned i = 0, rex = 0;
  bool short_operands = false;
  while (is_prefix(code[i])) short_operands |= code[i++] == 0x66;
  if ((code[i] & 0xf0) == 0x40) rex = code[i++];
  uint8_t opcode = code[i++];
  if ((opcode != 0xf6 && opcode != 0xf7) || (code[i] >> 3 & 7) < 6) return false;
  *d = (division){.length = i, .bytes = opcode == 0xf6 ? 1 : rex & 8 ? 8 : short_operands ? 2 : 4};
  if (code[i] >> 6 == 3) decode_register(code, rex, d);
  else decode_memory(code, rex, values, d);
  return true;
}

static uint64_t low_bytes(uint64_t value, unsigned bytes) {
  return bytes == 8 ? value : value & ((1ull << bytes * 8) - 1);
}

static uint64_t divisor(const division *d, const greg_t *values) {
  uint64_t found = 0;
  if (d->is_memory) memcpy(&found, (const void *)d->address, d->bytes);
  else found = (uint64_t)values[registers[d->register_number]] >> (d->is_second_byte ? 8 : 0);
  return low_bytes(found, d->bytes);
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
