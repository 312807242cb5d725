import package::attention_inputs::{
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
// One workgroup a (query tile, head of keys, ROWS rows), lanes over keys, then over vectors of v; grid: (tiles from `first` on,
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
