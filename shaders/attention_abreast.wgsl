import package::attention_inputs::{
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
// One workgroup a (query tile, head of keys, ROWS rows); grid: (tiles from `first` on, G for each ROWS rows of a tile, splits,
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

// Keys of a split: from `first` on, `count` of them.
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

// Folds the softmax over `count` keys from `first_key` on into that over the keys before.
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
