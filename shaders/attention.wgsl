import package::softmax_fold::{MASKED, SPLIT_KEYS, fold, fold_weights};
@if(IMMEDIATES) requires immediate_address_space;

// Causal attention of query rows over a paged KV cache; the rows' own keys are in the cache already.
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, h, :]) v[j, h, :], j <= positions[t]
//   qkv[T, 3C] (q first), kv[B, 2, H, P, W], query_tiles[Q, 2] = first token and number of tokens (consecutive tokens of
//   one sequence, at most ROWS), positions[T], sequence_index[T], block_tables[S, X], out[T, C], C = H D.
// Determinism: keys in tiles of KEYS at absolute multiples of KEYS; inside a tile the dot over d, the sum of p and
// fma(p, v, o) ascend; maxima and sums restart every SPLIT_KEYS keys and splits are folded in ascending order.
// One workgroup a (query tile, head); grid: (tiles from `first` on, H, 1). Lanes run over keys, then over d.
// With SPLIT one workgroup takes one split (grid z) and leaves its m, l, o in partials[T, H, Z, D + 2] for attention_fold.

struct Params { H: u32, P: u32, X: u32, Z: u32, first: u32, scale: f32 }

@if(IMMEDIATES) var<immediate> params: Params;
@else @group(1) @binding(0) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<u32>;
@group(0) @binding(2) var<storage, read> query_tiles: array<i32>;
@group(0) @binding(3) var<storage, read> positions: array<i32>;
@group(0) @binding(4) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(5) var<storage, read> block_tables: array<i32>;
@if(SPLIT) @group(0) @binding(6) var<storage, read_write> partials: array<f32>;
@if(!SPLIT) @group(0) @binding(6) var<storage, read_write> out: array<f32>;

const D = constants::D;
const ROWS = constants::ROWS;
const LANES = constants::LANES;
const KEYS = constants::KEYS;
// Components of o that a lane owns: d = lane, lane + LANES, ...
const D_PER_LANE = (constants::D + constants::LANES - 1) / constants::LANES;

var<workgroup> q: array<f32, constants::ROWS * constants::D>;
var<workgroup> scores: array<f32, constants::ROWS * constants::KEYS>;
var<workgroup> probabilities: array<f32, constants::ROWS * constants::KEYS>;

// First word of a key's (which = 0) or value's (which = 1) row.
fn row_start(table: u32, key: u32, which: u32, h: u32) -> u32 {
  @if(KV_F16) let words = (u32(D) + 1u) / 2u;
  @else let words = u32(D);
  let block = u32(block_tables[table + key / params.P]);
  return (((block * 2u + which) * params.H + h) * params.P + key % params.P) * words;
}

