// Edges of a picture, in five kernels that follow one another in one encoder.
//
// Every kernel is dispatched by threads over (width, height), so [[threads_per_grid]] is the picture's size and the
// threadgroups at the right and lower border are smaller. Pictures are rows of pixels without padding.

#include <metal_stdlib>
using namespace metal;

// Rec. 709.
constant float3 luminance_weights = float3(0.2126f, 0.7152f, 0.0722f);

// A Gaussian of sigma 1.4, cut off at 4 pixels, of sum 1: the centre and one side.
constexpr constant int radius = 4;
constant float gaussian[radius + 1] = {0.285252340f, 0.221024189f, 0.102818575f, 0.028716039f, 0.004815026f};

// The blur's threadgroups are at most this large.
constexpr constant uint tile_width = 32;
constexpr constant uint tile_height = 8;

// An octant is an eighth of a turn.
constant float octants_per_radian = 1.273239545f;

// Columns and rows to the next pixel along a gradient, by octant; opposite octants share a line.
constant int2 steps[4] = {int2(1, 0), int2(1, 1), int2(0, 1), int2(-1, 1)};

/// Red, green, blue and alpha of 0...255 to a luminance of 0...1; alpha does not count.
kernel void luminance(device const uchar4 *picture [[buffer(0)]],
                      device float *luma [[buffer(1)]],
                      uint2 position [[thread_position_in_grid]],
                      uint2 size [[threads_per_grid]])
{
    uint pixel = position.y * size.x + position.x;
    float3 colour = float3(picture[pixel].xyz) * (1.0f / 255.0f);
    luma[pixel] = dot(colour, luminance_weights);
}

/// The sum of 2 * radius + 1 values, `stride` apart, around `centre`, weighted by the Gaussian.
static float blurred(threadgroup const float *centre, int stride)
{
    float sum = gaussian[0] * centre[0];
    for (int i = 1; i <= radius; i++)
        sum += gaussian[i] * (centre[-i * stride] + centre[i * stride]);
    return sum;
}

/// Blurs along the rows. The tile has a fixed size: threadgroups of at most tile_width * tile_height.
kernel void blur_rows(device const float *input [[buffer(0)]],
                      device float *output [[buffer(1)]],
                      uint2 position [[thread_position_in_grid]],
                      uint2 size [[threads_per_grid]],
                      uint2 local [[thread_position_in_threadgroup]],
                      uint2 group [[threads_per_threadgroup]])
{
    threadgroup float tile[tile_height][tile_width + 2 * radius];

    device const float *row = input + position.y * size.x;
    int first = int(position.x - local.x) - radius;
    for (uint i = local.x; i < group.x + 2 * radius; i += group.x)
        tile[local.y][i] = row[clamp(first + int(i), 0, int(size.x) - 1)];
    threadgroup_barrier(mem_flags::mem_threadgroup);

    output[position.y * size.x + position.x] = blurred(&tile[local.y][local.x + radius], 1);
}

/// Blurs along the columns. The tile is the caller's: (group.y + 2 * radius) rows of group.x floats.
kernel void blur_columns(device const float *input [[buffer(0)]],
                         device float *output [[buffer(1)]],
                         threadgroup float *tile [[threadgroup(0)]],
                         uint2 position [[thread_position_in_grid]],
                         uint2 size [[threads_per_grid]],
                         uint2 local [[thread_position_in_threadgroup]],
                         uint2 group [[threads_per_threadgroup]])
{
    int first = int(position.y - local.y) - radius;
    for (uint i = local.y; i < group.y + 2 * radius; i += group.y) {
        uint row = clamp(first + int(i), 0, int(size.y) - 1);
        tile[i * group.x + local.x] = input[row * size.x + position.x];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    threadgroup const float *centre = tile + (local.y + radius) * group.x + local.x;
    output[position.y * size.x + position.x] = blurred(centre, int(group.x));
}

/// Magnitude of the gradient, a step from black to white being 1, and its direction in radians, rows counting downwards.
kernel void sobel(device const float *input [[buffer(0)]],
                  device float *magnitude [[buffer(1)]],
                  device float *direction [[buffer(2)]],
                  uint2 position [[thread_position_in_grid]],
                  uint2 size [[threads_per_grid]])
{
    float3 above, here, below;
    for (int i = 0; i < 3; i++) {
        uint x = clamp(int(position.x) + i - 1, 0, int(size.x) - 1);
        above[i] = input[(position.y == 0 ? 0 : position.y - 1) * size.x + x];
        here[i] = input[position.y * size.x + x];
        below[i] = input[min(position.y + 1, size.y - 1) * size.x + x];
    }
    float3 smooth_rows = above + 2.0f * here + below;
    float3 change = below - above;
    float2 gradient = float2(smooth_rows.z - smooth_rows.x, change.x + 2.0f * change.y + change.z) / 4.0f;

    uint pixel = position.y * size.x + position.x;
    magnitude[pixel] = length(gradient);
    // Of fast maths atan2 is undefined where a coordinate is 0, as it is along every upright or level edge.
    direction[pixel] = precise::atan2(gradient.y, gradient.x);
}

/// The magnitude at a place, or 0 outside the picture.
static float magnitude_at(device const float *magnitude, int2 place, int2 size)
{
    bool inside = all(place >= 0) && all(place < size);
    return inside ? magnitude[place.y * size.x + place.x] : 0.0f;
}

/// Keeps the magnitude where it is at least `threshold` and a maximum along its gradient; 0 elsewhere.
kernel void thin(device const float *magnitude [[buffer(0)]],
                 device const float *direction [[buffer(1)]],
                 device float *edges [[buffer(2)]],
                 constant float &threshold [[buffer(3)]],
                 uint2 position [[thread_position_in_grid]],
                 uint2 size [[threads_per_grid]])
{
    uint pixel = position.y * size.x + position.x;
    int2 step = steps[int(rint(direction[pixel] * octants_per_radian)) & 3];
    float before = magnitude_at(magnitude, int2(position) - step, int2(size));
    float after = magnitude_at(magnitude, int2(position) + step, int2(size));
    float value = magnitude[pixel];
    // Of two equal neighbours the first one stays, so that a plateau leaves one line.
    edges[pixel] = value >= threshold && value > before && value >= after ? value : 0.0f;
}
