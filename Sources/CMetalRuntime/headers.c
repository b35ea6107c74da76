// The MSL headers as text, so that the library needs no file beside it.
#include "metal_runtime.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// Every text ends in a zero byte, which its length does not count.
static const char metal_runtime[] = {
#embed "include/metal_runtime.h"
    , 0};
static const char msl_shim[] = {
#embed "msl/msl_shim.h"
    , 0};
static const char types[] = {
#embed "msl/types.h"
    , 0};
static const char traits[] = {
#embed "msl/traits.h"
    , 0};
static const char limits[] = {
#embed "msl/limits.h"
    , 0};
static const char concepts[] = {
#embed "msl/concepts.h"
    , 0};
static const char conversions[] = {
#embed "msl/conversions.h"
    , 0};
static const char swizzles[] = {
#embed "msl/swizzles.h"
    , 0};
static const char vectors[] = {
#embed "msl/vectors.h"
    , 0};
static const char vector_operators[] = {
#embed "msl/vector_operators.h"
    , 0};
static const char packed[] = {
#embed "msl/packed.h"
    , 0};
static const char array[] = {
#embed "msl/array.h"
    , 0};
static const char lift[] = {
#embed "msl/lift.h"
    , 0};
static const char relational[] = {
#embed "msl/relational.h"
    , 0};
static const char math_core[] = {
#embed "msl/math_core.h"
    , 0};
static const char exponential[] = {
#embed "msl/exponential.h"
    , 0};
static const char trigonometric[] = {
#embed "msl/trigonometric.h"
    , 0};
static const char math[] = {
#embed "msl/math.h"
    , 0};
static const char common[] = {
#embed "msl/common.h"
    , 0};
static const char integer[] = {
#embed "msl/integer.h"
    , 0};
static const char geometric[] = {
#embed "msl/geometric.h"
    , 0};
static const char modes[] = {
#embed "msl/modes.h"
    , 0};
static const char pack[] = {
#embed "msl/pack.h"
    , 0};
static const char synchronisation[] = {
#embed "msl/synchronisation.h"
    , 0};
static const char function_constants[] = {
#embed "msl/function_constants.h"
    , 0};
static const char entry[] = {
#embed "msl/entry.h"
    , 0};
static const char reflection[] = {
#embed "msl/reflection.h"
    , 0};

#define HEADER(text) {#text ".h", text, sizeof text - 1}

const mtl_header mtl_headers[] = {
    HEADER(metal_runtime),
    HEADER(msl_shim),
    HEADER(types),
    HEADER(traits),
    HEADER(limits),
    HEADER(concepts),
    HEADER(conversions),
    HEADER(swizzles),
    HEADER(vectors),
    HEADER(vector_operators),
    HEADER(packed),
    HEADER(array),
    HEADER(lift),
    HEADER(relational),
    HEADER(math_core),
    HEADER(exponential),
    HEADER(trigonometric),
    HEADER(math),
    HEADER(common),
    HEADER(integer),
    HEADER(geometric),
    HEADER(modes),
    HEADER(pack),
    HEADER(synchronisation),
    HEADER(function_constants),
    HEADER(entry),
    HEADER(reflection),
    {0, 0, 0},
};

const mtl_header *mtl_header_list(void) { return mtl_headers; }