fn load(start: u32, d: u32) -> f32 {
  @if(KV_F16) {
    let pair = unpack2x16float(kv[start + d / 2u]);
    return select(pair.x, pair.y, d % 2u == 1u);
  }
  @else {
    return bitcast<f32>(kv[start + d]);
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let token = u32(query_tiles[2u * (params.first + workgroup.x)]);
  let count = u32(query_tiles[2u * (params.first + workgroup.x) + 1u]);
  let h = workgroup.y;
  let position = u32(positions[token]);
  let last = position + count - 1u;
  let table = u32(sequence_index[token]) * params.X;
  let channels = params.H * u32(D);

  for (var i = lane; i < u32(ROWS * D); i += u32(LANES)) {
    let row = token + min(i / u32(D), count - 1u);
    q[i] = qkv[row * 3u * channels + h * u32(D) + i % u32(D)];
  }

  @if(SPLIT) let first_split = workgroup.z;
  @if(SPLIT) let end_split = workgroup.z + 1u;
  @if(!SPLIT) let first_split = 0u;
  @if(!SPLIT) let end_split = last / SPLIT_KEYS + 1u;
  var folded_max: array<f32, ROWS>;
  var folded_sum: array<f32, ROWS>;
  var folded: array<f32, ROWS * D_PER_LANE>;
  for (var r = 0; r < ROWS; r++) { folded_max[r] = MASKED; }

  for (var split = first_split; split < end_split; split++) {
    var running_max: array<f32, ROWS>;
    var running_sum: array<f32, ROWS>;
    var o: array<f32, ROWS * D_PER_LANE>;
    for (var r = 0; r < ROWS; r++) {
      running_max[r] = MASKED;
      running_sum[r] = 0.0;
    }
    for (var i = 0; i < ROWS * D_PER_LANE; i++) { o[i] = 0.0; }

    let end_key = min((split + 1u) * SPLIT_KEYS, last + 1u);
    for (var tile = split * SPLIT_KEYS; tile < end_key; tile += u32(KEYS)) {
      workgroupBarrier();
      for (var j = lane; j < u32(KEYS); j += u32(LANES)) {
        let key = tile + j;
        var s: array<f32, ROWS>;
        if (key < end_key) {
          let start = row_start(table, key, 0u, h);
          for (var d = 0u; d < u32(D); d++) {
            let k = load(start, d);
            for (var r = 0; r < ROWS; r++) { s[r] = fma(q[u32(r * D) + d], k, s[r]); }
          }
        }
        for (var r = 0; r < ROWS; r++) {
          scores[u32(r * KEYS) + j] = select(MASKED, s[r] * params.scale, key <= position + u32(r) && key < end_key);
        }
      }
      workgroupBarrier();
      var rescale: array<f32, ROWS>;
      for (var r = 0; r < ROWS; r++) {
        var tile_max = running_max[r];
        for (var j = 0; j < KEYS; j++) { tile_max = max(tile_max, scores[r * KEYS + j]); }
        rescale[r] = exp(running_max[r] - tile_max);
        running_max[r] = tile_max;
        for (var j = lane; j < u32(KEYS); j += u32(LANES)) {
          let p = exp(scores[u32(r * KEYS) + j] - tile_max);
          probabilities[u32(r * KEYS) + j] = select(0.0, p, tile + j <= position + u32(r) && tile + j < end_key);
        }
      }
      workgroupBarrier();
      let tile_keys = min(u32(KEYS), end_key - tile);
      var tile_sum: array<f32, ROWS>;
      var tile_o: array<f32, ROWS * D_PER_LANE>;
      for (var j = 0u; j < tile_keys; j++) {
        let start = row_start(table, tile + j, 1u, h);
        for (var i = 0; i < D_PER_LANE; i++) {
          let v = load(start, min(lane + u32(i * LANES), u32(D - 1)));
          for (var r = 0; r < ROWS; r++) {
            let at = r * D_PER_LANE + i;
            let p = probabilities[u32(r * KEYS) + j];
            tile_o[at] = select(tile_o[at], fma(p, v, tile_o[at]), tile + j <= position + u32(r));
          }
        }
        for (var r = 0; r < ROWS; r++) { tile_sum[r] += probabilities[u32(r * KEYS) + j]; }
      }
      for (var r = 0; r < ROWS; r++) {
        // A tile that lies wholly after the row leaves its state alone, bit for bit.
        let visible = tile <= position + u32(r);
        running_sum[r] = select(running_sum[r], fma(running_sum[r], rescale[r], tile_sum[r]), visible);
        for (var i = 0; i < D_PER_LANE; i++) {
          let at = r * D_PER_LANE + i;
          o[at] = select(o[at], fma(o[at], rescale[r], tile_o[at]), visible);
        }
      }
    }

    for (var r = 0; r < ROWS; r++) {
      let visible = split * SPLIT_KEYS <= position + u32(r);
      @if(SPLIT) {
        if (visible && u32(r) < count) {
          let start = (((token + u32(r)) * params.H + h) * params.Z + split) * u32(D + 2);
          for (var i = 0; i < D_PER_LANE; i++) {
            let d = lane + u32(i * LANES);
            if (d < u32(D)) { partials[start + 2u + d] = o[r * D_PER_LANE + i]; }
          }
          if (lane == 0u) {
            partials[start] = running_max[r];
            partials[start + 1u] = running_sum[r];
          }
        }
      }
      @else {
        let weights = fold_weights(folded_max[r], running_max[r]);
        folded_max[r] = max(folded_max[r], running_max[r]);
        folded_sum[r] = select(folded_sum[r], fold(folded_sum[r], running_sum[r], weights), visible);
        for (var i = 0; i < D_PER_LANE; i++) {
          let at = r * D_PER_LANE + i;
          folded[at] = select(folded[at], fold(folded[at], o[at], weights), visible);
        }
      }
    }
  }

  @if(!SPLIT) for (var r = 0; r < ROWS; r++) {
    for (var i = 0; i < D_PER_LANE; i++) {
      let d = lane + u32(i * LANES);
      if (u32(r) < count && d < u32(D)) {
        out[(token + u32(r)) * channels + h * u32(D) + d] = folded[r * D_PER_LANE + i] / folded_sum[r];
      }
    }
  }
}
