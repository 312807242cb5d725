// Generated from shaders/*.wgsl by `npm run build:shaders`: change those.

/** Text of every file in `shaders/`, by file name without extension. */
export const SHADER_TEXTS: Readonly<Record<string, string>> = {
  activation: `// Activations of the MLP. Finite for every finite x: exp's argument is clamped, and drivers' tanh (which returns NaN beyond
// |88|) is not used. Of NaN all are NaN, and of -inf those that multiply it by 0: clamps and maxima must not make a number
// of what is none.

const SQRT_2_OVER_PI = 0.7978845608028654;
const GELU_CUBIC = 0.044715;
// exp(EXP_LIMIT) is still finite, and 1 / (1 + exp(EXP_LIMIT)) has left every digit of f32.
const EXP_LIMIT = 87.0;
// Bits of +inf, the largest exponent, and those of a NaN.
const INFINITY = 0x7f800000u;
const QUIET_NAN = 0x7fc00000u;
const SIGN = 0x80000000u;
// Beyond this x^3 may overflow; the result is x or 0 long before.
const X_LIMIT = 1e4;

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & ~SIGN) > INFINITY;
}

// y, or NaN where x is NaN or -inf. By bits, for compilers may take all floats for finite.
fn unless_broken(x: f32, y: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return bitcast<f32>(select(bitcast<u32>(y), bits | QUIET_NAN, is_nan(x) || bits == (INFINITY | SIGN)));
}

// 0.5 x (1 + tanh u) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3): Hendrycks and Gimpel 2016, tanh form.
fn gelu_new(x: f32) -> f32 {
  let c = clamp(x, -X_LIMIT, X_LIMIT);
  let u = SQRT_2_OVER_PI * fma(GELU_CUBIC * c * c, c, c);
  let e = -2.0 * u;
  // The factor is 0 in f32 here, and x · exp(-87) would not be.
  return unless_broken(x, select(x / (1.0 + exp(min(e, EXP_LIMIT))), 0.0, e > EXP_LIMIT));
}

// erfc(z) for z >= 0, relative error below 1.2e-7: Numerical Recipes in C, 2nd edition, section 6.2 (erfcc).
fn erfc_positive(z: f32) -> f32 {
  let t = 1.0 / fma(0.5, z, 1.0);
  var p = fma(t, 0.17087277, -0.82215223);
  p = fma(t, p, 1.48851587);
  p = fma(t, p, -1.13520398);
  p = fma(t, p, 0.27886807);
  p = fma(t, p, -0.18628806);
  p = fma(t, p, 0.09678418);
  p = fma(t, p, 0.37409196);
  p = fma(t, p, 1.00002368);
  p = fma(t, p, -1.26551223);
  return t * exp(max(fma(-z, z, p), -EXP_LIMIT));
}

// x Phi(x) with Phi by erfc of |x|, so that the negative tail does not cancel.
fn gelu(x: f32) -> f32 {
  let z = min(abs(x) * 0.7071067811865476, 20.0);
  let tail = 0.5 * erfc_positive(z);
  return unless_broken(x, select(x * (1.0 - tail), select(x * tail, 0.0, x < -13.0), x < 0.0));
}

// x sigmoid(x) = x / (1 + exp(-x)): Elfwing et al. 2017.
fn silu(x: f32) -> f32 {
  return unless_broken(x, select(x / (1.0 + exp(min(-x, EXP_LIMIT))), 0.0, x < -EXP_LIMIT));
}

fn relu(x: f32) -> f32 {
  return select(max(x, 0.0), x, is_nan(x));
}
`,
  adjust_logits: `// out[r, id] = f(logits[r, id]) where row r has an entry for the id, else logits[r, id]:
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

// Words of a row of \`rows\`. Its entries are FIRST_ENTRY .. END_ENTRY; the penalties are the bits of f32.
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
`,
  attention_abreast: `import package::attention_inputs::{
  D, KEYS, LANES, QUADS, Q_QUADS, Queries, ROWS, VECS, dot_on, has_row, key_row, kv, load_q, quad_of, queries_of, row_of, sees,
  sees_some, values_offset
};
import package::softmax_fold::{GROUP_SPLITS, MASKED, SPLIT_KEYS, fold, fold4, fold_weights};

// Causal attention of query rows over a paged KV cache; the rows' own keys are in the cache already.
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, g, :]) v[j, g, :], g = h / SHARE, positions[t] - window < j <= positions[t];
//   shapes: see attention_inputs.
// For GPUs, which are fast only with many loads under way: the tiles of a split side by side, a lane a key; then lanes over
// (tile, rows, vectors of v). Loads come LOADS at a time before the first of them is used.
// Determinism: keys in tiles of KEYS at absolute multiples of KEYS; inside a tile the dot over d, the sum of p and
// fma(p, v, o) ascend; tiles are added in ascending order; maxima and sums restart every SPLIT_KEYS keys, splits are folded in
// ascending order inside their groups, and then groups. A tile's sums are complete in one lane, however many lie side by side.
// Arrays in loops have initializers: without one, Dawn keeps the last turn's values.
// One workgroup a (query tile, head of keys, ROWS rows); grid: (tiles from \`first\` on, G for each ROWS rows of a tile, splits,
// 1 without SPLIT).

@if(SPLIT) @group(0) @binding(6) var<storage, read_write> partials: array<f32>;
@if(!SPLIT) @group(0) @binding(6) var<storage, read_write> out: array<f32>;

const LOADS = constants::LOADS;
const TILES = constants::LANES / constants::KEYS;
// Parts of a tile whose maxima are found first, for each row by one lane a part.
const PARTS = min(constants::KEYS / constants::ROWS, 8);
const PART_KEYS = constants::KEYS / PARTS;
// Lanes over the vectors of a value, a power of two: the lanes of a tile are groups of them, each with LANE_ROWS rows.
const VEC_LANES = min(constants::KEYS, i32(1u << (32u - countLeadingZeros(u32(VECS - 1)))));
const LANE_ROWS = max(constants::ROWS * VEC_LANES / constants::KEYS, 1);
// Vectors of o that a lane has in each row, and the quads in them.
const VECS_PER_LANE = (VECS + VEC_LANES - 1) / VEC_LANES;
const O_QUADS = VECS_PER_LANE * QUADS;
// Lanes whose tile is not the first hand over their sums.
const HANDED = max((TILES - 1) * constants::KEYS, 1);

var<workgroup> q: array<vec4f, ROWS * Q_QUADS>;
var<workgroup> key_rows: array<u32, LANES>;
// Scores of each key and row, then the weights.
var<workgroup> weights: array<f32, LANES * ROWS>;
// Greatest score of each row and tile in each part.
var<workgroup> part_maxima: array<f32, ROWS * TILES * PARTS>;
// Running maximum of each tile and row, up to that tile.
var<workgroup> maxima: array<f32, TILES * ROWS>;
var<workgroup> handed_l: array<f32, LANE_ROWS * HANDED>;
var<workgroup> handed_o: array<vec4f, LANE_ROWS * O_QUADS * HANDED>;

// Running softmax of the rows of a lane: the greatest score m, the sum of exp(score - m), and the lane's quads of the sum of
// exp(score - m) v.
struct Softmax {
  m: array<f32, LANE_ROWS>,
  l: array<f32, LANE_ROWS>,
  o: array<vec4f, LANE_ROWS * O_QUADS>,
}

// Place of a lane among those that sum values.
struct Place {
  tile: u32,
  // Among the lanes of the tile.
  lane: u32,
  first_row: u32,
  vec: u32,
}

// Keys of a split: from \`first\` on, \`count\` of them.
struct Span {
  first: u32,
  count: u32,
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let queries = queries_of(workgroup);
  for (var n = 0u; n < (ROWS * Q_QUADS + LANES - 1) / LANES; n++) {
    let i = lane + n * LANES;
    if (i < ROWS * Q_QUADS) { q[i] = load_q(queries, i / Q_QUADS, i % Q_QUADS); }
  }
  let place = place_of(lane);
  // Splits of which no row sees a key have nothing to do.
  var first_split = queries.first / SPLIT_KEYS;
  var end_split = (queries.end + SPLIT_KEYS - 1u) / SPLIT_KEYS;
  @if(SPLIT) first_split = max(first_split, workgroup.z);
  @if(SPLIT) end_split = min(end_split, workgroup.z + 1u);

  @if(!SPLIT) var folded = over_nothing();
  @if(!SPLIT) var group = over_nothing();
  for (var index = first_split; index < end_split; index++) {
    let span = Span(index * SPLIT_KEYS, min(SPLIT_KEYS, queries.end - index * SPLIT_KEYS));
    workgroupBarrier();
    score(queries, span, lane);
    workgroupBarrier();
    weigh(queries, span, lane);
    workgroupBarrier();
    var tile = sum_values(queries, span, place);
    hand_over(&tile, place);
    workgroupBarrier();
    var split = over_nothing();
    if (place.tile == 0u) { add_tiles(&split, &tile, queries, span, place); }
    @if(SPLIT) if (place.tile == 0u) { write_partials(&split, queries, index, place); }
    @if(!SPLIT) fold_on(&group, &split, queries, place, index * SPLIT_KEYS, SPLIT_KEYS);
    @if(!SPLIT) if ((index + 1u) % GROUP_SPLITS == 0u || index + 1u == end_split) {
      fold_on(&folded, &group, queries, place, (index - index % GROUP_SPLITS) * SPLIT_KEYS, GROUP_SPLITS * SPLIT_KEYS);
      group = over_nothing();
    }
  }
  @if(!SPLIT) if (place.tile == 0u) { write_out(&folded, queries, place); }
}

fn over_nothing() -> Softmax {
  var softmax = Softmax();
  for (var r = 0; r < LANE_ROWS; r++) { softmax.m[r] = MASKED; }
  return softmax;
}

fn place_of(lane: u32) -> Place {
  let of_tile = lane % KEYS;
  return Place(lane / KEYS, of_tile, of_tile / u32(VEC_LANES) * u32(LANE_ROWS), of_tile % u32(VEC_LANES));
}

// Scores of the lane's key.
fn score(queries: Queries, span: Span, lane: u32) {
  let row = key_row(queries, span.first + lane);
  key_rows[lane] = row;
  var s = array<f32, ROWS>();
  // Single loads are not to be unrolled: params.W is as long as a row, but no constant.
  let end_vec = select(VECS / LOADS * LOADS, params.W / 4u, LOADS == 1);
  for (var v = 0u; v < end_vec; v += LOADS) {
    var k = array<vec4u, LOADS>();
    for (var i = 0; i < LOADS; i++) { k[i] = kv[row + v + u32(i)]; }
    for (var i = 0; i < LOADS; i++) { score_vec(&s, k[i], v + u32(i)); }
  }
  var k = array<vec4u, max(VECS % LOADS, 1)>();
  for (var i = 0; i < VECS % LOADS; i++) { k[i] = kv[row + u32(VECS / LOADS * LOADS + i)]; }
  for (var i = 0; i < VECS % LOADS; i++) { score_vec(&s, k[i], u32(VECS / LOADS * LOADS + i)); }
  for (var r = 0; r < ROWS; r++) {
    let visible = lane < span.count && sees(queries, r, span.first + lane);
    weights[lane * ROWS + u32(r)] = select(MASKED, s[r] * params.scale, visible);
  }
}

// Adds vector v of the key to the dots with all rows.
fn score_vec(s: ptr<function, array<f32, ROWS>>, words: vec4u, v: u32) {
  for (var i = 0; i < QUADS; i++) {
    let k = quad_of(words, i);
    for (var r = 0; r < ROWS; r++) { (*s)[r] = dot_on(q[u32(r * Q_QUADS + i) + v * QUADS], k, (*s)[r]); }
  }
}

// Weights of a row for ROWS keys of a tile, from their scores.
fn weigh(queries: Queries, span: Span, lane: u32) {
  let tile = lane / KEYS;
  let of_tile = lane % KEYS;
  if (of_tile < ROWS * PARTS) {
    var part_max = MASKED;
    for (var i = 0; i < PART_KEYS; i++) {
      let j = tile * KEYS + of_tile % PARTS * u32(PART_KEYS) + u32(i);
      part_max = max(part_max, weights[j * ROWS + of_tile / PARTS]);
    }
    part_maxima[(of_tile / PARTS * TILES + tile) * PARTS + of_tile % PARTS] = part_max;
  }
  workgroupBarrier();
  let row = of_tile / (KEYS / ROWS);
  var running = MASKED;
  var tile_max = MASKED;
  for (var t = 0u; t < TILES; t++) {
    for (var part = 0u; part < PARTS; part++) { running = max(running, part_maxima[(row * TILES + t) * PARTS + part]); }
    tile_max = select(tile_max, running, t == tile);
  }
  if (of_tile % (KEYS / ROWS) == 0u) { maxima[tile * ROWS + row] = tile_max; }
  for (var i = 0u; i < ROWS; i++) {
    let j = tile * KEYS + of_tile % (KEYS / ROWS) * ROWS + i;
    let visible = j < span.count && sees(queries, i32(row), span.first + j);
    weights[j * ROWS + row] = select(0.0, exp(weights[j * ROWS + row] - tile_max), visible);
  }
}

// Sums of weights and of weighted values over the keys of the lane's tile, ascending.
fn sum_values(queries: Queries, span: Span, place: Place) -> Softmax {
  var tile = Softmax();
  if (place.first_row >= ROWS) { return tile; }
  let first = place.tile * KEYS;
  for (var start = 0u; start < min(KEYS, span.count); start += LOADS) {
    var v = array<vec4u, LOADS * VECS_PER_LANE>();
    for (var i = 0; i < LOADS * VECS_PER_LANE; i++) {
      let vec = min(place.vec + u32(i % VECS_PER_LANE * VEC_LANES), u32(VECS - 1));
      v[i] = kv[key_rows[first + start + u32(i / VECS_PER_LANE)] + values_offset() + vec];
    }
    for (var i = 0; i < LOADS; i++) {
      let j = first + start + u32(i);
      for (var r = 0; r < LANE_ROWS; r++) {
        let p = weights[j * ROWS + place.first_row + u32(r)];
        // A masked v may be anything: it is left out, not multiplied by 0.
        let visible = j < span.count && sees(queries, i32(place.first_row) + r, span.first + j);
        tile.l[r] += p;
        for (var n = 0; n < O_QUADS; n++) {
          let at = r * O_QUADS + n;
          let value = quad_of(v[i * VECS_PER_LANE + n / QUADS], n % QUADS);
          tile.o[at] = select(tile.o[at], fma(vec4f(p), value, tile.o[at]), visible);
        }
      }
    }
  }
  return tile;
}

// Leaves the sums of a tile after the first where the lane of the first finds them.
fn hand_over(tile: ptr<function, Softmax>, place: Place) {
  if (place.tile == 0u) { return; }
  let at = (place.tile - 1u) * KEYS + place.lane;
  for (var r = 0; r < LANE_ROWS; r++) { handed_l[u32(r * HANDED) + at] = (*tile).l[r]; }
  for (var i = 0; i < LANE_ROWS * O_QUADS; i++) { handed_o[u32(i * HANDED) + at] = (*tile).o[i]; }
}

// Adds all tiles to their split. One of which a row sees no key leaves the row's state alone, bit for bit.
fn add_tiles(split: ptr<function, Softmax>, first: ptr<function, Softmax>, queries: Queries, span: Span, place: Place) {
  for (var t = 0u; t < TILES; t++) {
    let at = (max(t, 1u) - 1u) * KEYS + place.lane;
    for (var r = 0; r < LANE_ROWS; r++) {
      let row = min(place.first_row + u32(r), ROWS - 1u);
      let tile_max = maxima[t * ROWS + row];
      let rescale = exp((*split).m[r] - tile_max);
      (*split).m[r] = tile_max;
      let visible = sees_some(queries, i32(row), span.first + t * KEYS, KEYS);
      let l = select(handed_l[u32(r * HANDED) + at], (*first).l[r], t == 0u);
      (*split).l[r] = select((*split).l[r], fma((*split).l[r], rescale, l), visible);
      for (var n = 0; n < O_QUADS; n++) {
        let i = r * O_QUADS + n;
        let o = select(handed_o[u32(i * HANDED) + at], (*first).o[i], t == 0u);
        (*split).o[i] = select((*split).o[i], fma((*split).o[i], vec4f(rescale), o), visible);
      }
    }
  }
}

// Folds the softmax over \`count\` keys from \`first_key\` on into that over the keys before.
@if(!SPLIT) fn fold_on(
  folded: ptr<function, Softmax>, next: ptr<function, Softmax>, queries: Queries, place: Place, first_key: u32, count: u32
) {
  for (var r = 0; r < LANE_ROWS; r++) {
    let visible = sees_some(queries, i32(place.first_row) + r, first_key, count);
    let weights = fold_weights((*folded).m[r], (*next).m[r]);
    (*folded).m[r] = max((*folded).m[r], (*next).m[r]);
    (*folded).l[r] = select((*folded).l[r], fold((*folded).l[r], (*next).l[r], weights), visible);
    for (var n = 0; n < O_QUADS; n++) {
      let i = r * O_QUADS + n;
      (*folded).o[i] = select((*folded).o[i], fold4((*folded).o[i], (*next).o[i], weights), visible);
    }
  }
}

@if(SPLIT) fn write_partials(split: ptr<function, Softmax>, queries: Queries, index: u32, place: Place) {
  for (var r = 0; r < LANE_ROWS; r++) {
    let row = i32(place.first_row) + r;
    if (!has_row(queries, row) || !sees_some(queries, row, index * SPLIT_KEYS, SPLIT_KEYS)) { continue; }
    let start = (row_of(queries, row) * params.Z + index) * (D + 2);
    for (var n = 0; n < O_QUADS; n++) {
      for (var c = 0; c < 4; c++) {
        let d = component(place, n, c);
        if (d < D) { partials[start + 2u + d] = (*split).o[r * O_QUADS + n][c]; }
      }
    }
    if (place.vec == 0u) {
      partials[start] = (*split).m[r];
      partials[start + 1u] = (*split).l[r];
    }
  }
}

@if(!SPLIT) fn write_out(softmax: ptr<function, Softmax>, queries: Queries, place: Place) {
  for (var r = 0; r < LANE_ROWS; r++) {
    let row = i32(place.first_row) + r;
    if (!has_row(queries, row)) { continue; }
    let start = row_of(queries, row) * D;
    for (var n = 0; n < O_QUADS; n++) {
      for (var c = 0; c < 4; c++) {
        let d = component(place, n, c);
        if (d < D) { out[start + d] = (*softmax).o[r * O_QUADS + n][c] / (*softmax).l[r]; }
      }
    }
  }
}

// The d of component c in a lane's quad n of o.
fn component(place: Place, n: i32, c: i32) -> u32 {
  return ((place.vec + u32(n / QUADS * VEC_LANES)) * QUADS + u32(n % QUADS)) * 4u + u32(c);
}
`,
  attention_edited: `// Attention by given probabilities, for the rows of which some probability was changed:
//   out[t, h, :] = sum_j pattern[h, t, j] v[j, g, :], g = h / (H / G), over the keys positions[t] - window < j <= positions[t],
//   where pattern[h, t, j] has other bits than original[h, t, j] at one of them; else out stays as it is.
//   kv[B, 2, G, P, W] in rows of W words, positions[T], sequence_index[T], block_tables[S, A], pattern[H, T, X],
//   original[H, T, X], out[T, H D].
// Probabilities of keys that the token does not see are not read.
// Determinism: fma(p, v, o) ascends over all keys of the row.
// One workgroup a (head, token), lanes over d; grid: (H, T).

@group(0) @binding(0) var<storage, read> kv: array<u32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(3) var<storage, read> block_tables: array<i32>;
@group(0) @binding(4) var<storage, read> pattern: array<f32>;
@group(0) @binding(5) var<storage, read> original: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

var<workgroup> changes: atomic<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let seen = u32(positions[t]) + 1u;
  let first = seen - min(seen, params.window);
  let row = (head * params.T + t) * params.X;

  if (lane == 0u) { atomicStore(&changes, 0u); }
  workgroupBarrier();
  for (var j = first + lane; j < seen; j += LANES) {
    if (bitcast<u32>(pattern[row + j]) != bitcast<u32>(original[row + j])) { atomicAdd(&changes, 1u); }
  }
  workgroupBarrier();
  if (atomicLoad(&changes) == 0u) { return; }

  for (var d = lane; d < params.D; d += LANES) {
    var sum = 0.0;
    for (var j = first; j < seen; j++) { sum = fma(pattern[row + j], value_of(t, head, j, d), sum); }
    out[(t * params.H + head) * params.D + d] = sum;
  }
}

// Element d of the value of a key.
fn value_of(t: u32, head: u32, key: u32, d: u32) -> f32 {
  let block = u32(block_tables[u32(sequence_index[t]) * params.A + key / params.P]);
  let head_row = (block * 2u + 1u) * params.G + head / (params.H / params.G);
  let start = (head_row * params.P + key % params.P) * params.W;
  @if(KV_F16) return unpack2x16float(kv[start + d / 2u])[d % 2u];
  @else return bitcast<f32>(kv[start + d]);
}
`,
  attention_fold: `import package::softmax_fold::{GROUP_SPLITS, MASKED, SPLIT_KEYS, fold, fold_weights};

// Puts the splits of \`attention\` together: out[t, h, d] = o / l of the fold over the splits of keys that row t sees, with groups as
// there: from its own position back, \`window\` keys.
//   partials[U, H, Z, D + 2] = (m, l, o) of each split, positions[T], out[T, H D].
// One lane an element; grid: (D / LANES, H, tokens).

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 32;
// Splits that are loaded before the first of them is folded.
const LOADS = constants::LOADS;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let d = global.x;
  let h = global.y;
  let t = global.z;
  if (d >= params.D) { return; }
  let seen = u32(positions[t]) + 1u;
  let first_split = (seen - min(seen, params.window)) / SPLIT_KEYS;
  let end_split = (seen - 1u) / SPLIT_KEYS + 1u;
  let row = (t * params.H + h) * params.Z;
  @if(!GROUP_KEYS) let all = fold_splits(row, first_split, end_split, d);
  @if(GROUP_KEYS) var all = NOTHING;
  @if(GROUP_KEYS) for (var g = first_split / GROUP_SPLITS; g * GROUP_SPLITS < end_split; g++) {
    let first = max(first_split, g * GROUP_SPLITS);
    all = fold_on(all, fold_splits(row, first, min((g + 1u) * GROUP_SPLITS, end_split), d));
  }
  out[(t * params.H + h) * params.D + d] = all.z / all.y;
}

// A softmax over some keys: m, l and one channel of o.
const NOTHING = vec3f(MASKED, 0.0, 0.0);

// Folds the splits of a row, LOADS at a time; those that stand in for splits after the last are left out.
fn fold_splits(row: u32, first: u32, end: u32, d: u32) -> vec3f {
  var folded = NOTHING;
  for (var start = first; start < end; start += LOADS) {
    var next = array<vec3f, LOADS>();
    for (var i = 0; i < LOADS; i++) {
      let at = (row + min(start + u32(i), end - 1u)) * (params.D + 2u);
      next[i] = vec3f(partials[at], partials[at + 1u], partials[at + 2u + d]);
    }
    for (var i = 0; i < LOADS; i++) { folded = select(folded, fold_on(folded, next[i]), start + u32(i) < end); }
  }
  return folded;
}

fn fold_on(before: vec3f, next: vec3f) -> vec3f {
  let weights = fold_weights(before.x, next.x);
  return vec3f(max(before.x, next.x), fold(before.y, next.y, weights), fold(before.z, next.z, weights));
}
`,
  attention_inputs: `import package::packed_rows::{first_quad, second_quad};

// The operands of attention and where queries, keys and values lie in them, for all files of it.
//   qkv[T, G (SHARE + 2) D] (q first), kv[B, 2, G, P, W] in rows of W words, query_tiles[Q, 2] = first token and number of
//   tokens (consecutive tokens of one sequence), positions[T], sequence_index[T], block_tables[S, A].
// SHARE query heads share one of the G heads of keys and values. A query tile has a row for each of its tokens and query heads
// of one head of keys, the heads of a token side by side; workgroups take ROWS of them each. A row sees the keys at its own position
// and the window - 1 before it; what no row of a workgroup sees is never read.

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<vec4u>;
@group(0) @binding(2) var<storage, read> query_tiles: array<i32>;
@group(0) @binding(3) var<storage, read> positions: array<i32>;
@group(0) @binding(4) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(5) var<storage, read> block_tables: array<i32>;

const D = constants::D;
const ROWS = constants::ROWS;
const LANES = constants::LANES;
const KEYS = constants::KEYS;
// A cache row is VECS vectors of four words; a vector holds QUADS quads of components.
@if(KV_F16) const QUADS = 2;
@else const QUADS = 1;
const VECS = (constants::D + 4 * QUADS - 1) / (4 * QUADS);
// Quads of a query, padded as a cache row is.
const Q_QUADS = VECS * QUADS;
// Keys that a lane scores in a tile: lane, lane + LANES, ...
const KEYS_PER_LANE = (constants::KEYS + constants::LANES - 1) / constants::LANES;

const SHARE = constants::SHARE;

// The queries of a workgroup: some rows of a tile.
struct Queries {
  // Head of keys.
  head: u32,
  // First token of the tile.
  token: u32,
  // Rows of the tile: the first of the workgroup, and their number.
  first_row: u32,
  num_rows: u32,
  // Position of the first token of the tile.
  position: u32,
  // Keys that some row of the workgroup sees: from \`first\` up to \`end\`, which is 0 where it has no row.
  first: u32,
  end: u32,
  // Start of the sequence's row of block_tables.
  table: u32,
}

fn queries_of(workgroup: vec3u) -> Queries {
  let at = 2u * (params.first + workgroup.x);
  let token = u32(query_tiles[at]);
  let num_rows = u32(query_tiles[at + 1u]) * SHARE;
  let first_row = workgroup.y / params.G * ROWS;
  let position = u32(positions[token]);
  let last_row = min(first_row + ROWS, num_rows) - 1u;
  let end = select(0u, position + last_row / SHARE + 1u, first_row < num_rows);
  let seen = position + first_row / SHARE + 1u;
  let first = seen - min(seen, params.window);
  let table = u32(sequence_index[token]) * params.A;
  return Queries(workgroup.y % params.G, token, first_row, num_rows, position, first, end, table);
}

// Rows after the last one of the tile are not written.
fn has_row(queries: Queries, r: i32) -> bool {
  return r < ROWS && queries.first_row + u32(r) < queries.num_rows;
}

// Index of row r among those of all tokens and query heads.
fn row_of(queries: Queries, r: i32) -> u32 {
  let row = queries.first_row + u32(r);
  return ((queries.token + row / SHARE) * params.G + queries.head) * SHARE + row % SHARE;
}

// A quad of query r, zeros after D. A row after the last one stands in for it.
fn load_q(queries: Queries, r: u32, quad: u32) -> vec4f {
  let row = min(queries.first_row + r, queries.num_rows - 1u);
  let token = queries.token + row / SHARE;
  let start = ((token * params.G * (SHARE + 2)) + queries.head * SHARE + row % SHARE) * D;
  let first = start + 4u * quad;
  if (D % 4 == 0) {
    let whole = vec4f(qkv[first], qkv[first + 1u], qkv[first + 2u], qkv[first + 3u]);
    return select(vec4f(), whole, 4u * quad < D);
  }
  var components = vec4f();
  for (var c = 0u; c < 4u; c++) {
    let d = 4u * quad + c;
    if (d < D) { components[c] = qkv[start + d]; }
  }
  return components;
}

fn position_of(queries: Queries, r: i32) -> u32 {
  return queries.position + (queries.first_row + u32(r)) / SHARE;
}

// From a later key the distance wraps around to more than any window.
fn sees(queries: Queries, r: i32, key: u32) -> bool {
  return position_of(queries, r) - key < params.window;
}

// True where a row sees one of \`count\` keys from \`first\` on: the nearest of those that are not later.
fn sees_some(queries: Queries, r: i32, first: u32, count: u32) -> bool {
  return first <= position_of(queries, r) && sees(queries, r, min(position_of(queries, r), first + count - 1u));
}

// First vector of a key in the cache. The nearest key that some row sees stands in for one that none does.
fn key_row(queries: Queries, key: u32) -> u32 {
  let seen = clamp(key, queries.first, queries.end - 1u);
  let block = u32(block_tables[queries.table + seen / params.P]);
  return ((block * 2u * params.G + queries.head) * params.P + seen % params.P) * VECS;
}

// From a key's row to its value's, in vectors.
fn values_offset() -> u32 {
  return params.G * params.P * VECS;
}

// Quad i of a vector of the cache.
fn quad_of(words: vec4u, i: i32) -> vec4f {
  @if(KV_F16) return select(first_quad(words), second_quad(words), i == 1);
  @else return bitcast<vec4f>(words);
}

// sum + a . b, components ascending.
fn dot_on(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
`,
  attention_naive: `// Causal attention of one sequence of T tokens: qkv[T, (H + 2 G) D] (q, k, v side by side), out[T, H D]. Of the H = G SHARE query
// heads, head h takes the keys and values of head g = h / SHARE.
//   out[t, h, d] = sum_j p_j v[j, g, d] / sum_j p_j,  p_j = exp(s_j - max s),  s_j = scale q[t, h, :] . k[j, g, :],  t - window < j <= t
// Attention is where a token learns of the others; every other layer works on each row alone.
// The plain way, to learn from and to judge attention by: every element finds its row's maximum and sums for itself, with
// no tiles, no cache and nothing shared.
// One lane an element; grid: (H D / LANES, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

const SHARE = constants::SHARE;

// Start of a query of token t.
fn query_start(t: u32, h: u32) -> u32 {
  return (t * params.G * (SHARE + 2) + h) * params.D;
}

// Start of a key (which = 0) or value (1) of token j.
fn key_start(j: u32, which: u32, h: u32) -> u32 {
  return ((j * (SHARE + 2) + SHARE + which) * params.G + h / SHARE) * params.D;
}

fn score(t: u32, j: u32, h: u32) -> f32 {
  let q = query_start(t, h);
  let k = key_start(j, 0u, h);
  var dot = 0.0;
  for (var d = 0u; d < params.D; d++) { dot = fma(qkv[q + d], qkv[k + d], dot); }
  return dot * params.scale;
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  let t = global.y;
  let columns = params.G * SHARE * params.D;
  if (c >= columns) { return; }
  let h = c / params.D;
  let d = c % params.D;

  let first = t + 1u - min(t + 1u, params.window);
  var largest = score(t, first, h);
  for (var j = first + 1u; j <= t; j++) { largest = max(largest, score(t, j, h)); }

  // exp of the distance to the maximum can't overflow, and the factor exp(-max) cancels in the quotient.
  var sum = 0.0;
  var weighted = 0.0;
  for (var j = first; j <= t; j++) {
    let p = exp(score(t, j, h) - largest);
    sum += p;
    weighted = fma(p, qkv[key_start(j, 1u, h) + d], weighted);
  }
  out[t * columns + c] = weighted / sum;
}
`,
  attention_pattern: `// The probabilities of attention, which its kernels never store:
//   pattern[h, t, j] = exp(s[j] - max s) / sum exp(s - max s), s[j] = scale q[t, h, :] . k[j, g, :], g = h / (H / G), over the keys
//   positions[t] - window < j <= positions[t]; 0 at the other keys.
//   qkv[T, (H + 2 G) D] (q first), kv[B, 2, G, P, W] in rows of W words, positions[T], sequence_index[T], block_tables[S, A],
//   pattern[H, T, X], X keys.
// Determinism: the dot ascends over d; lane i sums the keys j = i modulo LANES, j ascending, and the sums of lanes are added
// ascending, so that a row's bits depend neither on T nor on X.
// One workgroup a (head, token), lanes over keys; grid: (H, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(4) var<storage, read> block_tables: array<i32>;
@group(0) @binding(5) var<storage, read_write> pattern: array<f32>;

const LANES = constants::LANES;
// Finite stand-in for minus infinity.
const MASKED = -1e30;

var<workgroup> q: array<f32, constants::D>;
var<workgroup> of_lanes: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let D = u32(constants::D);
  for (var d = lane; d < D; d += LANES) { q[d] = qkv[(t * (params.H + 2u * params.G) + head) * D + d]; }
  workgroupBarrier();

  let seen = u32(positions[t]) + 1u;
  let first = seen - min(seen, params.window);
  let row = (head * params.T + t) * params.X;
  var greatest = MASKED;
  for (var j = lane; j < params.X; j += LANES) {
    if (j < first || j >= seen) { continue; }
    let score = score_of(t, head, j);
    pattern[row + j] = score;
    greatest = max(greatest, score);
  }
  of_lanes[lane] = greatest;
  workgroupBarrier();
  for (var i = 0u; i < LANES; i++) { greatest = max(greatest, of_lanes[i]); }
  workgroupBarrier();

  var sum = 0.0;
  for (var j = lane; j < params.X; j += LANES) {
    var weight = 0.0;
    if (j >= first && j < seen) { weight = exp(pattern[row + j] - greatest); }
    pattern[row + j] = weight;
    sum += weight;
  }
  of_lanes[lane] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < LANES; i++) { sum += of_lanes[i]; }
  for (var j = lane; j < params.X; j += LANES) { pattern[row + j] = pattern[row + j] / sum; }
}

// Score of a key that the token sees.
fn score_of(t: u32, head: u32, key: u32) -> f32 {
  let block = u32(block_tables[u32(sequence_index[t]) * params.A + key / params.P]);
  let start = ((block * 2u * params.G + head / (params.H / params.G)) * params.P + key % params.P) * params.W;
  var dot = 0.0;
  for (var d = 0u; d < u32(constants::D); d++) { dot = fma(q[d], element(start, d), dot); }
  return dot * params.scale;
}

// Element d of the row of the cache that starts at a word.
fn element(start: u32, d: u32) -> f32 {
  @if(KV_F16) return unpack2x16float(kv[start + d / 2u])[d % 2u];
  @else return bitcast<f32>(kv[start + d]);
}
`,
  attention_shared: `import package::attention_inputs::{
  KEYS, KEYS_PER_LANE, LANES, QUADS, Q_QUADS, Queries, ROWS, dot_on, key_row, kv, load_q, quad_of, queries_of, sees,
  values_offset
};
import package::attention_softmax::{
  add_tile, add_value, first_tile, fold_split, over_nothing, splits_of, write_out, write_partials
};
import package::softmax_fold::{MASKED, SPLIT_KEYS};

// Causal attention of query rows over a paged KV cache; the rows' own keys are in the cache already.
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, g, :]) v[j, g, :], g = h / SHARE, positions[t] - window < j <= positions[t];
//   shapes: see attention_inputs.
// Each query asks all keys up to its own how well they match, and takes the average of their values by the answers.
// Here lanes hand each other queries, scores and weights through workgroup memory, which every adapter has.
// Determinism: keys in tiles of KEYS at absolute multiples of KEYS; inside a tile the dot over d, the sum of p and
// fma(p, v, o) ascend; maxima and sums restart every SPLIT_KEYS keys and splits are folded in ascending order.
// Arrays in loops have initializers: without one, Dawn keeps the last turn's values.
// One workgroup a (query tile, head of keys, ROWS rows), lanes over keys, then over vectors of v; grid: (tiles from \`first\` on,
// G for each ROWS rows of a tile, splits, 1 without SPLIT).

var<workgroup> q: array<vec4f, ROWS * Q_QUADS>;
var<workgroup> key_rows: array<u32, KEYS>;
var<workgroup> scores: array<f32, ROWS * KEYS>;
var<workgroup> weights: array<f32, ROWS * KEYS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let queries = queries_of(workgroup);
  for (var i = lane; i < ROWS * Q_QUADS; i += LANES) { q[i] = load_q(queries, i / Q_QUADS, i % Q_QUADS); }

  let splits = splits_of(workgroup, queries);
  var folded = over_nothing();
  for (var index = splits.x; index < splits.y; index++) {
    var split = over_nothing();
    let end_key = min((index + 1u) * SPLIT_KEYS, queries.end);
    for (var first_key = first_tile(index, queries); first_key < end_key; first_key += KEYS) {
      let num_keys = min(KEYS, end_key - first_key);

      workgroupBarrier();
      score(lane, queries, first_key, num_keys);
      workgroupBarrier();
      var tile = over_nothing();
      for (var r = 0; r < ROWS; r++) {
        tile.m[r] = split.m[r];
        for (var j = 0u; j < num_keys; j++) { tile.m[r] = max(tile.m[r], scores[u32(r * KEYS) + j]); }
        for (var j = lane; j < KEYS; j += LANES) {
          let p = exp(scores[u32(r * KEYS) + j] - tile.m[r]);
          weights[u32(r * KEYS) + j] = select(0.0, p, j < num_keys && sees(queries, r, first_key + j));
        }
      }

      workgroupBarrier();
      for (var j = max(first_key, queries.first) - first_key; j < num_keys; j++) {
        var p = array<f32, ROWS>();
        for (var r = 0; r < ROWS; r++) { p[r] = weights[u32(r * KEYS) + j]; }
        add_value(&tile, &p, queries, first_key + j, key_rows[j] + values_offset(), lane);
      }
      add_tile(&split, &tile, queries, first_key);
    }
    @if(SPLIT) write_partials(&split, queries, index, lane);
    @else fold_split(&folded, &split, queries, index * SPLIT_KEYS);
  }
  @if(!SPLIT) write_out(&folded, queries, lane);
}

// Scores of a tile's keys.
fn score(lane: u32, queries: Queries, first_key: u32, num_keys: u32) {
  var rows = array<u32, KEYS_PER_LANE>();
  for (var n = 0; n < KEYS_PER_LANE; n++) {
    let j = lane + u32(n * LANES);
    rows[n] = key_row(queries, first_key + j);
    if (j < KEYS) { key_rows[j] = rows[n]; }
  }
  var s = array<f32, ROWS * KEYS_PER_LANE>();
  // As long as VECS, but not to be unrolled: the code would outgrow the instruction cache.
  for (var v = 0u; v < params.W / 4u; v++) {
    var k = array<vec4u, KEYS_PER_LANE>();
    for (var n = 0; n < KEYS_PER_LANE; n++) { k[n] = kv[rows[n] + v]; }
    for (var r = 0; r < ROWS; r++) {
      for (var i = 0; i < QUADS; i++) {
        let query = q[u32(r * Q_QUADS) + v * QUADS + u32(i)];
        for (var n = 0; n < KEYS_PER_LANE; n++) {
          let at = r * KEYS_PER_LANE + n;
          s[at] = dot_on(query, quad_of(k[n], i), s[at]);
        }
      }
    }
  }
  for (var r = 0; r < ROWS; r++) {
    for (var n = 0; n < KEYS_PER_LANE; n++) {
      let j = lane + u32(n * LANES);
      let visible = j < num_keys && sees(queries, r, first_key + j);
      if (j < KEYS) { scores[u32(r * KEYS) + j] = select(MASKED, s[r * KEYS_PER_LANE + n] * params.scale, visible); }
    }
  }
}
`,
  attention_softmax: `import package::attention_inputs::{D, LANES, QUADS, Queries, KEYS, ROWS, VECS, has_row, kv, quad_of, row_of, sees, sees_some};
import package::softmax_fold::{MASKED, SPLIT_KEYS, fold, fold4, fold_weights};

// The running softmax of attention, for all files of it: sums over the keys of a tile, tiles added to a split, splits
// folded or left in partials[U, H, Z, D + 2] = (m, l, o), rows written to out[T, H D], H = G SHARE.

@if(SPLIT) @group(0) @binding(6) var<storage, read_write> partials: array<f32>;
@if(!SPLIT) @group(0) @binding(6) var<storage, read_write> out: array<f32>;

// Vectors of o that a lane owns, and the quads in them.
const VECS_PER_LANE = (VECS + constants::LANES - 1) / constants::LANES;
const O_QUADS = VECS_PER_LANE * QUADS;

// Running softmax of each row, as far as a lane holds it: the greatest score m, the sum of exp(score - m), and the lane's
// quads of the sum of exp(score - m) v.
struct Softmax {
  m: array<f32, ROWS>,
  l: array<f32, ROWS>,
  o: array<vec4f, ROWS * O_QUADS>,
}

fn over_nothing() -> Softmax {
  var softmax = Softmax();
  for (var r = 0; r < ROWS; r++) { softmax.m[r] = MASKED; }
  return softmax;
}

// Splits that a workgroup takes: .x up to .y. With SPLIT one, of grid z; else all with keys that some row sees.
fn splits_of(workgroup: vec3u, queries: Queries) -> vec2u {
  @if(SPLIT) return vec2u(workgroup.z, workgroup.z + 1u);
  @else return vec2u(queries.first / SPLIT_KEYS, (queries.end + SPLIT_KEYS - 1u) / SPLIT_KEYS);
}

// First key of a split, or of the first tile of it with a key that some row sees.
fn first_tile(index: u32, queries: Queries) -> u32 {
  return max(index * SPLIT_KEYS, queries.first / KEYS * KEYS);
}

// Adds a key of a tile with its weights p, one a row; its value starts at vector \`start\`. Some row sees it.
fn add_value(tile: ptr<function, Softmax>, p: ptr<function, array<f32, ROWS>>, queries: Queries, key: u32, start: u32, lane: u32) {
  for (var r = 0; r < ROWS; r++) { (*tile).l[r] += (*p)[r]; }
  for (var n = 0; n < VECS_PER_LANE; n++) {
    let words = kv[start + min(lane + u32(n * LANES), u32(VECS - 1))];
    for (var i = 0; i < QUADS; i++) {
      let v = quad_of(words, i);
      for (var r = 0; r < ROWS; r++) {
        let at = (r * VECS_PER_LANE + n) * QUADS + i;
        // A masked v may be anything: it is left out, not multiplied by 0.
        let visible = ROWS == 1 || sees(queries, r, key);
        (*tile).o[at] = select((*tile).o[at], fma(vec4f((*p)[r]), v, (*tile).o[at]), visible);
      }
    }
  }
}

// Adds a tile to its split. One of which a row sees no key leaves the row's state alone, bit for bit.
fn add_tile(split: ptr<function, Softmax>, tile: ptr<function, Softmax>, queries: Queries, first_key: u32) {
  for (var r = 0; r < ROWS; r++) {
    let rescale = exp((*split).m[r] - (*tile).m[r]);
    (*split).m[r] = (*tile).m[r];
    let visible = sees_some(queries, r, first_key, KEYS);
    (*split).l[r] = select((*split).l[r], fma((*split).l[r], rescale, (*tile).l[r]), visible);
    for (var i = 0; i < O_QUADS; i++) {
      let at = r * O_QUADS + i;
      (*split).o[at] = select((*split).o[at], fma((*split).o[at], vec4f(rescale), (*tile).o[at]), visible);
    }
  }
}

// Folds a split into what came before. One of which a row sees no key leaves the row's state alone, too.
@if(!SPLIT) fn fold_split(folded: ptr<function, Softmax>, split: ptr<function, Softmax>, queries: Queries, first_key: u32) {
  for (var r = 0; r < ROWS; r++) {
    let visible = sees_some(queries, r, first_key, SPLIT_KEYS);
    let weights = fold_weights((*folded).m[r], (*split).m[r]);
    (*folded).m[r] = max((*folded).m[r], (*split).m[r]);
    (*folded).l[r] = select((*folded).l[r], fold((*folded).l[r], (*split).l[r], weights), visible);
    for (var i = 0; i < O_QUADS; i++) {
      let at = r * O_QUADS + i;
      (*folded).o[at] = select((*folded).o[at], fold4((*folded).o[at], (*split).o[at], weights), visible);
    }
  }
}

@if(SPLIT) fn write_partials(split: ptr<function, Softmax>, queries: Queries, index: u32, lane: u32) {
  for (var r = 0; r < ROWS; r++) {
    if (!has_row(queries, r) || !sees_some(queries, r, index * SPLIT_KEYS, SPLIT_KEYS)) { continue; }
    let start = (row_of(queries, r) * params.Z + index) * (D + 2);
    for (var i = 0; i < O_QUADS; i++) {
      for (var c = 0; c < 4; c++) {
        let d = component(lane, i, c);
        if (d < D) { partials[start + 2u + d] = (*split).o[r * O_QUADS + i][c]; }
      }
    }
    if (lane == 0u) {
      partials[start] = (*split).m[r];
      partials[start + 1u] = (*split).l[r];
    }
  }
}

@if(!SPLIT) fn write_out(folded: ptr<function, Softmax>, queries: Queries, lane: u32) {
  for (var r = 0; r < ROWS; r++) {
    if (!has_row(queries, r)) { continue; }
    let start = row_of(queries, r) * D;
    for (var i = 0; i < O_QUADS; i++) {
      for (var c = 0; c < 4; c++) {
        let d = component(lane, i, c);
        if (d < D) { out[start + d] = (*folded).o[r * O_QUADS + i][c] / (*folded).l[r]; }
      }
    }
  }
}

// The d of component c in a lane's quad i of o.
fn component(lane: u32, i: i32, c: i32) -> u32 {
  return ((lane + u32(i / QUADS * LANES)) * QUADS + u32(i % QUADS)) * 4u + u32(c);
}
`,
  attention_subgroup: `import package::attention_inputs::{
  KEYS, KEYS_PER_LANE, LANES, QUADS, Q_QUADS, ROWS, dot_on, key_row, kv, load_q, quad_of, queries_of, sees, values_offset
};
import package::attention_softmax::{
  add_tile, add_value, first_tile, fold_split, over_nothing, splits_of, write_out, write_partials
};
import package::softmax_fold::{MASKED, SPLIT_KEYS};
import package::shuffle4::shuffle4;
enable subgroups;

// Causal attention of query rows over a paged KV cache, as in attention_shared and bit for bit:
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, g, :]) v[j, g, :], g = h / SHARE, positions[t] - window < j <= positions[t];
//   shapes: see attention_inputs.
// Here a workgroup is (part of) one subgroup: queries, scores and weights stay in the registers of the lane that owns them,
// and the others ask it for them. Only what constants index stays in registers, so a lane's n-th element is selected
// from all of its own.
// One workgroup a (query tile, head of keys, ROWS rows), lanes over keys, then over vectors of v; grid: (tiles from \`first\` on,
// G for each ROWS rows of a tile, splits, 1 without SPLIT).

// Quads of a query that a lane owns: lane, lane + LANES, ...
const Q_PER_LANE = (Q_QUADS + constants::LANES - 1) / constants::LANES;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let queries = queries_of(workgroup);
  var own_q = array<vec4f, ROWS * Q_PER_LANE>();
  for (var i = 0u; i < ROWS * Q_PER_LANE; i++) {
    // The last to come moves the others up.
    for (var n = 1; n < ROWS * Q_PER_LANE; n++) { own_q[n - 1] = own_q[n]; }
    own_q[ROWS * Q_PER_LANE - 1] = load_q(queries, i / Q_PER_LANE, lane + i % Q_PER_LANE * LANES);
  }

  let splits = splits_of(workgroup, queries);
  var folded = over_nothing();
  for (var index = splits.x; index < splits.y; index++) {
    var split = over_nothing();
    let end_key = min((index + 1u) * SPLIT_KEYS, queries.end);
    for (var first_key = first_tile(index, queries); first_key < end_key; first_key += KEYS) {
      let num_keys = min(KEYS, end_key - first_key);

      var rows = array<u32, KEYS_PER_LANE>();
      for (var n = 0; n < KEYS_PER_LANE; n++) {
        rows[n] = key_row(queries, first_key + lane + u32(n * LANES));
      }
      var s = array<f32, ROWS * KEYS_PER_LANE>();
      // As long as VECS, but not to be unrolled: the code would outgrow the instruction cache.
      for (var v = 0u; v < params.W / 4u; v++) {
        var k = array<vec4u, KEYS_PER_LANE>();
        for (var n = 0; n < KEYS_PER_LANE; n++) { k[n] = kv[rows[n] + v]; }
        for (var r = 0; r < ROWS; r++) {
          for (var i = 0; i < QUADS; i++) {
            let quad = v * QUADS + u32(i);
            var query = own_q[r * Q_PER_LANE];
            for (var n = 1; n < Q_PER_LANE; n++) {
              query = select(query, own_q[r * Q_PER_LANE + n], quad / LANES == u32(n));
            }
            query = shuffle4(query, quad % LANES);
            for (var n = 0; n < KEYS_PER_LANE; n++) {
              let at = r * KEYS_PER_LANE + n;
              s[at] = dot_on(query, quad_of(k[n], i), s[at]);
            }
          }
        }
      }

      var tile = over_nothing();
      for (var r = 0; r < ROWS; r++) {
        tile.m[r] = split.m[r];
        for (var n = 0; n < KEYS_PER_LANE; n++) {
          let at = r * KEYS_PER_LANE + n;
          let j = lane + u32(n * LANES);
          s[at] = select(MASKED, s[at] * params.scale, j < num_keys && sees(queries, r, first_key + j));
          tile.m[r] = max(tile.m[r], s[at]);
        }
        for (var step = 1u; step < LANES; step *= 2u) { tile.m[r] = max(tile.m[r], subgroupShuffleXor(tile.m[r], step)); }
        for (var n = 0; n < KEYS_PER_LANE; n++) {
          let at = r * KEYS_PER_LANE + n;
          let j = lane + u32(n * LANES);
          s[at] = select(0.0, exp(s[at] - tile.m[r]), j < num_keys && sees(queries, r, first_key + j));
        }
      }

      for (var j = max(first_key, queries.first) - first_key; j < num_keys; j++) {
        var p = array<f32, ROWS>();
        for (var r = 0; r < ROWS; r++) {
          p[r] = s[r * KEYS_PER_LANE];
          for (var n = 1; n < KEYS_PER_LANE; n++) { p[r] = select(p[r], s[r * KEYS_PER_LANE + n], j / LANES == u32(n)); }
          p[r] = subgroupShuffle(p[r], j % LANES);
        }
        var row = rows[0];
        for (var n = 1; n < KEYS_PER_LANE; n++) { row = select(row, rows[n], j / LANES == u32(n)); }
        let start = subgroupShuffle(row, j % LANES) + values_offset();
        add_value(&tile, &p, queries, first_key + j, start, lane);
      }
      add_tile(&split, &tile, queries, first_key);
    }
    @if(SPLIT) write_partials(&split, queries, index, lane);
    @else fold_split(&folded, &split, queries, index * SPLIT_KEYS);
  }
  @if(!SPLIT) write_out(&folded, queries, lane);
}
`,
  copy_columns: `// out[m, out_first + c] = x[m, first + c] for c < count: x[M, N], out[M, O].
// Copies a block of columns between tensors of equally many rows, such as the heads of q out of qkv and back.
// One lane an element; grid: (count / LANES, M), of which a workgroup takes several rows where there are too many.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (global.x >= params.count) { return; }
  for (var m = global.y; m < params.M; m += grid.y) {
    out[m * params.O + params.out_first + global.x] = x[m * params.N + params.first + global.x];
  }
}
`,
  edit_rows: `// x[rows[r], c] = f(x[rows[r], c], values[sources[r], c]): x[M, C], rows[R], sources[R], values[S, C].
// f(x, v) is v (mode SET), x + v (ADD) or x v (SCALE). No row is listed twice.
// The residual stream takes what a module adds to it by the same addition as in the epilogue of a matmul.
// One lane an element; grid: (C / LANES, R), of which a workgroup takes several rows where there are too many.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<i32>;
@group(0) @binding(3) var<storage, read> sources: array<i32>;

override LANES: u32 = 64;

const SET = 0u;
const ADD = 1u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (global.x >= params.C) { return; }
  for (var r = global.y; r < params.R; r += grid.y) {
    let at = u32(rows[r]) * params.C + global.x;
    let value = values[u32(sources[r]) * params.C + global.x];
    if (params.mode == SET) {
      x[at] = value;
    } else if (params.mode == ADD) {
      x[at] = x[at] + value;
    } else {
      x[at] = x[at] * value;
    }
  }
}
`,
  embed: `import package::packed_weights::{GROUP, GROUP_ROWS, SCALE_ROWS, TILE, WORD_K, nibble, signed_byte};

// out[t, c] = wte[id_t, c] (+ wpe[position_t, c]) for tokens with first <= id_t < first + N
//   id_t = token_ids[t], or next_tokens[-1 - token_ids[t]] where that is negative.
//   wte holds a range of N vocabulary rows as columns of weight tiles (packed_weights), wpe[Y, C] f32, out[T, C].
// A token enters the model as the vector that was learnt for its id; with POSITIONS the one for its position is added.
// A vocabulary beyond the largest binding takes one dispatch a range; each writes only its own tokens' rows.
// One lane an element; grid: (C / LANES, T).

@group(0) @binding(0) var<storage, read> token_ids: array<i32>;
@group(0) @binding(1) var<storage, read> next_tokens: array<i32>;
@group(0) @binding(2) var<storage, read> wte: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@if(POSITIONS) @group(0) @binding(4) var<storage, read> positions: array<i32>;
@if(POSITIONS) @group(0) @binding(5) var<storage, read> wpe: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  let t = global.y;
  if (c >= params.C) { return; }
  var id = token_ids[t];
  if (id < 0) { id = next_tokens[-1 - id]; }
  let n = u32(id) - params.first;
  if (u32(id) < params.first || n >= params.N) { return; }
  @if(POSITIONS) out[t * params.C + c] = element(n, c) + wpe[u32(positions[t]) * params.C + c];
  @else out[t * params.C + c] = element(n, c);
}

// wte[n, c], which lies as w[c, n] of a matmul does.
fn element(n: u32, c: u32) -> f32 {
  let group = (n / TILE * ((params.C + GROUP - 1u) / GROUP) + c / GROUP) * GROUP_ROWS;
  let word = wte[(group + SCALE_ROWS + c % GROUP / WORD_K) * TILE + n % TILE];
  @if(W_Q4 || W_Q8 || W_Q8_32) let scale = bitcast<f32>(wte[group * TILE + n % TILE]);
  @if(W_Q4) {
    let minimum = bitcast<f32>(wte[(group + 1u) * TILE + n % TILE]);
    return fma(nibble(word, c % WORD_K), scale, -minimum);
  }
  @elif(W_Q8 || W_Q8_32) return signed_byte(word, c % WORD_K) * scale;
  @elif(W_F16) return select(unpack2x16float(word).x, unpack2x16float(word).y, c % WORD_K == 1u);
  @else return bitcast<f32>(word);
}
`,
  exp_ln: `// exp and ln with relative errors of a few units in the last place on every adapter, where WGSL's own may be off by more.

const LOG2_E = 1.4426950408889634;
const LN_2 = 0.6931471805599453;
// ln 2 in two parts: small integers times the first are exact.
const LN_2_HIGH = 0.693359375;
const LN_2_LOW = LN_2 - LN_2_HIGH;
const MANTISSA_BITS = 23u;
const EXPONENT_BIAS = 127u;
// exp(-EXP_LIMIT) is still a normal number.
const EXP_LIMIT = 87.0;
// sqrt(1/2)
const SQRT_HALF_BITS = 0x3f3504f3u;

// exp(-x) for x >= 0; exp(-EXP_LIMIT) beyond. x = n ln 2 + r with |r| <= ln 2 / 2; the Taylor series is cut below 1e-8.
fn exp_minus(x: f32) -> f32 {
  let limited = min(x, EXP_LIMIT);
  let n = floor(fma(limited, LOG2_E, 0.5));
  let r = fma(-n, LN_2_LOW, fma(-n, LN_2_HIGH, limited));
  var series = fma(-r, 1.0 / 5040.0, 1.0 / 720.0);
  series = fma(-r, series, 1.0 / 120.0);
  series = fma(-r, series, 1.0 / 24.0);
  series = fma(-r, series, 1.0 / 6.0);
  series = fma(-r, series, 0.5);
  series = fma(-r, series, 1.0);
  series = fma(-r, series, 1.0);
  return series * bitcast<f32>((EXPONENT_BIAS - u32(n)) << MANTISSA_BITS);
}

// For a normal positive number: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)). m - 1 is
// exact, so that nothing cancels near 1. The series is cut below 1e-10.
fn ln(x: f32) -> f32 {
  let exponent = bitcast<i32>(bitcast<u32>(x) - SQRT_HALF_BITS) >> MANTISSA_BITS;
  let m = bitcast<f32>(bitcast<u32>(x) - (bitcast<u32>(exponent) << MANTISSA_BITS));
  let z = (m - 1.0) / (m + 1.0);
  let z2 = z * z;
  var series = fma(z2, 1.0 / 11.0, 1.0 / 9.0);
  series = fma(z2, series, 1.0 / 7.0);
  series = fma(z2, series, 1.0 / 5.0);
  series = fma(z2, series, 1.0 / 3.0);
  return fma(f32(exponent), LN_2, 2.0 * fma(z * z2, series, z));
}
`,
  float_order: `// Floats as integers of the same order, so that integer maxima and the digits of a radix select find the greatest float.

const SIGN = 0x80000000u;

// The zeros are equal, and no finite float has key 0.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | SIGN, ~bits, bits > SIGN);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & ~SIGN, key >= SIGN));
}
`,
  gather_rows: `// out[r, c] = x[rows[r], c]: x[T, C], rows[R], out[R, C].
// Only the last row of a prompt needs logits: the others leave before the LM head, the widest matmul of a model.
// One lane an element; grid: (C / LANES, R).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  if (global.x >= params.C) { return; }
  out[global.y * params.C + global.x] = x[u32(rows[global.y]) * params.C + global.x];
}
`,
  gumbel: `import package::exp_ln::{LN_2, ln};

// Gumbel noise of a uniform number u of (0, 1) whose distance to 1 is exact in f32.

const MANTISSA_STEP = 0x1p-23;
const EXPONENT_BIAS = 127.0;
// Covers the rounding of both functions.
const BOUND_SLACK = 1e-3;

fn gumbel(u: f32) -> f32 {
  return -ln(-ln(u));
}

// Cheap and never below gumbel(u): -ln u >= 1 - u, and log2 of a float is at least its bits read as a fixed-point number.
fn gumbel_bound(u: f32) -> f32 {
  let log2_floor = f32(bitcast<u32>(1.0 - u)) * MANTISSA_STEP - EXPONENT_BIAS;
  return fma(-LN_2, log2_floor, BOUND_SLACK);
}
`,
  kv_write: `// kv[block, 0, g, offset, :] = k, kv[block, 1, g, offset, :] = v of token t, slot_mapping[t] = block * P + offset
//   qkv[T, O], k and v of G heads in its last 2 G D columns; kv[B, 2, G, P, W] with W words a row: D for f32, ceil(D / 2) for
//   f16 pairs, and zeros up to a multiple of four. A negative slot is padding and writes nothing.
// Keys and values of a token are computed once and kept here: every later token attends to them.
// One workgroup a row, lanes over its words; grid: (G, 2 for k and v, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> slot_mapping: array<i32>;
@group(0) @binding(2) var<storage, read_write> kv: array<u32>;

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let g = workgroup.x;
  let is_v = workgroup.y;
  let t = workgroup.z;
  if (slot_mapping[t] < 0) { return; }
  let slot = u32(slot_mapping[t]);
  let block = slot / params.P;
  let offset = slot - block * params.P;
  let source = (t + 1u) * params.O - ((2u - is_v) * params.G - g) * params.D;
  let row = (((block * 2u + is_v) * params.G + g) * params.P + offset) * params.W;
  for (var word = lane; word < params.W; word += LANES) {
    @if(KV_F16) let d = 2u * word;
    @else let d = word;
    let value = select(0.0, qkv[source + min(d, params.D - 1u)], d < params.D);
    @if(KV_F16) let odd = select(0.0, qkv[source + min(d + 1u, params.D - 1u)], d + 1u < params.D);
    @if(KV_F16) kv[row + word] = pack2x16float(vec2f(value, odd));
    @else kv[row + word] = bitcast<u32>(value);
  }
}
`,
  layernorm: `import package::norm_lanes::{WIDTH, add_up};

// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c]
//   x[M, C], gamma[C], beta[C], out[M, C]; mean and variance in two passes, f32.
// Layers add to a row one after another; the norm keeps what the next one reads at one scale: each row is brought to mean 0
// and variance 1, then each column gets a scale and a shift that were learnt.
// Sums are those of norm_lanes.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  var sum = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) { sum += x[row + c]; }
  let mean = add_up(lane, sum) / f32(params.C);
  var squares = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) {
    let d = x[row + c] - mean;
    squares = fma(d, d, squares);
  }
  let scale = 1.0 / sqrt(add_up(lane, squares) / f32(params.C) + params.eps);
  for (var c = lane; c < params.C; c += WIDTH) {
    out[row + c] = fma((x[row + c] - mean) * scale, gamma[c], beta[c]);
  }
}
`,
  layernorm_naive: `// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c]: x[M, C], gamma[C], beta[C], out[M, C], all f32.
// The plain way, to learn from and to judge layernorm by: each row is brought to mean 0 and variance 1, then each of its
// columns gets a scale and a shift that were learnt. The mean comes first and the variance second: in one pass, as the mean of
// squares less the square of the mean, rows far from 0 would lose every digit.
// One lane a row, its sums one chain each, c ascending; grid: (M / LANES).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let m = global.x;
  if (m >= params.M) { return; }
  let row = m * params.C;
  var sum = 0.0;
  for (var c = 0u; c < params.C; c++) { sum += x[row + c]; }
  let mean = sum / f32(params.C);
  var squares = 0.0;
  for (var c = 0u; c < params.C; c++) {
    let d = x[row + c] - mean;
    squares += d * d;
  }
  let variance = squares / f32(params.C);
  for (var c = 0u; c < params.C; c++) {
    out[row + c] = (x[row + c] - mean) / sqrt(variance + params.eps) * gamma[c] + beta[c];
  }
}
`,
  layernorm_wide: `import package::norm_row::{PARTS, normalized, scale_of};
import package::norm_parts::{HELD, mean_of};

// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c], as layernorm, with the sums of norm_row.
//   x[M, C], gamma[C], beta[C], out[M, C]; mean and variance in two passes, f32.
// A GPU waits as long for one load as for many: lane i loads all of part i, gamma and beta included, before it uses any. Of
// rows wider than HELD * PARTS the rest is loaded in each pass.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(PARTS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  let held_end = lane + HELD * PARTS;
  var xs: array<f32, HELD>;
  var gammas: array<f32, HELD>;
  var betas: array<f32, HELD>;
  for (var i = 0u; i < HELD; i++) {
    let c = min(lane + i * PARTS, params.C - 1u);
    xs[i] = x[row + c];
    gammas[i] = gamma[c];
    betas[i] = beta[c];
  }

  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) { sum += select(0.0, xs[i], lane + i * PARTS < params.C); }
  for (var c = held_end; c < params.C; c += PARTS) { sum += x[row + c]; }
  let mean = mean_of(lane, sum, params.C);

  var squares = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let d = select(0.0, xs[i] - mean, lane + i * PARTS < params.C);
    squares = fma(d, d, squares);
  }
  for (var c = held_end; c < params.C; c += PARTS) {
    let d = x[row + c] - mean;
    squares = fma(d, d, squares);
  }
  let scale = scale_of(mean_of(lane, squares, params.C), params.eps);

  for (var i = 0u; i < HELD; i++) { xs[i] = normalized(xs[i], mean, scale, gammas[i], betas[i]); }
  for (var i = 0u; i < HELD; i++) {
    let c = lane + i * PARTS;
    if (c < params.C) { out[row + c] = xs[i]; }
  }
  for (var c = held_end; c < params.C; c += PARTS) {
    out[row + c] = normalized(x[row + c], mean, scale, gamma[c], beta[c]);
  }
}
`,
  logprobs: `import package::exp_ln::{exp_minus, ln};
import package::float_order::{key_of, value_of};
import package::radix_select::{add_sum_to_bucket, bucket_sum, clear_buckets};
import package::wide_sums::{add, to_f32};

// logprob[r, id] = logits[r, id] - max - ln sum exp(logits[r, id] - max), of a chosen id and of the most likely ones:
//   logits[R, V], chosen[R, J] = (id, ...), wanted[R] = 1 + number of the most likely ids, or 0 for none of it;
//   records[R, 1 + 2 MAX_TOP] = logprob of the chosen id, then (id, logprob) of the most likely ones, the most likely
//   first and the lower id first among equals. Words that are not wanted are not written.
// A log-probability says how much the model expected a token: 0 is certain, and each -0.69 halves the probability. Shifting
// the logits by their maximum changes none of them and keeps exp from overflowing.
// At least -LARGEST, where a smaller one is no f32; NaN in a row with a logit that is not finite.
// The sum is one of fixed-point weights, so nothing depends on LANES.
// One workgroup a row; grid: (R).

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> wanted: array<u32>;
@group(0) @binding(3) var<storage, read_write> records: array<u32>;

override LANES: u32 = 64;

// Logits that a lane loads before it uses one: a GPU waits as long for one as for many.
const LOADS = u32(constants::LOADS);

const MAX_TOP = 20u;
const RECORD_WORDS = 1u + 2u * MAX_TOP;
const NO_ID = 0xffffffffu;
// Weight of the most likely token.
const UNIT = 0x1p31;

const EXPONENT = 0x7f800000u;
const MAGNITUDE = 0x7fffffffu;
const QUIET_NAN = 0x7fc00000u;
const LARGEST = 0x1.fffffep127;

// A token by its key, greater for a greater logit. The key is 0 where there is none.
struct Token { key: u32, id: u32 }

// A pair for each rank: the greatest key, and the greatest ~id that has it.
var<workgroup> maxima: array<atomic<u32>, 2u * (MAX_TOP + 1u)>;

// The greatest magnitude of a logit, as bits.
var<workgroup> magnitude: atomic<u32>;

// Bits of a log-probability; halves, for the difference itself may overflow.
fn logprob_bits(logit: f32, max_logit: f32, log_sum: f32, is_finite: bool) -> u32 {
  let is_least = 0.5 * max_logit - 0.5 * logit >= 0.5 * LARGEST;
  let logprob = select(logit - max_logit - log_sum, -LARGEST, is_least);
  return select(QUIET_NAN, bitcast<u32>(logprob), is_finite);
}

// The best token of all lanes.
fn best_of_all(rank: u32, mine: Token) -> Token {
  atomicMax(&maxima[2u * rank], mine.key);
  workgroupBarrier();
  if (atomicLoad(&maxima[2u * rank]) == mine.key) { atomicMax(&maxima[2u * rank + 1u], ~mine.id); }
  workgroupBarrier();
  return Token(atomicLoad(&maxima[2u * rank]), ~atomicLoad(&maxima[2u * rank + 1u]));
}

// The lane's logits of ids first, first + LANES, ...; that of the last id stands in for those after it.
fn load_logits(start: u32, first: u32) -> array<f32, LOADS> {
  var loaded: array<f32, LOADS>;
  for (var i = 0u; i < LOADS; i++) { loaded[i] = logits[start + min(first + i * LANES, params.V - 1u)]; }
  return loaded;
}

// The lane's best token after \`last\` in the order of the ranks.
fn best_after(lane: u32, start: u32, last: Token) -> Token {
  var best = Token(0u, NO_ID);
  for (var first = lane; first < params.V; first += LOADS * LANES) {
    let loaded = load_logits(start, first);
    for (var i = 0u; i < LOADS; i++) {
      let id = first + i * LANES;
      let key = key_of(loaded[i]);
      let is_after = key < last.key || (key == last.key && id > last.id);
      if (id < params.V && key > best.key && is_after) { best = Token(key, id); }
    }
  }
  return best;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row_wanted = wanted[workgroup.x];
  if (row_wanted == 0u) { return; }
  let start = workgroup.x * params.V;
  let record = workgroup.x * RECORD_WORDS;

  // Not every implementation zeroes workgroup memory.
  for (var i = lane; i < 2u * (MAX_TOP + 1u); i += LANES) { atomicStore(&maxima[i], 0u); }
  if (lane == 0u) { atomicStore(&magnitude, 0u); }
  workgroupBarrier();
  var mine = best_after(lane, start, Token(NO_ID, NO_ID));
  let best = best_of_all(0u, mine);
  let max_logit = value_of(best.key);

  clear_buckets(lane, LANES);
  workgroupBarrier();
  var sum = vec2u(0u);
  var greatest = 0u;
  for (var first = lane; first < params.V; first += LOADS * LANES) {
    let loaded = load_logits(start, first);
    for (var i = 0u; i < LOADS; i++) {
      let weight = u32(exp_minus(max_logit - loaded[i]) * UNIT + 0.5);
      sum = add(sum, vec2u(select(0u, weight, first + i * LANES < params.V), 0u));
      greatest = max(greatest, bitcast<u32>(loaded[i]) & MAGNITUDE);
    }
  }
  add_sum_to_bucket(0u, sum);
  atomicMax(&magnitude, greatest);
  workgroupBarrier();
  let is_finite = atomicLoad(&magnitude) < EXPONENT;
  let log_sum = ln(to_f32(bucket_sum(0u)) * (1.0 / UNIT));

  if (lane == 0u) {
    let logit = logits[start + chosen[workgroup.x * params.J]];
    records[record] = logprob_bits(logit, max_logit, log_sum, is_finite);
  }
  for (var rank = 1u; rank < min(row_wanted, min(params.V, MAX_TOP) + 1u); rank++) {
    let token = best_of_all(rank, mine);
    if (token.id == mine.id) {
      let words = record + 2u * rank - 1u;
      records[words] = token.id;
      records[words + 1u] = logprob_bits(value_of(token.key), max_logit, log_sum, is_finite);
      mine = best_after(lane, start, token);
    }
  }
}
`,
  mask_logits: `// out[r, id] = -LIMIT where row r has a mask without the bit of the id, and logits[r, id] is finite; else, where \`copies\` is not 0,
// logits[r, id]. Without \`copies\`, out holds the row's logits after penalties and biases, and those that are not masked stay.
//   logits[R, V], rows[R] = row of \`masks\`, or NO_MASK for a row that samples any id, masks[S, ceil(V / 32)] = bit id & 31 of word id >> 5,
//   out[R, V].
// A grammar allows few of the tokens at each place of a text: with all others masked, what is sampled fits it.
// One workgroup for LANES * IDS ids of a row; grid: (ceil(V / (LANES * IDS)), R).

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> masks: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

// Ids that a lane masks: a multiple of 4, so that a workgroup of 8 lanes or more takes whole words.
const IDS = u32(constants::IDS);

const NO_MASK = 0xffffffffu;
const WORD_BITS = 32u;
const EXPONENT = 0x7f800000u;
// As of adjust_logits: finite, so that the sampler finds a logit that is not.
const LIMIT = 3.4e38;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.y * params.V;
  let mask = rows[workgroup.y];
  let first_word = mask * ((params.V + WORD_BITS - 1u) / WORD_BITS);
  // Ids of a word that a lane takes, LANES apart; where there are more lanes than bits, a lane takes one.
  let step = max(LANES, WORD_BITS);
  for (var i = 0u; i < IDS * LANES; i += step) {
    let first = workgroup.x * IDS * LANES + i + lane;
    if (first >= params.V) { return; }
    var bits = 0xffffffffu;
    if (mask != NO_MASK) { bits = masks[first_word + first / WORD_BITS] >> (first % WORD_BITS); }
    for (var j = 0u; j < step; j += LANES) {
      let id = first + j;
      if (id < params.V) {
        let logit = logits[start + id];
        let is_masked = (bits & 1u) == 0u && (bitcast<u32>(logit) & EXPONENT) != EXPONENT;
        if (is_masked || params.copies != 0u) { out[start + id] = select(logit, -LIMIT, is_masked); }
      }
      bits >>= LANES % WORD_BITS;
    }
  }
}
`,
  matmul: `import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, ROWS, SUMS, TILES, add_quad, columns_of, end_chunk, load_x, next_rows, start_groups,
};
import package::matmul_epilogue::write_sums;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n])
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// Each output is the dot product of a row of x and a column of w. Nearly all weights of a model are read here, and few rows
// do little else than wait for them, so a lane loads each weight once for ROWS rows.
// One running f32 sum per output, or one for each CHUNK k, k ascending, acc = fma(x, w, acc): all files of it give the same
// bits.
// A lane loads four neighbouring columns of w in each of TILES tiles, and each x, at an address that is the same in all lanes.
// Lanes over quads of columns, all with the same rows; grid: (tiles / tiles of a workgroup, M / ROWS).

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = lane % TILE_VEC4;
  let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  let row = workgroup.y * u32(ROWS);
  var columns = columns_of(first_tile, quad);
  var acc = array<vec4f, SUMS>();
  @if(CHUNK) var totals = array<vec4f, SUMS>();

  for (var k = 0u; k < params.K; k += 4u) {
    start_groups(&columns, k);
    var xs = array<vec4f, ROWS>();
    for (var r = 0; r < ROWS; r++) { xs[r] = load_x(row + u32(r), k); }
    for (var t = 0; t < TILES; t++) {
      let rows = next_rows(&columns, t, k);
      for (var r = 0; r < ROWS; r++) { acc[t * ROWS + r] = add_quad(acc[t * ROWS + r], xs[r], rows); }
    }
    @if(CHUNK) if ((k + 4u) % CHUNK == 0u) { end_chunk(&totals, &acc); }
  }
  @if(CHUNK) end_chunk(&totals, &acc);
  @if(CHUNK) write_sums(&totals, row, first_tile, quad);
  @else write_sums(&acc, row, first_tile, quad);
}
`,
  matmul_chunks: `import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, QuadWords, ROWS, Scales, WORD_QUADS, add_quad, load_chunk, load_x, rows_of_quad, tile_start,
};
import package::matmul_epilogue::write_quad;
@if(NORM) import package::matmul_norm::{Gain, LANE_QUADS, NORM_QUADS, load_gain, norm_rows, normalized_quad};

// out[m, first + n] = f(sum_c (sum_k x[m, k] w[k, n]) + bias[n]) (+ out[m, first + n]), k of chunk c, for few rows
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue. With NORM the rows of x
//   are those of a norm, taken in here: see matmul_norm.
// A model's weights are read here at each step, and a GPU reads fast only what thousands of lanes ask for at once. So lanes
// lie over columns and over chunks of CHUNK k: each sums a chunk of its own, k ascending from 0, and the sums of chunks meet
// in shared memory, where they are added in ascending order. A last chunk that K does not fill ends in zeros, on both sides.
// Groups of QUADS lanes have a chunk each, all have the same rows; grid: (N / columns of a workgroup, M / ROWS).

override LANES: u32 = 256;

// Quads of columns of a workgroup.
const QUADS = u32(constants::QUADS);
// Quads of k of a chunk.
const K_QUADS = CHUNK / 4u;

// Workgroup memory of a round of chunks: first x, [ROWS][chunks][K_QUADS], then the sums, [ROWS][chunks][QUADS].
@if(NORM) var<workgroup> quads: array<vec4f, max(LANES / QUADS * K_QUADS * u32(ROWS), NORM_QUADS)>;
@else var<workgroup> quads: array<vec4f, LANES / QUADS * K_QUADS * u32(ROWS)>;

// Place of a quad of x: in chunks next to each other the same quad lies in other banks of the memory.
fn place_of_x(r: u32, chunk: u32, q: u32) -> u32 {
  return (r * (LANES / QUADS) + chunk) * K_QUADS + (q ^ (chunk % K_QUADS));
}

// Adds quad q of a chunk's k to the sums of all rows.
fn add_rows(sums: ptr<function, array<vec4f, ROWS>>, words: QuadWords, scales: Scales, chunk: u32, q: u32) {
  let rows = rows_of_quad(words, scales, q % WORD_QUADS);
  for (var r = 0; r < ROWS; r++) { (*sums)[r] = add_quad((*sums)[r], quads[place_of_x(u32(r), chunk, q)], rows); }
}

// The sum and then those of \`count\` chunks that lie QUADS quads apart from \`first\` on, ascending, eight loads at a time.
fn add_chunks(sum: vec4f, first: u32, count: u32) -> vec4f {
  const LOADS = 8u;
  var total = sum;
  for (var c = 0u; c < count; c += LOADS) {
    var sums = array<vec4f, LOADS>();
    for (var i = 0u; i < LOADS; i++) { sums[i] = quads[first + min(c + i, count - 1u) * QUADS]; }
    for (var i = 0u; i < LOADS; i++) { total += select(vec4f(), sums[i], c + i < count); }
  }
  return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  const X_LOADS = (u32(ROWS) * K_QUADS + QUADS - 1u) / QUADS;
  let round = LANES / QUADS;
  let chunk = lane / QUADS;
  let column_quad = workgroup.x * QUADS + lane % QUADS;
  let start = tile_start(column_quad / TILE_VEC4) + column_quad % TILE_VEC4;
  let row = workgroup.y * u32(ROWS);
  var total = vec4f();
  @if(NORM) var norms = norm_rows(row, lane);

  for (var k = 0u; k < params.K; k += round * CHUNK) {
    var xs = array<vec4f, X_LOADS>();
    for (var i = 0u; i < X_LOADS; i++) {
      let at = i * LANES + lane;
      let x_k = k + at % (round * K_QUADS) * 4u;
      xs[i] = select(vec4f(), load_x(row + at / (round * K_QUADS), x_k), x_k < params.K);
    }
    @if(NORM) var gains = array<Gain, LANE_QUADS>();
    @if(NORM) for (var i = 0u; i < LANE_QUADS; i++) { gains[i] = load_gain(k + (i * LANES + lane) * 4u); }
    var weights = load_chunk(start, k + chunk * CHUNK);
    for (var i = 0u; i < X_LOADS; i++) {
      let at = i * LANES + lane;
      @if(NORM) let quad = normalized_quad(xs[i], norms[i / LANE_QUADS], gains[i % LANE_QUADS]);
      @if(NORM) xs[i] = select(vec4f(), quad, k + at % (round * K_QUADS) * 4u < params.K);
      quads[place_of_x(at / (round * K_QUADS), at / K_QUADS % round, at % K_QUADS)] = xs[i];
    }
    workgroupBarrier();

    var sums = array<vec4f, ROWS>();
    // Written out: where a compiler leaves a loop a loop, it keeps the words in memory.
    const_assert K_QUADS == 8u;
    add_rows(&sums, weights.words[0u / WORD_QUADS], weights.scales, chunk, 0u);
    add_rows(&sums, weights.words[1u / WORD_QUADS], weights.scales, chunk, 1u);
    add_rows(&sums, weights.words[2u / WORD_QUADS], weights.scales, chunk, 2u);
    add_rows(&sums, weights.words[3u / WORD_QUADS], weights.scales, chunk, 3u);
    add_rows(&sums, weights.words[4u / WORD_QUADS], weights.scales, chunk, 4u);
    add_rows(&sums, weights.words[5u / WORD_QUADS], weights.scales, chunk, 5u);
    add_rows(&sums, weights.words[6u / WORD_QUADS], weights.scales, chunk, 6u);
    add_rows(&sums, weights.words[7u / WORD_QUADS], weights.scales, chunk, 7u);
    workgroupBarrier();
    for (var r = 0; r < ROWS; r++) { quads[u32(r) * LANES + lane] = sums[r]; }
    workgroupBarrier();
    if (lane < QUADS * u32(ROWS)) {
      let count = min(round, (params.K - k + CHUNK - 1u) / CHUNK);
      total = add_chunks(total, lane / QUADS * LANES + lane % QUADS, count);
    }
    workgroupBarrier();
  }
  if (lane < QUADS * u32(ROWS)) { write_quad(row + lane / QUADS, (workgroup.x * QUADS + lane % QUADS) * 4u, total); }
}
`,
  matmul_epilogue: `import package::activation::{gelu_new, gelu, relu, silu};
import package::packed_weights::TILE;
import package::matmul_inputs::{ROWS, SUMS, TILES};

// Epilogue of a matmul, for all files of it: to the sums bias[N] is added, then f applied, the identity or an activation; with
// RESIDUAL the old out[M, O] is added; columns first to first + N of \`out\` are written.
// With SILU_MUL columns 2i and 2i + 1 of w are a gate and what it scales: column first + i of \`out\` is their product, with silu as
// the gate's f.
// With KV_WRITE the last 2 G D columns are k and v: they go where kv_write would put them, to kv[B, 2, G, P, W] at
// slot_mapping[M]. D fills a row of the cache exactly, so a lane's four columns are a quad of one row.

@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@if(KV_WRITE) @group(0) @binding(4) var<storage, read> slot_mapping: array<i32>;
// By quads of elements.
@if(KV_WRITE && KV_F16) @group(0) @binding(5) var<storage, read_write> kv: array<vec2u>;
@if(KV_WRITE && !KV_F16) @group(0) @binding(5) var<storage, read_write> kv: array<vec4u>;

// Columns of w for one of out.
@if(SILU_MUL) const SPAN = 2;
@else const SPAN = 1;

@if(GELU_NEW) fn f(sum: f32) -> f32 { return gelu_new(sum); }
@elif(GELU) fn f(sum: f32) -> f32 { return gelu(sum); }
@elif(RELU) fn f(sum: f32) -> f32 { return relu(sum); }
@elif(SILU_MUL) fn f(sum: f32) -> f32 { return silu(sum); }
@else fn f(sum: f32) -> f32 { return sum; }

// Puts away a lane's sums of rows \`row\` on, [TILES][ROWS] of four neighbouring columns.
fn write_sums(sums: ptr<function, array<vec4f, SUMS>>, row: u32, first_tile: u32, quad: u32) {
  for (var t = 0; t < TILES; t++) {
    let first_n = (first_tile + u32(t)) * TILE + quad * 4u;
    @if(KV_WRITE) if (first_n >= num_q_columns() && first_n < params.N) {
      let biases = vec4f(bias[first_n], bias[first_n + 1u], bias[first_n + 2u], bias[first_n + 3u]);
      for (var r = 0; r < ROWS; r++) { write_kv(row + u32(r), first_n, (*sums)[t * ROWS + r] + biases); }
      continue;
    }
    for (var j = 0; j < 4; j += SPAN) {
      let n = first_n + u32(j);
      if (n >= params.N) { continue; }
      let bias_of_n = bias[n];
      @if(SILU_MUL) let bias_of_scaled = bias[n + 1u];
      for (var r = 0; r < ROWS; r++) {
        if (row + u32(r) < params.M) {
          var value = f((*sums)[t * ROWS + r][j] + bias_of_n);
          @if(SILU_MUL) value *= (*sums)[t * ROWS + r][j + 1] + bias_of_scaled;
          let o = (row + u32(r)) * params.O + params.first + n / SPAN;
          @if(RESIDUAL) value = out[o] + value;
          out[o] = value;
        }
      }
    }
  }
}

// Puts away the sums of columns n to n + 3 of a row, where a lane has no others. All is loaded before it is used.
fn write_quad(row: u32, n: u32, sums: vec4f) {
  if (row >= params.M || n >= params.N) { return; }
  store_quad(row, n, sums + biases_at(n), residuals_at(row, n));
}

// Puts away the sums of columns n to n + 3 of ROWS rows, \`stride\` apart from \`row\` on. All is loaded before it is used.
fn write_rows(sums: ptr<function, array<vec4f, ROWS>>, row: u32, stride: u32, n: u32) {
  if (n >= params.N) { return; }
  let biases = biases_at(n);
  var residuals = array<vec4f, ROWS>();
  for (var r = 0; r < ROWS; r++) { residuals[r] = residuals_at(min(row + u32(r) * stride, params.M - 1u), n); }
  for (var r = 0; r < ROWS; r++) {
    let m = row + u32(r) * stride;
    if (m < params.M) { store_quad(m, n, (*sums)[r] + biases, residuals[r]); }
  }
}

// Of columns n to n + 3; the last one stands in for those after it.
fn biases_at(n: u32) -> vec4f {
  var quad = vec4f();
  for (var j = 0u; j < 4u; j++) { quad[j] = bias[min(n + j, params.N - 1u)]; }
  return quad;
}

// The numbers that RESIDUAL adds to columns n to n + 3 of a row; the last one stands in for those after it.
fn residuals_at(m: u32, n: u32) -> vec4f {
  var quad = vec4f();
  @if(RESIDUAL) for (var j = 0u; j < 4u; j++) {
    quad[j] = out[m * params.O + params.first + min(n + j, params.N - 1u)];
  }
  return quad;
}

// f of biased sums of columns n to n + 3 of a row, with residuals, into \`out\`, or into the cache where they are k or v.
fn store_quad(m: u32, n: u32, sums: vec4f, residuals: vec4f) {
  @if(KV_WRITE) if (n >= num_q_columns()) {
    write_kv(m, n, sums);
    return;
  }
  for (var j = 0u; j < 4u; j += SPAN) {
    var value = f(sums[j]);
    @if(SILU_MUL) value *= sums[j + 1u];
    @if(RESIDUAL) value = residuals[j] + value;
    if (n + j < params.N) { out[m * params.O + params.first + (n + j) / SPAN] = value; }
  }
}

@if(KV_WRITE) fn num_q_columns() -> u32 {
  return params.N - 2u * params.G * params.D;
}

// Columns n to n + 3 of a row into its slot of the cache. A negative slot is padding and takes nothing.
@if(KV_WRITE) fn write_kv(m: u32, n: u32, columns: vec4f) {
  if (m >= params.M || slot_mapping[m] < 0) { return; }
  let slot = u32(slot_mapping[m]);
  // Index among a block's heads: those of k, then those of v.
  let head = (n - num_q_columns()) / params.D;
  let cache_row = (slot / params.P * 2u * params.G + head) * params.P + slot % params.P;
  let quad = (cache_row * params.D + n % params.D) / 4u;
  @if(KV_F16) kv[quad] = vec2u(pack2x16float(columns.xy), pack2x16float(columns.zw));
  @else kv[quad] = bitcast<vec4u>(columns);
}
`,
  matmul_inputs: `import package::packed_weights::{
  GROUP, GROUP_ROWS, SCALE_ROWS, TILE, TILE_VEC4, WORD_K, high_halves, low_halves, nibbles, signed_bytes,
};

// The inputs of the matmul, for all files of it: x[M, K], and w[K, N] in column tiles (packed_weights). A lane owns four
// neighbouring columns of a tile, and takes four k of them at a time.
// X_VEC4: K is a multiple of four, so that four k of x are one load.

@if(X_VEC4) @group(0) @binding(0) var<storage, read> x: array<vec4f>;
@else @group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;

const ROWS = constants::ROWS;
const TILES = constants::TILES;
// Quads of sums that a lane has: [TILES][ROWS].
const SUMS = constants::ROWS * constants::TILES;
// Rows of words of four k, and quads of k of a row of words.
const QUAD_WORDS = max(4u / WORD_K, 1u);
const WORD_QUADS = max(WORD_K / 4u, 1u);

// x[row, k] to x[row, k + 3]. Rows after the last and k after K stand in for others.
@if(X_VEC4) fn near_x(row: u32, k: u32) -> vec4f {
  return x[(min(row, params.M - 1u) * params.K + min(k, params.K - 4u)) / 4u];
}
@else fn near_x(row: u32, k: u32) -> vec4f {
  let start = min(row, params.M - 1u) * params.K;
  var quad = vec4f();
  for (var i = 0u; i < 4u; i++) { quad[i] = x[start + min(k + i, params.K - 1u)]; }
  return quad;
}

// k to k + 3, zeros after K.
fn zero_after_k(quad: vec4f, k: u32) -> vec4f {
  return select(vec4f(), quad, vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.K));
}

// x[row, k] to x[row, k + 3], zeros after K where a row of words ends there. A row after the last stands in for it: its sums
// go nowhere.
@if(X_VEC4 && !W_Q4) fn load_x(row: u32, k: u32) -> vec4f { return near_x(row, k); }
@elif(X_VEC4) fn load_x(row: u32, k: u32) -> vec4f { return select(vec4f(), near_x(row, k), k < params.K); }
@else fn load_x(row: u32, k: u32) -> vec4f { return zero_after_k(near_x(row, k), k); }

// First words of a tile. A tile after the last stands in for it: its sums go nowhere.
fn tile_start(tile: u32) -> u32 {
  let rows = (params.K + GROUP - 1u) / GROUP * GROUP_ROWS;
  return min(tile, (params.N + TILE - 1u) / TILE - 1u) * rows * TILE_VEC4;
}

// Scales and minimums of a quad of columns, of storage that has them.
struct Scales { scale: vec4f, minimum: vec4f }

// The scales whose first row of words is at \`at\`.
@if(W_Q4) fn load_scales(at: u32) -> Scales {
  return Scales(bitcast<vec4f>(w[at]), bitcast<vec4f>(w[at + TILE_VEC4]));
}
@elif(W_Q8 || W_Q8_32) fn load_scales(at: u32) -> Scales { return Scales(bitcast<vec4f>(w[at]), vec4f()); }
@else fn load_scales(at: u32) -> Scales { return Scales(); }

// Rows of w that are unpacked at a time: all in a row of words, or four.
const UNPACKED = min(WORD_K, 4u);

// The first rows of w in a row of words.
@if(W_Q4) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(
    fma(nibbles(words, 0u), scales.scale, -scales.minimum),
    fma(nibbles(words, 1u), scales.scale, -scales.minimum),
    fma(nibbles(words, 2u), scales.scale, -scales.minimum),
    fma(nibbles(words, 3u), scales.scale, -scales.minimum),
  );
}
@elif(W_Q8 || W_Q8_32) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(
    signed_bytes(words, 0u) * scales.scale,
    signed_bytes(words, 1u) * scales.scale,
    signed_bytes(words, 2u) * scales.scale,
    signed_bytes(words, 3u) * scales.scale,
  );
}
@elif(W_F16) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(low_halves(words), high_halves(words));
}
@else fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(bitcast<vec4f>(words));
}

// A row of words from quad \`part\` of its k on: more than one have only those of values of four bits.
fn from_part(words: vec4u, part: u32) -> vec4u { return words >> vec4u(4u * 4u * part); }

// Place of the words of k, of the tile whose words start at \`start\`, and of the scales of their group.
@if(W_Q4 || W_Q8 || W_Q8_32) fn words_at(start: u32, k: u32) -> u32 {
  return start + (k / GROUP * GROUP_ROWS + SCALE_ROWS + k % GROUP / WORD_K) * TILE_VEC4;
}
@else fn words_at(start: u32, k: u32) -> u32 { return start + k / WORD_K * TILE_VEC4; }
fn scales_at(start: u32, k: u32) -> u32 { return start + k / GROUP * GROUP_ROWS * TILE_VEC4; }

// A lane's way down its columns of a tile: the place of its next words, and the scales of their group.
struct Columns { at: u32, scales: Scales }

fn columns_of(first_tile: u32, quad: u32) -> array<Columns, TILES> {
  var columns = array<Columns, TILES>();
  for (var t = 0; t < TILES; t++) { columns[t].at = tile_start(first_tile + u32(t)) + quad; }
  return columns;
}

// Takes the scales of a group, which stand before its first k.
fn start_groups(columns: ptr<function, array<Columns, TILES>>, k: u32) {
  @if(W_Q4 || W_Q8 || W_Q8_32) if (k % GROUP == 0u) {
    for (var t = 0; t < TILES; t++) {
      (*columns)[t].scales = load_scales((*columns)[t].at);
      (*columns)[t].at += SCALE_ROWS * TILE_VEC4;
    }
  }
}

// The rows of w from k on, four of them, of tile t: the next on the lane's way. Words of eight k are loaded for each four:
// kept until the next, they cost more.
fn next_rows(columns: ptr<function, array<Columns, TILES>>, t: i32, k: u32) -> array<vec4f, 4> {
  let part = k / 4u % WORD_QUADS;
  var rows = array<vec4f, 4>();
  for (var i = 0u; i < 4u; i += UNPACKED) {
    var unpacked = unpack(from_part(w[(*columns)[t].at], part), (*columns)[t].scales);
    (*columns)[t].at += (part + 1u) / WORD_QUADS * TILE_VEC4;
    for (var j = 0u; j < UNPACKED; j++) { rows[i + j] = unpacked[j]; }
  }
  return rows;
}

// sum + a . rows, k ascending.
fn add_quad(sum: vec4f, a: vec4f, rows: array<vec4f, 4>) -> vec4f {
  return fma(vec4f(a.w), rows[3], fma(vec4f(a.z), rows[2], fma(vec4f(a.y), rows[1], fma(vec4f(a.x), rows[0], sum))));
}

// k of a chunk in the class gpu: its sum is complete before it is added to those of the chunks before it.
@if(CHUNK) const CHUNK = u32(constants::CHUNK);

// Adds the sums of a chunk to the totals, and starts the next: called where k is a multiple of CHUNK, and after the last k.
// Compilers add in an order of their own where they see all of a sum, so it comes out of a loop of unknown length.
@if(CHUNK) fn end_chunk(totals: ptr<function, array<vec4f, SUMS>>, sums: ptr<function, array<vec4f, SUMS>>) {
  for (var s = 0; s < SUMS; s++) {
    (*totals)[s] += (*sums)[s];
    (*sums)[s] = vec4f();
  }
}

// A lane's words of four k, or of all in a row of words, and of a chunk of CHUNK k with the scales of their group.
@if(QUADS) alias QuadWords = array<vec4u, QUAD_WORDS>;
@if(QUADS) struct Chunk { words: array<QuadWords, CHUNK / 4u / WORD_QUADS>, scales: Scales }

// The words from k on, of the tile whose words start at \`start\`. The last chunk stands in for those after it.
@if(QUADS) fn load_chunk(start: u32, k: u32) -> Chunk {
  let chunk_k = min(k, (params.K - 1u) / CHUNK * CHUNK);
  var chunk = Chunk();
  chunk.scales = load_scales(scales_at(start, chunk_k));
  let first = words_at(start, chunk_k);
  for (var q = 0u; q < CHUNK / 4u / WORD_QUADS; q++) {
    for (var i = 0u; i < QUAD_WORDS; i++) { chunk.words[q][i] = w[first + (q * QUAD_WORDS + i) * TILE_VEC4]; }
  }
  return chunk;
}

// Four k of a lane's columns: quad \`part\` of their words.
@if(QUADS) fn rows_of_quad(words: QuadWords, scales: Scales, part: u32) -> array<vec4f, 4> {
  var rows = array<vec4f, 4>();
  for (var i = 0u; i < QUAD_WORDS; i++) {
    var unpacked = unpack(from_part(words[i], part), scales);
    for (var j = 0u; j < UNPACKED; j++) { rows[i * UNPACKED + j] = unpacked[j]; }
  }
  return rows;
}
`,
  matmul_naive: `// out[m, n] = sum_k x[m, k] w[k, n] + bias[n]: x[M, K], w[K, N], bias[N], out[M, N], all f32 and row-major.
// The plain way, to learn from and to judge matmul by: it reads every weight M times, and sums in the same order (one
// running f32 sum, k ascending), so that its results are those of matmul bit for bit.
// One lane an element; grid: (N / LANES, M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let n = global.x;
  let m = global.y;
  if (n >= params.N) { return; }
  var sum = 0.0;
  for (var k = 0u; k < params.K; k++) {
    sum = fma(x[m * params.K + k], w[k * params.N + n], sum);
  }
  out[m * params.N + n] = sum + bias[n];
}
`,
  matmul_norm: `import package::norm_row::{GROUPS, PARTS, normalized, scale_of, scaled, sum_of};
import package::matmul_inputs::{ROWS, load_x};
import package::matmul_chunks::{K_QUADS, LANES, QUADS, quads};

// The norm that matmul_chunks takes in with NORM: of x[M, K] the matmul's rows are (x[m, k] - mean_m) * scale_m * gamma[k] +
// beta[k], bit for bit those of layernorm_wide, with gamma[K], beta[K]. Every workgroup norms its own rows again: for few rows that
// costs less than a dispatch and its wait. K is a multiple of four, so that four parts of a sum are one load.
// With RMS they are x[m, k] * scale_m * gamma[k], bit for bit those of rmsnorm_wide: there is neither a mean nor beta.

@if(KV_WRITE) @group(0) @binding(6) var<storage, read> gamma: array<vec4f>;
@else @group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@if(KV_WRITE && !RMS) @group(0) @binding(7) var<storage, read> beta: array<vec4f>;
@if(!KV_WRITE && !RMS) @group(0) @binding(5) var<storage, read> beta: array<vec4f>;

// Quads of the parts of a row's sum; a quad's elements are parts next to each other.
const PART_QUADS = PARTS / 4u;
// Workgroup memory of the norm: [ROWS][PART_QUADS] of parts, then the x of [ROWS][GROUPS] is a group's sum, and the x and y of
// [ROWS] are a row's mean and scale.
const GROUPS_AT = u32(ROWS) * PART_QUADS;
const NORMS_AT = GROUPS_AT + u32(ROWS) * GROUPS;
const NORM_QUADS = NORMS_AT + u32(ROWS);

// Loads of four parts of a row that are under way at once.
const LOADS = 4u;
// Quads of k that a lane loads of each row in a round of chunks.
const LANE_QUADS = K_QUADS / QUADS;

// Turns over a row before that over its squares: one for its mean.
@if(RMS) const FIRST_TURN = 1u;
@else const FIRST_TURN = 0u;

// Mean and scale of a row; the mean is 0 with RMS.
struct RowNorm { mean: f32, scale: f32 }

// Four k of gamma and beta; beta is 0 with RMS.
struct Gain { gamma: vec4f, beta: vec4f }

// Adds up the parts of quad q of all rows from \`first\` on: of x, or of the squares of its distance from the mean. The loads of
// all rows are under way at once. To add x is an fma by one.
fn add_parts(first: u32, q: u32, squares: bool) {
  var means = array<f32, ROWS>();
  var sums = array<vec4f, ROWS>();
  @if(!RMS) for (var r = 0; r < ROWS; r++) { means[r] = select(0.0, quads[NORMS_AT + u32(r)].x, squares); }
  for (var k = q * 4u; k < params.K; k += LOADS * PARTS) {
    var xs = array<array<vec4f, LOADS>, ROWS>();
    for (var r = 0; r < ROWS; r++) {
      for (var l = 0u; l < LOADS; l++) { xs[r][l] = load_x(first + u32(r), k + l * PARTS); }
    }
    for (var r = 0; r < ROWS; r++) {
      for (var l = 0u; l < LOADS; l++) {
        let d = select(vec4f(), xs[r][l] - vec4f(means[r]), k + l * PARTS < params.K);
        sums[r] = fma(d, select(vec4f(1.0), d, squares), sums[r]);
      }
    }
  }
  for (var r = 0; r < ROWS; r++) { quads[u32(r) * PART_QUADS + q] = sums[r]; }
}

// The sum of the parts of group i of all rows.
fn add_group(i: u32) -> f32 {
  var parts = array<f32, GROUPS>();
  for (var q = 0u; q < GROUPS / 4u; q++) {
    let quad = quads[i * (GROUPS / 4u) + q];
    for (var j = 0u; j < 4u; j++) { parts[q * 4u + j] = quad[j]; }
  }
  return sum_of(parts);
}

// The sum of the groups of a row.
fn add_groups(r: u32) -> f32 {
  var groups = array<f32, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) { groups[g] = quads[GROUPS_AT + r * GROUPS + g].x; }
  return sum_of(groups);
}

// Mean and scale of ROWS rows from \`first\` on; \`quads\` holds nothing before and after. All lanes of the workgroup call it.
fn norm_rows(first: u32, lane: u32) -> array<RowNorm, ROWS> {
  for (var turn = FIRST_TURN; turn < 2u; turn++) {
    let squares = turn > 0u;
    for (var q = lane; q < PART_QUADS; q += LANES) { add_parts(first, q, squares); }
    workgroupBarrier();
    for (var i = lane; i < u32(ROWS) * GROUPS; i += LANES) {
      quads[GROUPS_AT + i] = vec4f(add_group(i) / f32(params.K));
    }
    workgroupBarrier();
    if (lane < u32(ROWS)) {
      let sum = add_groups(lane);
      @if(RMS) let mean = 0.0;
      @else let mean = select(sum, quads[NORMS_AT + lane].x, squares);
      quads[NORMS_AT + lane] = vec4f(mean, scale_of(sum, params.eps), 0.0, 0.0);
    }
    workgroupBarrier();
  }
  var norms = array<RowNorm, ROWS>();
  for (var r = 0; r < ROWS; r++) {
    let norm = quads[NORMS_AT + u32(r)];
    norms[r] = RowNorm(norm.x, norm.y);
  }
  workgroupBarrier();
  return norms;
}

// Gamma and beta of k to k + 3; those of the last k stand in for those after it.
fn load_gain(k: u32) -> Gain {
  let quad = min(k, params.K - 4u) / 4u;
  @if(RMS) return Gain(gamma[quad], vec4f());
  @else return Gain(gamma[quad], beta[quad]);
}

// Four elements of a row.
fn normalized_quad(x: vec4f, norm: RowNorm, gain: Gain) -> vec4f {
  var quad = vec4f();
  for (var j = 0u; j < 4u; j++) {
    @if(RMS) quad[j] = scaled(x[j], norm.scale, gain.gamma[j]);
    @else quad[j] = normalized(x[j], norm.mean, norm.scale, gain.gamma[j], gain.beta[j]);
  }
  return quad;
}
`,
  matmul_subgroup: `import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, ROWS, SUMS, TILES, add_quad, columns_of, end_chunk, load_x, next_rows, start_groups,
};
import package::matmul_epilogue::write_sums;
import package::shuffle4::shuffle4;
enable subgroups;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n]), as in matmul and bit for bit.
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// Here no two of X_LANES lanes load the same x: a lane loads four k of one row, and the others ask it for them.
// Lanes over quads of columns, all with the same rows; grid: (tiles / tiles of a workgroup, M / ROWS).

override LANES: u32 = 32;

// Lanes that share the loads of x: they lie over rows first, then over the quads of k of a round.
const X_LANES = constants::X_LANES;
const X_ROWS = min(constants::ROWS, X_LANES);
const X_LOADS = (constants::ROWS + X_ROWS - 1) / X_ROWS;
const K_QUADS = X_LANES / X_ROWS;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let quad = lane % TILE_VEC4;
  let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  let row = workgroup.y * u32(ROWS);
  var columns = columns_of(first_tile, quad);
  var acc = array<vec4f, SUMS>();
  @if(CHUNK) var totals = array<vec4f, SUMS>();

  for (var k = 0u; k < params.K; k += u32(4 * K_QUADS)) {
    start_groups(&columns, k);
    let x_row = row + subgroup_lane % u32(X_ROWS);
    let x_k = k + subgroup_lane / u32(X_ROWS) % u32(K_QUADS) * 4u;
    var xs = array<vec4f, X_LOADS>();
    for (var i = 0; i < X_LOADS; i++) { xs[i] = load_x(x_row + u32(i * X_ROWS), x_k); }

    // The last quad of an odd K ends in zeros, on both sides.
    let quads = select(min(u32(K_QUADS), (params.K - k + 3u) / 4u), 1u, K_QUADS == 1);
    for (var q = 0u; q < quads; q++) {
      var quads_of_x = array<vec4f, ROWS>();
      for (var r = 0; r < ROWS; r++) { quads_of_x[r] = shuffle4(xs[r / X_ROWS], q * u32(X_ROWS) + u32(r % X_ROWS)); }
      for (var t = 0; t < TILES; t++) {
        let rows = next_rows(&columns, t, k + 4u * q);
        for (var r = 0; r < ROWS; r++) { acc[t * ROWS + r] = add_quad(acc[t * ROWS + r], quads_of_x[r], rows); }
      }
    }
    @if(CHUNK) if ((k + u32(4 * K_QUADS)) % CHUNK == 0u) { end_chunk(&totals, &acc); }
  }
  @if(CHUNK) end_chunk(&totals, &acc);
  @if(CHUNK) write_sums(&totals, row, first_tile, quad);
  @else write_sums(&acc, row, first_tile, quad);
}
`,
  matmul_tiles: `import package::packed_weights::{TILE_VEC4, WORD_K};
import package::matmul_inputs::{
  CHUNK, ROWS, Scales, TILES, UNPACKED, WORD_QUADS, add_quad, from_part, load_scales, near_x, scales_at, tile_start, unpack, w,
  words_at, zero_after_k,
};
import package::matmul_epilogue::write_rows;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n]), as in matmul_chunks and bit for bit.
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// For many rows, where arithmetic takes the time and not the weights: a workgroup shares slices of K_TILE k of its rows and
// columns, and while a lane adds ROWS rows and four columns of one, its loads of the next are under way.
// Lanes over quads of columns, then in GROUPS over rows; grid: (tiles / TILES, M / (GROUPS ROWS)).

override LANES: u32 = 256;

const K_TILE = u32(constants::K_TILE);
const K_QUADS = K_TILE / 4u;
const WORD_ROWS = K_TILE / WORD_K;
// Quads of k of a turn of the loop, whose loads from workgroup memory are under way together.
const TURN = select(1u, 2u, ROWS < 8);
// Quads of columns of the workgroup.
const COLUMNS = u32(TILES) * TILE_VEC4;
override GROUPS: u32 = LANES / COLUMNS;
// The fewest groups that a workgroup may have.
const MIN_GROUPS = 4u;
// Quads of x that a lane loads of a slice, and words of w.
const X_LOADS = u32(ROWS) * K_QUADS / COLUMNS;
override W_LOADS: u32 = (WORD_ROWS + GROUPS - 1u) / GROUPS;

// [K_QUADS][GROUPS] of a lane's rows. Eight quads fill the banks of workgroup memory once: with one row more and these groups
// more, eight lanes that load or store together never meet in a bank.
const PAD_GROUPS = 8u / K_QUADS;
var<workgroup> shared_x: array<array<vec4f, ROWS + 1>, K_QUADS * (GROUPS + PAD_GROUPS)>;
var<workgroup> shared_w: array<array<array<vec4f, COLUMNS>, 4>, K_QUADS>;

// A lane's part of the workgroup: its columns and group, and what it loads of each slice and where that goes.
struct Part { column: u32, group: u32, x_row: u32, x_quad: u32, x_place: u32, x_slot: u32, w_row: u32, w_start: u32 }

fn part_of(workgroup: vec3u, lane: u32) -> Part {
  var part = Part();
  part.column = lane % COLUMNS;
  part.group = lane / COLUMNS;
  let row = lane / K_QUADS;
  part.x_row = workgroup.y * GROUPS * u32(ROWS) + row;
  part.x_quad = lane % K_QUADS;
  part.x_place = part.x_quad * (GROUPS + PAD_GROUPS) + row % GROUPS;
  part.x_slot = row / GROUPS;
  part.w_row = min(part.group, WORD_ROWS - 1u);
  let tile = workgroup.x * u32(TILES) + part.column / TILE_VEC4;
  part.w_start = tile_start(tile) + part.w_row * TILE_VEC4 + part.column % TILE_VEC4;
  return part;
}

// A lane's share of a slice, as it was loaded.
struct Share { x: array<vec4f, X_LOADS>, w: array<vec4u, max(WORD_ROWS / MIN_GROUPS, 1u)>, scales: Scales }

fn load_share(part: Part, k: u32) -> Share {
  var share = Share();
  for (var i = 0u; i < X_LOADS; i++) {
    share.x[i] = near_x(part.x_row + i * (LANES / K_QUADS), k + part.x_quad * 4u);
  }
  for (var i = 0u; i < W_LOADS; i++) { share.w[i] = w[words_at(part.w_start + i * GROUPS * TILE_VEC4, k)]; }
  share.scales = load_scales(scales_at(part.w_start - part.w_row * TILE_VEC4, k));
  return share;
}

fn store_share(part: Part, share: ptr<function, Share>, k: u32) {
  if (k + K_TILE > params.K) {
    for (var i = 0u; i < X_LOADS; i++) { (*share).x[i] = zero_after_k((*share).x[i], k + part.x_quad * 4u); }
  }
  for (var i = 0u; i < X_LOADS; i++) { shared_x[part.x_place][part.x_slot + i * (COLUMNS / K_QUADS)] = (*share).x[i]; }
  if (part.group < WORD_ROWS) {
    for (var i = 0u; i < W_LOADS; i++) {
      for (var p = 0u; p < WORD_QUADS; p++) {
        var rows = unpack(from_part((*share).w[i], p), (*share).scales);
        let first = part.w_row * WORD_K + 4u * p;
        for (var j = 0u; j < UNPACKED; j++) {
          shared_w[(first + j) / 4u + i * (GROUPS * WORD_K / 4u)][(first + j) % 4u][part.column] = rows[j];
        }
      }
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = part_of(workgroup, lane);
  let end = (params.K + CHUNK - 1u) / CHUNK * CHUNK;
  var totals = array<vec4f, ROWS>();
  var sums = array<vec4f, ROWS>();

  // Each turn loads a slice and adds the one before. A compiler may move loads past a loop, but not out of a branch.
  for (var k = 0u; k <= end; k += K_TILE) {
    var share = Share();
    if (k < end) { share = load_share(part, k); }
    // No compiler knows this number: it could add the terms of an unrolled loop to the total one by one.
    let quads = select(K_QUADS, 0u, k == 0u) + (params.K >> 31u);
    for (var quad = 0u; quad < quads; quad += TURN) {
      var rows = array<array<vec4f, 4>, TURN>();
      for (var t = 0u; t < TURN; t++) {
        for (var i = 0u; i < 4u; i++) { rows[t][i] = shared_w[quad + t][i][part.column]; }
      }
      for (var t = 0u; t < TURN; t++) {
        let place = (quad + t) * (GROUPS + PAD_GROUPS) + part.group;
        for (var r = 0; r < ROWS; r++) { sums[r] = add_quad(sums[r], shared_x[place][r], rows[t]); }
      }
    }
    if (k % CHUNK == 0u) {
      for (var r = 0; r < ROWS; r++) {
        totals[r] += sums[r];
        sums[r] = vec4f();
      }
    }
    workgroupBarrier();
    store_share(part, &share, k);
    workgroupBarrier();
  }
  let row = workgroup.y * GROUPS * u32(ROWS) + part.group;
  write_rows(&totals, row, GROUPS, (workgroup.x * COLUMNS + part.column) * 4u);
}
`,
  norm_lanes: `// The sums of a norm in the reduction class software: lane i sums c = i, i + WIDTH, ... ascending; then every lane adds the WIDTH
// partial sums ascending. WIDTH never follows the number of rows or their length.

const WIDTH = 32u;
var<workgroup> partial: array<f32, WIDTH>;

// The sum of the lanes' values; all lanes of the workgroup call it.
fn add_up(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < WIDTH; i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}
`,
  norm_parts: `import package::norm_row::{GROUPS, PARTS, sum_of};

// A norm's sums in a workgroup of PARTS lanes, one for each part of norm_row.

// Elements of its part that a lane holds: it loads them all before it uses any. What a longer row has besides is loaded in each
// pass.
const HELD = 8u;

var<workgroup> parts: array<array<f32, GROUPS>, GROUPS>;
var<workgroup> groups: array<f32, GROUPS>;

// The mean over a row of C of what the lanes' parts add up; all lanes of the workgroup call it.
fn mean_of(lane: u32, part: f32, C: u32) -> f32 {
  parts[lane / GROUPS][lane % GROUPS] = part;
  workgroupBarrier();
  if (lane < GROUPS) { groups[lane] = sum_of(parts[lane]) / f32(C); }
  workgroupBarrier();
  return sum_of(groups);
}
`,
  norm_row: `// The norm of a row in the reduction class gpu: what takes a norm in gives the bits of the norm. Shared memory is the caller's,
// so that it may hold any number of rows.
// A sum over C elements has one order, which follows neither the number of lanes nor C:
//   part i of PARTS adds up c = i, i + PARTS, ... ascending, from 0; squares by fma;
//   group g of GROUPS adds up parts g * GROUPS to g * GROUPS + GROUPS - 1 ascending, and divides their sum by C;
//   then the groups are added ascending.
// 256 lanes have a part each; 64 lanes that load four neighbouring c at once have four.
// Parts and groups go through shared memory before they are added, and no product is added but by fma: no compiler rounds in
// another place.

const PARTS = 256u;
// There are as many groups as parts of a group.
const GROUPS = 16u;

// The sum of the parts of a group, or of all groups.
fn sum_of(terms: array<f32, GROUPS>) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < GROUPS; i++) { sum += terms[i]; }
  return sum;
}

// 1 / sqrt(variance + eps)
fn scale_of(variance: f32, eps: f32) -> f32 {
  return inverseSqrt(variance + eps);
}

fn normalized(x: f32, mean: f32, scale: f32, gamma: f32, beta: f32) -> f32 {
  return fma((x - mean) * scale, gamma, beta);
}

// The element of an RMS norm, which has neither a mean nor a shift.
fn scaled(x: f32, scale: f32, gamma: f32) -> f32 {
  return x * scale * gamma;
}
`,
  packed_rows: `// Rows of packed f16: a vector of four u32 holds eight neighbouring components, the even ones in the low halves.

// Components 0 to 3.
fn first_quad(words: vec4u) -> vec4f {
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}

// Components 4 to 7.
fn second_quad(words: vec4u) -> vec4f {
  return vec4f(unpack2x16float(words.z), unpack2x16float(words.w));
}
`,
  packed_weights: `// Weights are stored as column tiles: w[tile][row of words][column in tile], TILE columns wide, K rounded up with zeros, so
// that a tile is contiguous and a lane reads four neighbouring columns with one vec4 load. A row of words holds
//   f32:   one k;
//   f16:   k and k + 1, k in the low half;
//   q8:    k to k + 3 as signed bytes, k in the lowest, in groups of 64 k;
//   q8_32: the same in groups of 32;
//   q4:    k to k + 7 as values from 0 to 15, k in the lowest four bits, in groups of 32.
// K is rounded up to whole groups. Before the words of a group stands a row of its columns' f32 scales; after it, in q4, one of
// their minimums. The weight is byte * scale, or value * scale - minimum. A scale has at most 17 significant bits in q8, which
// makes the product with a byte exact, and 20 in q4, where only the difference is rounded then, in an fma or apart.

const TILE = 32u;
// k of a row of words.
@if(W_Q4) const WORD_K = 8u;
@elif(W_Q8 || W_Q8_32) const WORD_K = 4u;
@elif(W_F16) const WORD_K = 2u;
@else const WORD_K = 1u;
// k of a group.
@if(W_Q8) const GROUP = 64u;
@else const GROUP = 32u;
// Rows of scales and minimums of a group, and all of its rows of words.
@if(W_Q4) const SCALE_ROWS = 2u;
@elif(W_Q8 || W_Q8_32) const SCALE_ROWS = 1u;
@else const SCALE_ROWS = 0u;
const GROUP_ROWS = SCALE_ROWS + GROUP / WORD_K;

// Number of vec4 loads across a tile.
const TILE_VEC4 = TILE / 4u;

// Even rows of a packed quad.
fn low_halves(quad: vec4u) -> vec4f {
  return vec4f(unpack2x16float(quad.x).x, unpack2x16float(quad.y).x, unpack2x16float(quad.z).x, unpack2x16float(quad.w).x);
}

// Odd rows of a packed quad.
fn high_halves(quad: vec4u) -> vec4f {
  return vec4f(unpack2x16float(quad.x).y, unpack2x16float(quad.y).y, unpack2x16float(quad.z).y, unpack2x16float(quad.w).y);
}

// Byte \`i\` of a word.
fn signed_byte(word: u32, i: u32) -> f32 {
  return f32(bitcast<i32>(word << (24u - 8u * i)) >> 24u);
}

// Byte \`i\` of each word of a quad.
fn signed_bytes(quad: vec4u, i: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(quad << vec4u(24u - 8u * i)) >> vec4u(24u));
}

// Four bits \`i\` of a word.
fn nibble(word: u32, i: u32) -> f32 {
  return f32((word >> (4u * i)) & 15u);
}

// Four bits \`i\` of each word of a quad.
fn nibbles(quad: vec4u, i: u32) -> vec4f {
  return vec4f((quad >> vec4u(4u * i)) & vec4u(15u));
}
`,
  pool_hidden: `// sums[slot, c] = (is_continued ? sums[slot, c] : 0) + x[first, c] + … + x[end - 1, c], for each row (first, end, slot, is_continued):
//   x[T, C], rows[R, ROW_WORDS], sums[S, C]; no slot twice.
// An embedding is the mean of the hidden states of a prompt, which takes as many steps as it has chunks: each goes on with the sum
// that the last one left. One chain of sums, token by token, so that it is the same however the prompt is cut.
// One lane a column; grid: (C / LANES, R).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

override LANES: u32 = 64;

// Words of a row of \`rows\`.
const FIRST = 0u;
const END = 1u;
const SLOT = 2u;
const IS_CONTINUED = 3u;
const ROW_WORDS = 4u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  if (c >= params.C) { return; }
  let row = global.y * ROW_WORDS;
  let at = rows[row + SLOT] * params.C + c;
  var sum = 0.0;
  if (rows[row + IS_CONTINUED] != 0u) { sum = sums[at]; }
  let end = rows[row + END];
  for (var t = rows[row + FIRST]; t < end; t++) { sum += x[t * params.C + c]; }
  sums[at] = sum;
}
`,
  print: `// Lines that lanes print for the host. No kernel imports it: where one is linked with DEBUG, the linker puts this text and the binding
// \`print_ring\` after the shader's own, and has \`main\` store its lane first.
// print_ring: word 0 counts the lines; words 1 to 3 are the workgroup and word 4 the lane that may print, ANY for each; then lines of
// LINE words: workgroup, local id, lane, tag, type, value. Lines beyond its end are counted and lost.

const PRINT_ANY = 0xffffffffu;
const PRINT_HEADER = 5u;
const PRINT_LINE = 10u;
const PRINT_U32 = 0u;
const PRINT_I32 = 1u;
const PRINT_F32 = 2u;

var<private> print_workgroup: vec3u;
var<private> print_local: vec3u;
var<private> print_lane: u32;

fn print_u32(tag: u32, value: u32) {
  print_word(tag, PRINT_U32, value);
}

fn print_i32(tag: u32, value: i32) {
  print_word(tag, PRINT_I32, bitcast<u32>(value));
}

fn print_f32(tag: u32, value: f32) {
  print_word(tag, PRINT_F32, bitcast<u32>(value));
}

fn print_word(tag: u32, kind: u32, word: u32) {
  if (!print_allows(1u, print_workgroup.x) || !print_allows(2u, print_workgroup.y)) { return; }
  if (!print_allows(3u, print_workgroup.z) || !print_allows(4u, print_lane)) { return; }
  let line = atomicAdd(&print_ring[0], 1u);
  if (line >= (arrayLength(&print_ring) - PRINT_HEADER) / PRINT_LINE) { return; }
  let at = PRINT_HEADER + line * PRINT_LINE;
  atomicStore(&print_ring[at], print_workgroup.x);
  atomicStore(&print_ring[at + 1], print_workgroup.y);
  atomicStore(&print_ring[at + 2], print_workgroup.z);
  atomicStore(&print_ring[at + 3], print_local.x);
  atomicStore(&print_ring[at + 4], print_local.y);
  atomicStore(&print_ring[at + 5], print_local.z);
  atomicStore(&print_ring[at + 6], print_lane);
  atomicStore(&print_ring[at + 7], tag);
  atomicStore(&print_ring[at + 8], kind);
  atomicStore(&print_ring[at + 9], word);
}

// Whether a number is the one that a word of the header asks for.
fn print_allows(word: u32, value: u32) -> bool {
  let only = atomicLoad(&print_ring[word]);
  return only == PRINT_ANY || only == value;
}
`,
  probe_fma: `// out[i] = sum of two vectors, 4 ROUNDS times each a = fma(a, factor, term): how fast an adapter multiplies and adds.
// Eight chains hide the latency and still fit a processor's vector registers; four steps a turn hide the cost of the loop.
// The sum only keeps the chains alive.
// One lane an element; grid: (elements / LANES).

@group(0) @binding(0) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let factor = vec4f(params.factor);
  let term = vec4f(params.term);
  let start = vec4f(vec4u(0u, 1u, 2u, 3u) + global.x);
  var a = start;
  var b = start + 0.5;
  for (var r = 0u; r < params.ROUNDS; r++) {
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
  }
  let sum = a + b;
  out[global.x] = sum.x + sum.y + sum.z + sum.w;
}
`,
  probe_load: `// sums[w LANES + lane] = ROUNDS times the sum over j < I / LANES of the words of vectors[j LANES + lane]: every workgroup
// loads the same vectors, few enough for the nearest cache, again and again.
// How fast an adapter loads what it need not wait for: four loads a turn hide the cost of the loop.
// Workgroups of any number; grid: (workgroups).

@group(0) @binding(0) var<storage, read> vectors: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = vec4u();
  for (var r = 0u; r < params.ROUNDS; r++) {
    for (var first = 0u; first < params.I; first += 4u * LANES) {
      let at = first + lane;
      sum += vectors[at] + vectors[at + LANES] + vectors[at + 2u * LANES] + vectors[at + 3u * LANES];
    }
  }
  sums[workgroup.x * LANES + lane] = sum.x + sum.y + sum.z + sum.w;
}
`,
  probe_read: `// sums[w LANES + lane] = sum over j < 4 ROUNDS of the words of vectors[(4 w ROUNDS + j) LANES + lane]: reads each vector once.
// How fast an adapter reads: four loads a turn hide the cost of the loop, and the sums only keep them alive. The four are
// neighbours or, with STREAMS = 4, each from a quarter of its own of what the workgroup reads: a processor that fetches
// ahead of a stream gets more from several.
// One workgroup for 4 ROUNDS LANES neighbouring vectors; grid: (workgroups).

@group(0) @binding(0) var<storage, read> vectors: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;

const STREAMS = u32(constants::STREAMS);

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let apart = select(LANES, params.ROUNDS * LANES, STREAMS == 4u);
  var at = 4u * workgroup.x * params.ROUNDS * LANES + lane;
  var sum = vec4u();
  for (var r = 0u; r < params.ROUNDS; r++) {
    sum += vectors[at] + vectors[at + apart] + vectors[at + 2u * apart] + vectors[at + 3u * apart];
    at += 4u / STREAMS * LANES;
  }
  sums[workgroup.x * LANES + lane] = sum.x + sum.y + sum.z + sum.w;
}
`,
  radix_select: `import package::wide_sums::{add, at_least, subtract, to_f32};

// One digit of a radix select: weights are added up by bucket; then, from the highest bucket down, that one is found in
// which the running sum reaches the weight that is needed. Sums are integers, so they do not depend on the order of the
// additions. The barriers between the steps are the caller's.

const DIGIT_BITS = 8u;
const BUCKETS = 1u << DIGIT_BITS;
const GROUPS = 16u;
const BUCKETS_PER_GROUP = BUCKETS / GROUPS;

var<workgroup> low_words: array<atomic<u32>, BUCKETS>;
var<workgroup> high_words: array<atomic<u32>, BUCKETS>;
var<workgroup> group_sums: array<vec2u, GROUPS>;

// The bucket in which the running sum reaches a weight.
struct Crossing {
  bucket: u32,
  // Weight of that bucket alone.
  sum: vec2u,
  // Weight that the buckets above it leave to be reached.
  need: vec2u,
}

// Position of the first digit of a number up to span.
fn first_shift(span: u32) -> u32 {
  return 32u - DIGIT_BITS - min(countLeadingZeros(span), 32u - DIGIT_BITS);
}

fn clear_buckets(lane: u32, lanes: u32) {
  for (var bucket = lane; bucket < BUCKETS; bucket += lanes) {
    atomicStore(&low_words[bucket], 0u);
    atomicStore(&high_words[bucket], 0u);
  }
}

fn add_to_bucket(bucket: u32, weight: u32) {
  let before = atomicAdd(&low_words[bucket], weight);
  if (before + weight < before) { atomicAdd(&high_words[bucket], 1u); }
}

fn add_sum_to_bucket(bucket: u32, sum: vec2u) {
  add_to_bucket(bucket, sum.x);
  atomicAdd(&high_words[bucket], sum.y);
}

fn bucket_sum(bucket: u32) -> vec2u {
  return vec2u(atomicLoad(&low_words[bucket]), atomicLoad(&high_words[bucket]));
}

fn sum_groups(lane: u32, lanes: u32) {
  for (var group = lane; group < GROUPS; group += lanes) {
    var sum = vec2u(0u);
    let end = (group + 1u) * BUCKETS_PER_GROUP;
    for (var bucket = end - BUCKETS_PER_GROUP; bucket < end; bucket++) { sum = add(sum, bucket_sum(bucket)); }
    group_sums[group] = sum;
  }
}

fn all_groups() -> vec2u {
  var sum = vec2u(0u);
  for (var group = 0u; group < GROUPS; group++) { sum = add(sum, group_sums[group]); }
  return sum;
}

// Bucket 0 when all together do not reach it.
fn find_crossing(needed: vec2u) -> Crossing {
  var need = needed;
  var group = GROUPS - 1u;
  while (group > 0u && !at_least(group_sums[group], need)) {
    need = subtract(need, group_sums[group]);
    group--;
  }
  var bucket = (group + 1u) * BUCKETS_PER_GROUP - 1u;
  while (bucket > group * BUCKETS_PER_GROUP && !at_least(bucket_sum(bucket), need)) {
    need = subtract(need, bucket_sum(bucket));
    bucket--;
  }
  return Crossing(bucket, bucket_sum(bucket), need);
}

// About what part of the bucket it takes to reach it.
fn part_needed(crossing: Crossing) -> f32 {
  return min(to_f32(crossing.need) / max(to_f32(crossing.sum), 1.0), 1.0);
}
`,
  rmsnorm: `import package::norm_lanes::{WIDTH, add_up};

// out[m, c] = x[m, c] * (1 / sqrt(mean_c(x[m, c]^2) + eps)) * gamma[c]
//   x[M, C], gamma[C], out[M, C]; f32.
// Root mean square norm: as layernorm, without the mean and the shift. Each row is brought to mean square 1, then each column
// gets a scale that was learnt.
// Sums are those of norm_lanes.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  var squares = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) { squares = fma(x[row + c], x[row + c], squares); }
  let scale = 1.0 / sqrt(add_up(lane, squares) / f32(params.C) + params.eps);
  for (var c = lane; c < params.C; c += WIDTH) { out[row + c] = x[row + c] * scale * gamma[c]; }
}
`,
  rmsnorm_naive: `// out[m, c] = x[m, c] / sqrt(mean_c(x[m, c]^2) + eps) * gamma[c]: x[M, C], gamma[C], out[M, C], all f32.
// The plain way, to learn from and to judge rmsnorm by: each row is brought to mean square 1, then each of its columns gets a scale
// that was learnt.
// One lane a row, its sum one chain, c ascending; grid: (M / LANES).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let m = global.x;
  if (m >= params.M) { return; }
  let row = m * params.C;
  var squares = 0.0;
  for (var c = 0u; c < params.C; c++) { squares += x[row + c] * x[row + c]; }
  let root = sqrt(squares / f32(params.C) + params.eps);
  for (var c = 0u; c < params.C; c++) { out[row + c] = x[row + c] / root * gamma[c]; }
}
`,
  rmsnorm_wide: `import package::norm_row::{PARTS, scale_of, scaled};
import package::norm_parts::{HELD, mean_of};

// out[m, c] = x[m, c] * (1 / sqrt(mean_c(x[m, c]^2) + eps)) * gamma[c], as rmsnorm, with the sums of norm_row.
//   x[M, C], gamma[C], out[M, C]; f32.
// A GPU waits as long for one load as for many: lane i loads all of part i, gamma included, before it uses any. Of rows wider than
// HELD * PARTS the rest is loaded in each pass.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(PARTS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  let held_end = lane + HELD * PARTS;
  var xs: array<f32, HELD>;
  var gammas: array<f32, HELD>;
  for (var i = 0u; i < HELD; i++) {
    let c = min(lane + i * PARTS, params.C - 1u);
    xs[i] = x[row + c];
    gammas[i] = gamma[c];
  }

  var squares = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let term = select(0.0, xs[i], lane + i * PARTS < params.C);
    squares = fma(term, term, squares);
  }
  for (var c = held_end; c < params.C; c += PARTS) { squares = fma(x[row + c], x[row + c], squares); }
  let scale = scale_of(mean_of(lane, squares, params.C), params.eps);

  // Before the first branch: a compiler may put off the loads of gamma to where they are used.
  for (var i = 0u; i < HELD; i++) { xs[i] = scaled(xs[i], scale, gammas[i]); }
  for (var i = 0u; i < HELD; i++) {
    let c = lane + i * PARTS;
    if (c < params.C) { out[row + c] = xs[i]; }
  }
  for (var c = held_end; c < params.C; c += PARTS) { out[row + c] = scaled(x[row + c], scale, gamma[c]); }
}
`,
  rng: `// Counter-based random numbers, the twin of src/util/rng.ts: the same bits for the same words.

// PCG4D: four words hashed to four (Jarzynski and Olano 2020).
fn pcg4d(words: vec4u) -> vec4u {
  var v = words * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// The top 23 bits as the centre of one of 2^23 cells of (0, 1); it and its distance to 1 are exact in f32.
fn unit_interval(bits: u32) -> f32 {
  return (f32(bits >> 9u) + 0.5) * 0x1p-23;
}
`,
  rope_kv_write: `// Rotary position embedding: the heads of q and k of a token turn by angles that follow from its position, in pairs of elements
// d and d + D / 2.
//   y[d] = x[d] cos[d] - x[d + D / 2] sin[d]; y[d + D / 2] = x[d + D / 2] cos[d] + x[d] sin[d]
//   qkv[T, (H + 2 G) D] (q of H heads, k and v of G side by side), rope[Y, D]: D / 2 cosines and D / 2 sines of each position.
// The product of a query and a key then depends on the distance between their tokens, and on no position by itself.
// q is rotated in place; k, rotated, and v go where kv_write would put them, to kv[B, 2, G, P, W] at slot_mapping[T].
// With QK_NORM each head of q and of k is divided by its root mean square first, and multiplied with q_gamma[D] or k_gamma[D].
// Determinism: squares are added by fma, d ascending; of a rotation's products one is rounded and the other added by fma.
// One workgroup a head of a token, lanes over its elements; grid: (H + 2 G, T).

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> rope: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> slot_mapping: array<i32>;
@group(0) @binding(4) var<storage, read_write> kv: array<u32>;
@if(QK_NORM) @group(0) @binding(5) var<storage, read> q_gamma: array<f32>;
@if(QK_NORM) @group(0) @binding(6) var<storage, read> k_gamma: array<f32>;

override LANES: u32 = 32;

// Largest D.
const MAX_D = 256u;

var<workgroup> x: array<f32, MAX_D>;
var<workgroup> angles: array<f32, MAX_D>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let is_q = head < params.H;
  let is_v = head >= params.H + params.G;
  if (!is_q && slot_mapping[t] < 0) { return; }
  let start = (t * (params.H + 2u * params.G) + head) * params.D;
  for (var d = lane; d < params.D; d += LANES) {
    x[d] = qkv[start + d];
    angles[d] = rope[u32(positions[t]) * params.D + d];
  }
  workgroupBarrier();
  @if(QK_NORM) if (!is_v) { normalize(lane, is_q); }
  if (is_q) {
    for (var d = lane; d < params.D; d += LANES) { qkv[start + d] = rotated(d); }
    return;
  }
  let slot = u32(slot_mapping[t]);
  let block = slot / params.P;
  let row = (((block * 2u) * params.G + head - params.H) * params.P + slot - block * params.P) * params.W;
  for (var word = lane; word < params.W; word += LANES) {
    @if(KV_F16) kv[row + word] = pack2x16float(vec2f(stored(2u * word, is_v), stored(2u * word + 1u, is_v)));
    @else kv[row + word] = bitcast<u32>(stored(word, is_v));
  }
}

// Element d of a row of the cache, which ends in zeros.
fn stored(d: u32, is_v: bool) -> f32 {
  let near = min(d, params.D - 1u);
  return select(0.0, select(rotated(near), x[near], is_v), d < params.D);
}

fn rotated(d: u32) -> f32 {
  let num_pairs = params.D / 2u;
  let is_first = d < num_pairs;
  let pair = select(d - num_pairs, d, is_first);
  let partner = x[select(pair, pair + num_pairs, is_first)];
  return fma(x[d], angles[pair], select(partner, -partner, is_first) * angles[num_pairs + pair]);
}

@if(QK_NORM) fn normalize(lane: u32, is_q: bool) {
  var squares = 0.0;
  for (var d = 0u; d < params.D; d++) { squares = fma(x[d], x[d], squares); }
  let scale = inverseSqrt(squares / f32(params.D) + params.eps);
  workgroupBarrier();
  for (var d = lane; d < params.D; d += LANES) { x[d] = x[d] * scale * select(k_gamma[d], q_gamma[d], is_q); }
  workgroupBarrier();
}
`,
  rope_naive: `// out[t, h, d] = x[t, h, d] cos[d] - x[t, h, d + D / 2] sin[d], out[t, h, d + D / 2] = x[t, h, d + D / 2] cos[d] + x[t, h, d] sin[d]
//   x[T, H, D], rope[Y, D]: D / 2 cosines and D / 2 sines of each position, positions[T], out[T, H, D].
// The plain way, to learn from and to judge rope_kv_write by.
// One lane a pair; grid: (H D / 2 / LANES, T).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rope: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let num_pairs = params.D / 2u;
  let t = global.y;
  if (global.x >= params.H * num_pairs) { return; }
  let d = global.x % num_pairs;
  let first = (t * params.H + global.x / num_pairs) * params.D + d;
  let second = first + num_pairs;
  let angle = u32(positions[t]) * params.D + d;
  let cosine = rope[angle];
  let sine = rope[angle + num_pairs];
  out[first] = x[first] * cosine - x[second] * sine;
  out[second] = x[second] * cosine + x[first] * sine;
}
`,
  sample: `import package::exp_ln::{exp_minus, ln};
import package::float_order::{key_of, value_of};
import package::radix_select::{add_to_bucket, bucket_sum, clear_buckets};
import package::sample_digits::{Scales, find_digits};
import package::sample_draw::draw;
import package::sample_estimate::estimate;
import package::sample_range::{Range, find_range};
import package::sample_row::{
  FAR, LANES, MIN_P, NO_ID, Row, SMALLEST_NORMAL, TEMPERATURE, TOKEN_SLOT, TOP_K, TOP_P, UNIT, WORDS, clear_maxima, distance_of,
  logits, sampling, weight_of
};
import package::sample_strips::{FEW, STRIPS, find_candidates, read_strips};
import package::sample_tokens::{Cut, Tokens, is_kept};
import package::wide_sums::to_f32;

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see sample_row), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite; with PROBS probs[R, V], the distribution drawn from. Ids from \`allowed\` on are never drawn.
// Each filter keeps a prefix of the order (logit descending, id ascending), so nothing is sorted: only the prefix's end, the
// cut, is looked for, by radix select. Top-k weighs every token 1, top-p exp((logit - best) / temperature) in fixed point.
//   row -> strips -> for each filter (estimate -> range -> digits -> cut) -> draw
// Each phase is a file of that name, sample_strips and so on, drawn in docs/sampling.md. Only maxima and integer sums cross
// lanes, so nothing depends on LANES.
// One workgroup a row; grid: (R).

@group(0) @binding(2) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> sampled: array<vec2u>;
@if(PROBS) @group(0) @binding(4) var<storage, read_write> probs: array<f32>;

// The filter before a small top-k. Filters run in ascending order; top-k and top-p go by their words of \`sampling\`, and this
// one has none.
const STRIPS_OF_TOP_K = TOP_K - 1u;

// The shortest prefix of what \`cut\` keeps that has top-k tokens, or by mass the fraction top-p of the weight; what later
// phases look through becomes less. With STRIPS_OF_TOP_K all tokens from the key on that top-k strips reach: at least top-k
// of them, and seldom many more.
fn cut_by(filter_word: u32, lane: u32, row: Row, cut: Cut, tokens: ptr<function, Tokens>) -> Cut {
  let scales = Scales(filter_word == TOP_P, filter_word == STRIPS_OF_TOP_K);
  var range = Range(0u, row.best_key, vec2u(sampling[row.sampling + TOP_K], 0u));
  var sought = *tokens;
  if (scales.by_strip) {
    sought = Tokens(STRIPS, false);
  } else {
    let expected = estimate(lane, row, cut, scales.by_mass);
    range = find_range(lane, row, cut, expected, &sought, scales.by_mass);
    if (range.low + range.span == row.best_key) { *tokens = sought; }
  }
  let end = find_digits(lane, row, cut, sought, range, scales);
  if (scales.by_strip) { *tokens = find_candidates(lane, row, end.key, *tokens); }
  // A single token at the end of \`cut\` may have been found by a lower word than its own.
  let key = max(end.key, cut.key);
  return Cut(key, min(end.id, select(NO_ID, cut.id, key == cut.key)));
}

@if(PROBS)
fn write_probs(lane: u32, row: Row, cut: Cut, reach: f32, finite: bool) {
  clear_buckets(lane, LANES);
  workgroupBarrier();
  for (var id = lane; id < params.allowed; id += LANES) {
    let logit = logits[row.logits + id];
    if (distance_of(row, logit) <= reach && is_kept(cut, key_of(logit), id)) {
      add_to_bucket(0u, weight_of(row, logit, true));
    }
  }
  workgroupBarrier();
  let scaling = UNIT / to_f32(bucket_sum(0u));
  for (var id = lane; id < params.V; id += LANES) {
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    let is_drawn = finite && id < params.allowed && distance <= reach && is_kept(cut, key_of(logit), id);
    probs[row.logits + id] = select(0.0, exp_minus(distance) * scaling, is_drawn);
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = workgroup.x * params.V;
  let words = workgroup.x * WORDS;
  clear_maxima(lane);
  workgroupBarrier();
  let best = read_strips(lane, start);
  let finite = best.z == 1u;

  let temperature = bitcast<f32>(sampling[words + TEMPERATURE]);
  let top_k = sampling[words + TOP_K];
  let top_p = bitcast<f32>(sampling[words + TOP_P]);
  let min_p = bitcast<f32>(sampling[words + MIN_P]);
  let greedy = temperature < SMALLEST_NORMAL;
  let row = Row(start, words, select(temperature, 1.0, greedy), value_of(best.x), best.x, best.y);

  // Greedy keeps the best token alone. A loop that may have no turn stands for branches around two calls: their inlined code
  // took lavapipe five times as long to compile.
  let is_random = finite && !greedy;
  var cut = Cut(row.best_key, row.best_id);
  if (is_random) { cut = Cut(0u, 0u); }
  var tokens = Tokens(select(0u, params.allowed, is_random), false);
  let of_top_k = select(TOP_K, STRIPS_OF_TOP_K, top_k <= FEW);
  let first_filter = select(TOP_P, of_top_k, top_k > 0u && top_k < params.allowed);
  let filter_end = select(0u, select(TOP_P, TOP_P + 1u, top_p < 1.0), is_random);
  for (var filter_word = first_filter; filter_word < filter_end; filter_word++) {
    cut = cut_by(filter_word, lane, row, cut, &tokens);
  }
  let reach = select(FAR, -ln(min_p), is_random && min_p >= SMALLEST_NORMAL);
  let drawn = select(0u, draw(lane, row, cut, tokens, reach), finite);
  @if(PROBS) write_probs(lane, row, cut, reach, finite);

  if (lane == 0u) {
    sampled[workgroup.x] = vec2u(drawn, u32(finite));
    next_tokens[sampling[words + TOKEN_SLOT]] = i32(drawn);
  }
}
`,
  sample_digits: `import package::float_order::{key_of, value_of};
import package::radix_select::{DIGIT_BITS, add_to_bucket, clear_buckets, find_crossing, first_shift, sum_groups};
import package::sample_range::Range;
import package::sample_row::{LANES, NO_ID, Row, logits, message, weight_of};
import package::sample_strips::strip_maxima;
import package::sample_tokens::{Cut, Tokens, id_at, is_kept};

// Phase \`digits\` of the sampler: radix select. The word of the last token that stays, its key and then ~id among the tokens of
// that key, is searched for digit by digit, each time in the one bucket where the running weight reaches the need.

// Way of weighing the tokens of a filter.
struct Scales {
  // By probability instead of by number.
  by_mass: bool,
  // Strips by their maxima, in place of tokens.
  by_strip: bool,
}

// The end of the shortest prefix of \`range\` that reaches the need, until a single token is left to choose from: that one's word
// lies at or above the lowest word left, and no other's between. Of strips the key alone is searched for.
fn find_digits(lane: u32, row: Row, cut: Cut, tokens: Tokens, range: Range, scales: Scales) -> Cut {
  let by_mass = scales.by_mass;
  let by_strip = scales.by_strip;
  var low = range.low;
  var span = range.span;
  var need = range.need;
  var shift = first_shift(span);
  var by_id = false;
  var tie_key = 0u;
  loop {
    clear_buckets(lane, LANES);
    workgroupBarrier();
    for (var slot = lane; slot < tokens.end; slot += LANES) {
      let id = id_at(tokens, slot);
      let logit = logits[row.logits + id];
      var key = key_of(logit);
      if (by_strip) { key = strip_maxima[slot]; }
      let word = select(key, ~id, by_id);
      let is_sought = word >= low && word - low <= span && (!by_id || key == tie_key);
      if (is_sought && is_kept(cut, key, id)) {
        add_to_bucket((word - low) >> shift, weight_of(row, logit, by_mass));
      }
    }
    workgroupBarrier();
    sum_groups(lane, LANES);
    workgroupBarrier();
    if (lane == 0u) {
      let crossing = find_crossing(need);
      let word = low + (crossing.bucket << shift);
      // Up to rounding, no token of the bucket weighs less than its lowest word.
      let least = weight_of(row, value_of(select(word, tie_key, by_id)), by_mass);
      let several = crossing.sum.y > 0u || crossing.sum.x > least + least / 2u;
      message = vec4u(word, crossing.need, u32(several));
    }
    let told = workgroupUniformLoad(&message);
    span = min(span - (told.x - low), (1u << shift) - 1u);
    low = told.x;
    need = told.yz;
    if (told.w == 0u || (shift == 0u && (by_id || by_strip))) { break; }
    if (shift == 0u) {
      by_id = true;
      tie_key = low;
      span = params.allowed - 1u;
      low = ~span;
      shift = first_shift(span);
    } else {
      shift -= min(shift, DIGIT_BITS);
    }
  }
  return Cut(select(low, tie_key, by_id), select(NO_ID, ~low, by_id));
}
`,
  sample_draw: `import package::float_order::key_of;
import package::gumbel::{gumbel, gumbel_bound};
import package::rng::{pcg4d, unit_interval};
import package::sample_row::{
  DRAWN, LANES, POSITION, Row, SEED_HIGH, SEED_LOW, distance_of, greatest, logits, sampling
};
import package::sample_tokens::{Cut, Tokens, id_at, is_kept};

// Phase \`draw\` of the sampler: Gumbel-max. Each kept token gets noise of its own, and the greatest sum of logit and noise wins:
// each then wins as often as its probability says.

fn noise(row: Row, id: u32) -> f32 {
  let words = row.sampling;
  let seed = vec2u(sampling[words + SEED_LOW], sampling[words + SEED_HIGH]);
  return unit_interval(pcg4d(vec4u(seed, sampling[words + POSITION], id)).x);
}

// Lanes start from the best token: most others can't get past it whatever their noise, and their logarithms are not taken.
// min-p keeps the tokens within \`reach\` of the best one.
fn draw(lane: u32, row: Row, cut: Cut, tokens: Tokens, reach: f32) -> u32 {
  var score = gumbel(noise(row, row.best_id));
  var drawn = row.best_id;
  for (var slot = lane; slot < tokens.end; slot += LANES) {
    let id = id_at(tokens, slot);
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    if (distance <= reach && is_kept(cut, key_of(logit), id)) {
      let u = noise(row, id);
      if (gumbel_bound(u) - distance >= score) {
        let candidate = gumbel(u) - distance;
        if (candidate > score || (candidate == score && id < drawn)) {
          score = candidate;
          drawn = id;
        }
      }
    }
  }
  return greatest(DRAWN, key_of(score), drawn).y;
}
`,
  sample_estimate: `import package::float_order::{key_of, value_of};
import package::radix_select::{
  BUCKETS, add_to_bucket, all_groups, clear_buckets, find_crossing, part_needed, sum_groups
};
import package::sample_row::{FAR, LANES, Row, TOP_K, TOP_P, distance_of, logits, message, sampling, weight_of};
import package::sample_strips::{FEW, STRIPS, strip_maxima, turns_in_strip};
import package::sample_tokens::{CANDIDATES, Cut};
import package::wide_sums::{scale, to_f32};

// Phase \`estimate\` of the sampler: a sample of the row says between which keys the prefix is expected to end. It decides how
// much work there is, not what is found.

// An estimate samples every SPARSITY-th token, has FINENESS buckets to a temperature, and of a fraction f of all that is left
// is off by less than SLACK f (1 - f), as a rule.
const SPARSITY = 16u;
const FINENESS = 16.0;
const SLACK = 0.06;

// In an estimate a token may count SPARSITY times: its weight is divided by that first.
fn part_of_weight(row: Row, logit: f32, by_mass: bool) -> u32 {
  return select(SPARSITY, weight_of(row, logit, by_mass), by_mass) / SPARSITY;
}

// Key of the logit some part of the way down a bucket.
fn key_in_bucket(row: Row, bucket: u32, part: f32) -> u32 {
  return key_of(row.best - min((f32(BUCKETS - 1u - bucket) + part) / FINENESS * row.temperature, FAR));
}

// Keys .x to .y, where the prefix is expected to end; .y is the best key if few tokens are expected from .x on. Each strip's
// maximum is weighed and a sample of the other tokens.
fn estimate(lane: u32, row: Row, cut: Cut, by_mass: bool) -> vec2u {
  let turns = turns_in_strip();
  // The few tokens that strips of top-k leave are not worth an estimate.
  let end = select(STRIPS + params.allowed / SPARSITY, 0u, sampling[row.sampling + TOP_K] - 1u < FEW);
  clear_buckets(lane, LANES);
  workgroupBarrier();
  for (var slot = lane; slot < end; slot += LANES) {
    var key = 0u;
    var times = 1u;
    if (slot < STRIPS) {
      key = strip_maxima[slot];
    } else {
      let turn = (slot - STRIPS) / LANES * SPARSITY;
      key = key_of(logits[row.logits + turn * LANES + lane]);
      times = select(0u, SPARSITY, key < strip_maxima[turn / turns * LANES + lane]);
    }
    if (key > cut.key) {
      let logit = value_of(key);
      let bucket = BUCKETS - 1u - u32(min(distance_of(row, logit) * FINENESS, f32(BUCKETS - 1u)));
      add_to_bucket(bucket, part_of_weight(row, logit, by_mass) * times);
    }
  }
  workgroupBarrier();
  sum_groups(lane, LANES);
  workgroupBarrier();
  if (lane == 0u) {
    var fraction = f32(sampling[row.sampling + TOP_K]) / f32(params.allowed);
    if (by_mass) { fraction = bitcast<f32>(sampling[row.sampling + TOP_P]); }
    let slack = SLACK * fraction * (1.0 - fraction);
    let total = all_groups();
    let need = scale(total, fraction + slack);
    let first = find_crossing(scale(total, fraction - slack));
    let last = find_crossing(need);
    var low = key_in_bucket(row, last.bucket, part_needed(last));
    var high = key_in_bucket(row, first.bucket, part_needed(first));
    // There are no more tokens than the weight of all holds that of the last one.
    let bucket_end = key_in_bucket(row, last.bucket, 1.0);
    if (to_f32(need) <= f32(part_of_weight(row, value_of(bucket_end), by_mass)) * f32(CANDIDATES / 2u)) {
      low = bucket_end;
      high = row.best_key;
    }
    low = clamp(low, cut.key, row.best_key);
    message = vec4u(low, clamp(high, low, row.best_key), 0u, 0u);
  }
  return workgroupUniformLoad(&message).xy;
}
`,
  sample_naive: `import package::exp_ln::ln;
import package::float_order::key_of;
import package::gumbel::gumbel;
import package::sample_draw::noise;
import package::sample_row::{
  FAR, LANES, MIN_P, Row, SMALLEST_NORMAL, TEMPERATURE, TOKEN_SLOT, TOP_K, TOP_P, WORDS, distance_of, logits, sampling,
  weight_of
};
import package::sample_tokens::{Cut, is_kept};
import package::wide_sums::{add, at_least, scale};

// Draws a token from each row of logits: temperature, top-k, top-p, min-p, then
//   id = argmax over kept ids of logits[r, id] / temperature + gumbel(u(seed, position, id)), the lowest id on a tie.
//   logits[R, V], sampling[R, WORDS] (see sample_row), next_tokens[X], sampled[R, 2] = (id, 1), or (0, 0) where a logit of the
//   row is not finite. Ids from \`allowed\` on are never drawn.
// The plain way, to learn from and to judge sample by: one step after another, each a loop over the row. Softmax turns logits
// into weights; a filter keeps the most likely tokens until their weights reach what it needs; noise then decides among them.
// Weights are integers, so their sums are exact, and its ids are those of sample.
// One lane a row; grid: (R / LANES).

@group(0) @binding(2) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> sampled: array<vec2u>;

const EXPONENT = 0x7f800000u;

// The weight of the tokens that both cuts keep.
fn weight_within(row: Row, first: Cut, second: Cut, by_mass: bool) -> vec2u {
  var sum = vec2u(0u);
  for (var id = 0u; id < params.allowed; id++) {
    let logit = logits[row.logits + id];
    let key = key_of(logit);
    if (is_kept(first, key, id) && is_kept(second, key, id)) {
      sum = add(sum, vec2u(weight_of(row, logit, by_mass), 0u));
    }
  }
  return sum;
}

// The first cut, from the best token down, whose tokens reach the need; found by halving what it may be.
fn tighter(row: Row, cut: Cut, need: vec2u, by_mass: bool) -> Cut {
  // The greatest key whose tokens, with all greater ones, reach it.
  var key = cut.key;
  var greatest_key = row.best_key;
  while (key < greatest_key) {
    let middle = greatest_key - (greatest_key - key) / 2u;
    if (at_least(weight_within(row, cut, Cut(middle, params.V), by_mass), need)) {
      key = middle;
    } else {
      greatest_key = middle - 1u;
    }
  }
  // Only the lowest ids of the tokens with that key are needed.
  var id = params.allowed - 1u;
  var lowest_id = 0u;
  while (lowest_id < id) {
    let middle = lowest_id + (id - lowest_id) / 2u;
    if (at_least(weight_within(row, cut, Cut(key, middle), by_mass), need)) {
      id = middle;
    } else {
      lowest_id = middle + 1u;
    }
  }
  return Cut(key, id);
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let r = global.x;
  if (r >= params.R) { return; }
  let start = r * params.V;
  let words = r * WORDS;

  // The most likely token, the lowest id among equals; and is every logit finite?
  var best = 0u;
  var finite = true;
  for (var id = 0u; id < params.V; id++) {
    let logit = logits[start + id];
    if ((bitcast<u32>(logit) & EXPONENT) == EXPONENT) { finite = false; }
    if (id < params.allowed && key_of(logit) > key_of(logits[start + best])) { best = id; }
  }

  // Temperature: distances from the best logit are divided by it; 0 is greedy and keeps the best token alone.
  let temperature = bitcast<f32>(sampling[words + TEMPERATURE]);
  let greedy = temperature < SMALLEST_NORMAL;
  let best_logit = logits[start + best];
  let row = Row(start, words, select(temperature, 1.0, greedy), best_logit, key_of(best_logit), best);
  var cut = Cut(row.best_key, best);
  var reach = FAR;
  if (finite && !greedy) {
    cut = Cut(0u, 0u);
    // Top-k: the first k tokens.
    let top_k = sampling[words + TOP_K];
    if (top_k > 0u && top_k < params.allowed) { cut = tighter(row, cut, vec2u(top_k, 0u), false); }
    // Top-p: the first tokens that have the fraction p of the weight that is left.
    let top_p = bitcast<f32>(sampling[words + TOP_P]);
    if (top_p < 1.0) { cut = tighter(row, cut, scale(weight_within(row, cut, cut, true), top_p), true); }
    // Min-p: exp(-distance) is at least p.
    let min_p = bitcast<f32>(sampling[words + MIN_P]);
    if (min_p >= SMALLEST_NORMAL) { reach = -ln(min_p); }
  }

  // The draw: the greatest sum of logit and noise.
  var drawn = 0u;
  var score = -FAR;
  for (var id = 0u; id < params.allowed; id++) {
    let logit = logits[start + id];
    let distance = distance_of(row, logit);
    if (distance <= reach && is_kept(cut, key_of(logit), id)) {
      let candidate = gumbel(noise(row, id)) - distance;
      if (candidate > score) {
        score = candidate;
        drawn = id;
      }
    }
  }
  if (!finite) { drawn = 0u; }
  sampled[r] = vec2u(drawn, u32(finite));
  next_tokens[sampling[words + TOKEN_SLOT]] = i32(drawn);
}
`,
  sample_range: `import package::float_order::key_of;
import package::radix_select::{add_sum_to_bucket, bucket_sum, clear_buckets};
import package::sample_row::{LANES, Row, TOP_K, TOP_P, logits, message, sampling, weight_of};
import package::sample_tokens::{Cut, Tokens, id_at, is_kept, note, noted};
import package::wide_sums::{add, at_least, scale, subtract};

// Phase \`range\` of the sampler: one look at all tokens weighs those above, in and below the keys of the estimate, so that it is
// known in which of the three the prefix ends. The tokens of the expected keys are noted on the way: they are all that the
// digits must look at, if the estimate was right.

// Parts of the keys: above those that are expected to hold the end of the prefix, these, and below.
const PARTS = 3u;
const EXPECTED = 1u;

// Keys low .. low + span; \`need\` is the weight to be reached in them.
struct Range { low: u32, span: u32, need: vec2u }

// The keys in which the weights reach what the filter needs: those expected, or all above or below. The expected ones
// become candidates, and then a lane looks through these alone, if they found room.
fn find_range(
  lane: u32, row: Row, cut: Cut, expected: vec2u, tokens: ptr<function, Tokens>, by_mass: bool
) -> Range {
  clear_buckets(lane, LANES);
  let is_noting = !(*tokens).are_candidates;
  let ends = array(expected.y + 1u, expected.x, cut.key);
  // Running sums: a part's includes those before it.
  var sums: array<vec2u, PARTS>;
  var free = lane;
  for (var slot = lane; slot < (*tokens).end; slot += LANES) {
    let id = id_at(*tokens, slot);
    let logit = logits[row.logits + id];
    let key = key_of(logit);
    if (is_kept(cut, key, id)) {
      let weight = weight_of(row, logit, by_mass);
      for (var part = 0u; part < PARTS; part++) {
        sums[part] = add(sums[part], vec2u(select(0u, weight, key >= ends[part]), 0u));
      }
      if (is_noting && key >= expected.x && key <= expected.y) { note(&free, id); }
    }
  }
  workgroupBarrier();
  for (var part = 0u; part < PARTS; part++) { add_sum_to_bucket(part, sums[part]); }
  workgroupBarrier();
  if (lane == 0u) {
    var need = vec2u(sampling[row.sampling + TOP_K], 0u);
    if (by_mass) { need = scale(bucket_sum(PARTS - 1u), bitcast<f32>(sampling[row.sampling + TOP_P])); }
    var part = 0u;
    while (ends[part] > cut.key && !at_least(bucket_sum(part), need)) { part++; }
    if (part > 0u) { need = subtract(need, bucket_sum(part - 1u)); }
    message = vec4u(part, need, 0u);
  }
  let told = workgroupUniformLoad(&message);
  let part = told.x;
  if (is_noting && part == EXPECTED) { *tokens = noted(free, *tokens); }
  var high = row.best_key;
  if (part > 0u) { high = ends[part - 1u] - 1u; }
  return Range(ends[part], high - ends[part], told.yz);
}
`,
  sample_row: `import package::exp_ln::exp_minus;

// A row for all phases of the sampler: its parameters, its best token, and the distance and weight of its tokens. Weights are
// fixed-point numbers: their sums have no order, so no phase depends on LANES.
//   logits[R, V], sampling[R, WORDS].

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> sampling: array<u32>;

override LANES: u32 = 64;

// Words of a row of \`sampling\`; temperature, top-p and min-p are the bits of f32.
const TEMPERATURE = 0u;
const TOP_K = 1u;
const TOP_P = 2u;
const MIN_P = 3u;
const SEED_LOW = 4u;
const SEED_HIGH = 5u;
const POSITION = 6u;
const TOKEN_SLOT = 7u;
const WORDS = 8u;

const NO_ID = 0xffffffffu;
// A smaller temperature or min-p counts as 0: adapters may flush it.
const SMALLEST_NORMAL = 0x1p-126;
// Stands for any greater distance or difference.
const FAR = 3.4e38;
// Weight of the best token in top-p.
const UNIT = 0x1p31;

// State of a row, the same in all lanes.
struct Row {
  // Where the row's logits and its words of \`sampling\` start.
  logits: u32,
  sampling: u32,
  temperature: f32,
  best: f32,
  best_key: u32,
  best_id: u32,
}

// Maxima over the lanes; those of a pair take two.
var<workgroup> maxima: array<atomic<u32>, MAXIMA>;
const MAXIMA = 5u;
const BEST = 0u;
const DRAWN = 2u;
const BROKEN = 4u;

// From lane 0 to all.
var<workgroup> message: vec4u;

// Not every implementation zeroes workgroup memory.
fn clear_maxima(lane: u32) {
  for (var i = lane; i < MAXIMA; i += LANES) { atomicStore(&maxima[i], 0u); }
}

// From the best logit down, in temperatures.
fn distance_of(row: Row, logit: f32) -> f32 {
  return min(min(row.best - logit, FAR) * (1.0 / row.temperature), FAR);
}

// 1 to count tokens; by mass exp(-distance), the probability up to a factor.
fn weight_of(row: Row, logit: f32, by_mass: bool) -> u32 {
  var weight = 1u;
  if (by_mass) { weight = u32(exp_minus(distance_of(row, logit)) * UNIT + 0.5); }
  return weight;
}

// The greatest key of all lanes and the lowest id that has it.
fn greatest(pair: u32, key: u32, id: u32) -> vec2u {
  atomicMax(&maxima[pair], key);
  workgroupBarrier();
  if (atomicLoad(&maxima[pair]) == key) { atomicMax(&maxima[pair + 1u], ~id); }
  workgroupBarrier();
  return vec2u(atomicLoad(&maxima[pair]), ~atomicLoad(&maxima[pair + 1u]));
}
`,
  sample_strips: `import package::float_order::key_of;
import package::sample_row::{BEST, BROKEN, LANES, NO_ID, Row, greatest, logits, maxima, message};
import package::sample_tokens::{Cut, Tokens, note, noted};

// Phase \`strips\` of the sampler: one look at the row finds its best token, whether all logits are finite, and the greatest key
// of each of STRIPS parts of it. For a small top-k most strips are then passed over: only those whose maximum is among the
// k greatest can hold a token that stays.

// Parts of a row.
const STRIPS = 1024u;
// The most strips that are picked for top-k: more would hold too many tokens for the candidates.
const FEW = STRIPS / 2u;

// Logits that a lane loads before it uses one: a GPU waits as long for one as for many.
const LOADS = u32(constants::LOADS);

const EXPONENT = 0x7f800000u;
const MAGNITUDE = 0x7fffffffu;

// The greatest key of each strip, 0 where it is empty; every lane has its own strips.
var<workgroup> strip_maxima: array<u32, STRIPS>;

// Turns of a lane in a strip.
fn turns_in_strip() -> u32 {
  return (params.V + STRIPS - 1u) / STRIPS;
}

// A strip has the ids .x, .x + LANES, ... below .y, of those below \`end\`.
fn strip_of(lane: u32, strip: u32, end: u32) -> vec2u {
  let turns = turns_in_strip();
  let first = (strip - lane) * turns;
  return vec2u(first + lane, min(first + turns * LANES, end));
}

// The best token's key and id, and 1 where all logits of the row are finite.
fn read_strips(lane: u32, start: u32) -> vec3u {
  var best = Cut(0u, NO_ID);
  var broken = 0u;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    var maximum = 0u;
    let ids = strip_of(lane, strip, params.V);
    let allowed_end = min(ids.y, params.allowed);
    for (var first = ids.x; first < ids.y; first += LOADS * LANES) {
      // A logit of the row stands in for ids after the last, too.
      var loaded: array<f32, LOADS>;
      for (var i = 0u; i < LOADS; i++) { loaded[i] = logits[start + min(first + i * LANES, ids.y - 1u)]; }
      for (var i = 0u; i < LOADS; i++) {
        let id = first + i * LANES;
        broken = max(broken, bitcast<u32>(loaded[i]) & MAGNITUDE);
        let key = key_of(loaded[i]);
        if (id < allowed_end) {
          if (key > best.key) { best = Cut(key, id); }
          maximum = max(maximum, key);
        }
      }
    }
    strip_maxima[strip] = maximum;
  }
  atomicMax(&maxima[BROKEN], broken);
  let top = greatest(BEST, best.key, best.id);
  if (lane == 0u) { message = vec4u(top, u32(atomicLoad(&maxima[BROKEN]) < EXPONENT), 0u); }
  return workgroupUniformLoad(&message).xyz;
}

// Tokens from a key on, found in the strips that reach it.
fn find_candidates(lane: u32, row: Row, low: u32, tokens: Tokens) -> Tokens {
  var free = lane;
  for (var strip = lane; strip < STRIPS; strip += LANES) {
    if (strip_maxima[strip] >= low) {
      let ids = strip_of(lane, strip, params.allowed);
      for (var id = ids.x; id < ids.y; id += LANES) {
        if (key_of(logits[row.logits + id]) >= low) { note(&free, id); }
      }
    }
  }
  return noted(free, tokens);
}
`,
  sample_tokens: `import package::sample_row::LANES;

// Tokens of a row that are still in play: what the filters keep is a prefix of the order (logit descending, id ascending), so
// it is known by its end, the cut; what a phase looks through are all ids, or the candidates that an earlier phase noted.

// Room for candidates.
const CANDIDATES = 2048u;

// Ids; every lane has its own slots.
var<workgroup> candidates: array<u32, CANDIDATES>;

// The end of a prefix: kept are all greater keys, and of this key the ids up to this one.
struct Cut { key: u32, id: u32 }

// Tokens that a lane reads: slots lane, lane + LANES, ... below \`end\` of the candidates, or of all ids.
struct Tokens { end: u32, are_candidates: bool }

fn is_kept(cut: Cut, key: u32, id: u32) -> bool {
  return key > cut.key || (key == cut.key && id <= cut.id);
}

fn id_at(tokens: Tokens, slot: u32) -> u32 {
  var id = slot;
  if (tokens.are_candidates) { id = candidates[slot]; }
  return id;
}

// Notes a candidate, if there is room.
fn note(free: ptr<function, u32>, id: u32) {
  if (*free < CANDIDATES) { candidates[*free] = id; }
  *free += LANES;
}

// The candidates that a lane has noted, if all found room.
fn noted(free: u32, otherwise: Tokens) -> Tokens {
  var tokens = otherwise;
  if (free < CANDIDATES + LANES) { tokens = Tokens(free, true); }
  return tokens;
}
`,
  shuffle4: `// The vector that \`lane\` of the subgroup holds in \`own\`, for shaders that enable subgroups; every lane of it must be active.
fn shuffle4(own: vec4f, lane: u32) -> vec4f {
  return vec4f(
    subgroupShuffle(own.x, lane),
    subgroupShuffle(own.y, lane),
    subgroupShuffle(own.z, lane),
    subgroupShuffle(own.w, lane),
  );
}
`,
  silu_mul_naive: `import package::activation::silu;

// out[m, o] = silu(x[m, 2o]) * x[m, 2o + 1], silu(x) = x / (1 + exp(-x)): x[M, 2 O], out[M, O], f32.
// The plain way of the epilogue SILU_MUL of matmul, to learn from and to judge it by. An MLP of the Llama family computes two
// numbers where others compute one: the first, the gate, says how much of the second goes on.
// One lane an element; grid: (O / LANES, M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let o = global.x;
  let m = global.y;
  if (o >= params.O) { return; }
  let gate = 2u * (m * params.O + o);
  out[m * params.O + o] = silu(x[gate]) * x[gate + 1u];
}
`,
  softmax_fold: `// The one way in which finished splits of a softmax are put together, in prefill, chunk and decode alike: in ascending order,
// where there are groups those of a group first, then the groups. To maximum m and sum l come those of a split, m' and l':
// n = max(m, m'), l = l exp(m - n) + l' exp(m' - n). A sum of values goes like l.

// Finite stand-in for minus infinity: the maximum over nothing.
const MASKED = -1e30;
// Keys of one split: running maxima and sums restart at every absolute multiple.
const SPLIT_KEYS = u32(constants::SPLIT_KEYS);
// Splits of a group.
@if(GROUP_KEYS) const GROUP_SPLITS = u32(constants::GROUP_KEYS / constants::SPLIT_KEYS);

// Factors of the accumulated and of the new split.
fn fold_weights(accumulated_max: f32, split_max: f32) -> vec2f {
  let n = max(accumulated_max, split_max);
  return vec2f(exp(accumulated_max - n), exp(split_max - n));
}

fn fold(accumulated: f32, split: f32, weights: vec2f) -> f32 {
  return fma(accumulated, weights.x, split * weights.y);
}

fn fold4(accumulated: vec4f, split: vec4f, weights: vec2f) -> vec4f {
  return fma(accumulated, vec4f(weights.x), split * weights.y);
}
`,
  wide_sums: `// 64-bit integers (low word, high word): sums of fixed-point weights, which do not depend on the order of the additions.

fn add(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + u32(low < a.x));
}

fn subtract(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - u32(a.x < b.x));
}

fn at_least(a: vec2u, b: vec2u) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

// To 24 bits.
fn to_f32(a: vec2u) -> f32 {
  return f32(a.y) * 0x1p32 + f32(a.x);
}

// The fraction of a sum, to 24 bits and at least 1.
fn scale(a: vec2u, fraction: f32) -> vec2u {
  let scaled = max(to_f32(a) * fraction, 1.0);
  let high = floor(scaled * 0x1p-32);
  return vec2u(u32(scaled - high * 0x1p32), u32(high));
}
`,
};
