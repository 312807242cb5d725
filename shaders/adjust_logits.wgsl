// out[r, id] = f(logits[r, id]) where row r has an entry for the id, else logits[r, id]:
//   x = logit + bias; if seen: x > 0 ? x / repetition : x * repetition; x -= count > 0 ? presence : 0;
//   x -= count * frequency; if masked: MASKED.
//   logits[R, V], rows[R, ROW_WORDS] (see there), entries[E, 4] = (id, count in the output, bias, flags), at most one for
//   an id and row, next_tokens[X], out[R, V]. The newest id of a row may be on the GPU only: it counts once more.
// Lowering the logits of ids that the text already has makes repetition less likely; a mask makes an id impossible. A row
// has entries for few ids, so all logits are copied first and those few are adjusted after.
// One workgroup a row; grid: (R).

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> entries: array<vec4u>;
@group(0) @binding(3) var<storage, read> next_tokens: array<i32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

// Logits that a lane loads before it stores one: a GPU waits as long for one as for many.
const LOADS = u32(constants::LOADS);

// Words of a row of `rows`. Its entries are FIRST_ENTRY .. END_ENTRY; the penalties are the bits of f32.
const FIRST_ENTRY = 0u;
const END_ENTRY = 1u;
const REPETITION = 2u;
const PRESENCE = 3u;
const FREQUENCY = 4u;
// Where in next_tokens the newest id of the output is, or NO_SLOT where the entries count it.
const NEWEST_SLOT = 5u;
const ROW_WORDS = 6u;
const NO_SLOT = 0xffffffffu;

// Flags of an entry: the repetition penalty applies; the id must not be drawn.
const SEEN = 1u;
const MASKED = 2u;

const NO_ID = 0xffffffffu;
const EXPONENT = 0x7f800000u;
// Biases and the other penalties are too small to carry a logit from here to infinity.
const LIMIT = 3.4e38;
const SMALLEST_NORMAL = 0x1p-126;

// 1 where the newest id has an entry.
var<workgroup> has_entry: atomic<u32>;

fn adjust(logit: f32, row: u32, count: u32, bias: f32, flags: u32) -> f32 {
  // The sampler must find a logit that is not finite.
  if ((bitcast<u32>(logit) & EXPONENT) == EXPONENT) { return logit; }
  if ((flags & MASKED) != 0u) { return -LIMIT; }
  var x = logit + bias;
  // Adapters may flush smaller penalties to 0, and divide by 1 with an error.
  let repetition = max(bitcast<f32>(rows[row + REPETITION]), SMALLEST_NORMAL);
  if ((flags & SEEN) != 0u && repetition != 1.0) {
    x = clamp(select(x * repetition, x / repetition, x > 0.0), -LIMIT, LIMIT);
  }
  if (count > 0u) { x -= bitcast<f32>(rows[row + PRESENCE]); }
  return fma(-f32(count), bitcast<f32>(rows[row + FREQUENCY]), x);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.x * params.V;
  let row = workgroup.x * ROW_WORDS;
  var newest = NO_ID;
  if (rows[row + NEWEST_SLOT] != NO_SLOT) { newest = u32(next_tokens[rows[row + NEWEST_SLOT]]); }

  // Not every implementation zeroes workgroup memory.
  if (lane == 0u) { atomicStore(&has_entry, 0u); }
  workgroupBarrier();
  var first = lane;
  for (; first + (LOADS - 1u) * LANES < params.V; first += LOADS * LANES) {
    var loaded: array<f32, LOADS>;
    for (var i = 0u; i < LOADS; i++) { loaded[i] = logits[start + first + i * LANES]; }
    for (var i = 0u; i < LOADS; i++) { out[start + first + i * LANES] = loaded[i]; }
  }
  for (var id = first; id < params.V; id += LANES) { out[start + id] = logits[start + id]; }
  storageBarrier();
  for (var e = rows[row + FIRST_ENTRY] + lane; e < rows[row + END_ENTRY]; e += LANES) {
    let entry = entries[e];
    let id = entry.x;
    var count = entry.y;
    var flags = entry.w;
    if (id == newest) {
      count++;
      flags |= SEEN;
      atomicStore(&has_entry, 1u);
    }
    out[start + id] = adjust(logits[start + id], row, count, bitcast<f32>(entry.z), flags);
  }
  workgroupBarrier();
  if (lane == 0u && newest != NO_ID && atomicLoad(&has_entry) == 0u) {
    out[start + newest] = adjust(logits[start + newest], row, 1u, 0.0, SEEN);
  }
}
