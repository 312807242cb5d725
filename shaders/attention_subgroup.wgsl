import package::attention_inputs::{
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
// One workgroup a (query tile, head of keys, ROWS rows), lanes over keys, then over vectors of v; grid: (tiles from `first` on,
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
