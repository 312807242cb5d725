import package::softmax_fold::{MASKED, SPLIT_KEYS, fold, fold4, fold_weights};
import package::packed_rows::{first_quad, second_quad};
@if(SUBGROUPS) enable subgroups;

// Causal attention of query rows over a paged KV cache; the rows' own keys are in the cache already.
//   out[t, h, :] = softmax_j(scale q[t, h, :] . k[j, h, :]) v[j, h, :], j <= positions[t]
//   qkv[T, 3C] (q first), kv[B, 2, H, P, W] in rows of W words, query_tiles[Q, 2] = first token and number of tokens
//   (consecutive tokens of one sequence, at most ROWS), positions[T], sequence_index[T], block_tables[S, X], out[T, C],
//   C = H D.
// Determinism: keys in tiles of KEYS at absolute multiples of KEYS; inside a tile the dot over d, the sum of p and
// fma(p, v, o) ascend; maxima and sums restart every SPLIT_KEYS keys and splits are folded in ascending order.
// Arrays in loops have initializers: without one, Dawn keeps the last turn's values.
// One workgroup a (query tile, head); grid: (tiles from `first` on, H, 1). Lanes run over keys, then over vectors of v.
// With SUBGROUPS a workgroup is (part of) one subgroup: lanes hand each other what they own; else it goes through workgroup
// memory. With SPLIT one workgroup takes one split (grid z) and leaves its m, l, o in partials[U, H, Z, D + 2] for attention_fold.

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<vec4u>;
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
// A cache row is VECS vectors of four words; a vector holds QUADS quads of components.
@if(KV_F16) const QUADS = 2;
@else const QUADS = 1;
const VECS = (constants::D + 4 * QUADS - 1) / (4 * QUADS);
// Keys that a lane scores in a tile: lane, lane + LANES, ...
const KEYS_PER_LANE = (constants::KEYS + constants::LANES - 1) / constants::LANES;
// Vectors of o that a lane owns, and the quads in them.
const VECS_PER_LANE = (VECS + constants::LANES - 1) / constants::LANES;
const O_QUADS = VECS_PER_LANE * QUADS;

// Quads of a row of q that a lane owns: lane, lane + LANES, ...
const Q_PER_LANE = (VECS * QUADS + constants::LANES - 1) / constants::LANES;

@if(!SUBGROUPS) var<workgroup> q: array<vec4f, ROWS * VECS * QUADS>;
@if(!SUBGROUPS) var<workgroup> key_rows: array<u32, KEYS>;
@if(!SUBGROUPS) var<workgroup> scores: array<f32, ROWS * KEYS>;
@if(!SUBGROUPS) var<workgroup> probabilities: array<f32, ROWS * KEYS>;

// sum + a . b, components ascending.
fn dot_on(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// What `lane` of the subgroup has.
@if(SUBGROUPS) fn shuffle4(own: vec4f, lane: u32) -> vec4f {
  return vec4f(
    subgroupShuffle(own.x, lane),
    subgroupShuffle(own.y, lane),
    subgroupShuffle(own.z, lane),
    subgroupShuffle(own.w, lane),
  );
}

// Quad `i` of a vector of the cache.
fn quad_of(words: vec4u, i: i32) -> vec4f {
  @if(KV_F16) return select(first_quad(words), second_quad(words), i == 1);
  @else return bitcast<vec4f>(words);
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
  // From a key's row to its value's, in vectors.
  let values = params.H * params.P * u32(VECS);

  @if(SUBGROUPS) var own_q = array<vec4f, ROWS * Q_PER_LANE>();
  @if(SUBGROUPS) for (var i = 0u; i < u32(ROWS * Q_PER_LANE); i++) {
    // The last to come moves the others up: only what constants index stays in registers.
    for (var n = 1; n < ROWS * Q_PER_LANE; n++) { own_q[n - 1] = own_q[n]; }
    let row = token + min(i / u32(Q_PER_LANE), count - 1u);
    own_q[ROWS * Q_PER_LANE - 1] = load_q(row * 3u * channels + h * u32(D), 4u * (lane + i % u32(Q_PER_LANE) * u32(LANES)));
  }
  @if(!SUBGROUPS) for (var i = lane; i < u32(ROWS * VECS * QUADS); i += u32(LANES)) {
    let row = token + min(i / u32(VECS * QUADS), count - 1u);
    q[i] = load_q(row * 3u * channels + h * u32(D), 4u * (i % u32(VECS * QUADS)));
  }

  @if(SPLIT) let first_split = workgroup.z;
  @if(SPLIT) let end_split = workgroup.z + 1u;
  @if(!SPLIT) let first_split = 0u;
  @if(!SPLIT) let end_split = last / SPLIT_KEYS + 1u;
  var folded_max = array<f32, ROWS>();
  var folded_sum = array<f32, ROWS>();
  var folded = array<vec4f, ROWS * O_QUADS>();
  for (var r = 0; r < ROWS; r++) { folded_max[r] = MASKED; }

  for (var split = first_split; split < end_split; split++) {
    var running_max = array<f32, ROWS>();
    var running_sum = array<f32, ROWS>();
    var o = array<vec4f, ROWS * O_QUADS>();
    for (var r = 0; r < ROWS; r++) { running_max[r] = MASKED; }

    let end_key = min((split + 1u) * SPLIT_KEYS, last + 1u);
    for (var tile = split * SPLIT_KEYS; tile < end_key; tile += u32(KEYS)) {
      let tile_keys = min(u32(KEYS), end_key - tile);

      // Scores. Keys behind the last one stand in for it: they are masked.
      @if(!SUBGROUPS) workgroupBarrier();
      var rows = array<u32, KEYS_PER_LANE>();
      for (var n = 0; n < KEYS_PER_LANE; n++) {
        let j = lane + u32(n * LANES);
        let key = tile + min(j, tile_keys - 1u);
        let block = u32(block_tables[table + key / params.P]);
        rows[n] = ((block * 2u * params.H + h) * params.P + key % params.P) * u32(VECS);
        @if(!SUBGROUPS) if (j < u32(KEYS)) { key_rows[j] = rows[n]; }
      }
      var s = array<f32, ROWS * KEYS_PER_LANE>();
      // As long as VECS, but not to be unrolled: the code would outgrow the instruction cache.
      for (var v = 0u; v < params.W / 4u; v++) {
        var k = array<vec4u, KEYS_PER_LANE>();
        for (var n = 0; n < KEYS_PER_LANE; n++) { k[n] = kv[rows[n] + v]; }
        for (var r = 0; r < ROWS; r++) {
          for (var i = 0; i < QUADS; i++) {
            let at_q = v * u32(QUADS) + u32(i);
            @if(!SUBGROUPS) let query = q[u32(r * VECS * QUADS) + at_q];
            @if(SUBGROUPS) var query = own_q[r * Q_PER_LANE];
            @if(SUBGROUPS) {
              for (var n = 1; n < Q_PER_LANE; n++) {
                query = select(query, own_q[r * Q_PER_LANE + n], at_q / u32(LANES) == u32(n));
              }
              query = shuffle4(query, at_q % u32(LANES));
            }
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
          let visible = j < tile_keys && tile + j <= position + u32(r);
          let score = select(MASKED, s[r * KEYS_PER_LANE + n] * params.scale, visible);
          @if(SUBGROUPS) s[r * KEYS_PER_LANE + n] = score;
          @else if (j < u32(KEYS)) { scores[u32(r * KEYS) + j] = score; }
        }
      }

      @if(!SUBGROUPS) workgroupBarrier();
      var rescale = array<f32, ROWS>();
      for (var r = 0; r < ROWS; r++) {
        var tile_max = running_max[r];
        @if(SUBGROUPS) {
          for (var n = 0; n < KEYS_PER_LANE; n++) { tile_max = max(tile_max, s[r * KEYS_PER_LANE + n]); }
          for (var step = 1u; step < u32(LANES); step *= 2u) { tile_max = max(tile_max, subgroupShuffleXor(tile_max, step)); }
        }
        @else {
          for (var j = 0u; j < tile_keys; j++) { tile_max = max(tile_max, scores[u32(r * KEYS) + j]); }
        }
        rescale[r] = exp(running_max[r] - tile_max);
        running_max[r] = tile_max;
        for (var n = 0; n < KEYS_PER_LANE; n++) {
          let j = lane + u32(n * LANES);
          @if(SUBGROUPS) let score = s[r * KEYS_PER_LANE + n];
          @else let score = scores[u32(r * KEYS) + min(j, u32(KEYS - 1))];
          let p = select(0.0, exp(score - tile_max), j < tile_keys && tile + j <= position + u32(r));
          @if(SUBGROUPS) s[r * KEYS_PER_LANE + n] = p;
          @else if (j < u32(KEYS)) { probabilities[u32(r * KEYS) + j] = p; }
        }
      }

      @if(!SUBGROUPS) workgroupBarrier();
      var tile_sum = array<f32, ROWS>();
      var tile_o = array<vec4f, ROWS * O_QUADS>();
      for (var j = 0u; j < tile_keys; j++) {
        @if(!SUBGROUPS) let start = key_rows[j] + values;
        @if(SUBGROUPS) var key_row = rows[0];
        @if(SUBGROUPS) for (var n = 1; n < KEYS_PER_LANE; n++) {
          key_row = select(key_row, rows[n], j / u32(LANES) == u32(n));
        }
        @if(SUBGROUPS) let start = subgroupShuffle(key_row, j % u32(LANES)) + values;
        var p = array<f32, ROWS>();
        for (var r = 0; r < ROWS; r++) {
          @if(!SUBGROUPS) p[r] = probabilities[u32(r * KEYS) + j];
          @if(SUBGROUPS) {
            p[r] = s[r * KEYS_PER_LANE];
            for (var n = 1; n < KEYS_PER_LANE; n++) {
              p[r] = select(p[r], s[r * KEYS_PER_LANE + n], j / u32(LANES) == u32(n));
            }
            p[r] = subgroupShuffle(p[r], j % u32(LANES));
          }
          tile_sum[r] += p[r];
        }
        for (var n = 0; n < VECS_PER_LANE; n++) {
          let words = kv[start + min(lane + u32(n * LANES), u32(VECS - 1))];
          for (var i = 0; i < QUADS; i++) {
            let v = quad_of(words, i);
            for (var r = 0; r < ROWS; r++) {
              let at = (r * VECS_PER_LANE + n) * QUADS + i;
              // A masked v may be anything: it is left out, not multiplied by 0.
              let visible = ROWS == 1 || tile + j <= position + u32(r);
              tile_o[at] = select(tile_o[at], fma(vec4f(p[r]), v, tile_o[at]), visible);
            }
          }
        }
      }
      for (var r = 0; r < ROWS; r++) {
        // A tile that lies wholly after the row leaves its state alone, bit for bit.
        let visible = tile <= position + u32(r);
        running_sum[r] = select(running_sum[r], fma(running_sum[r], rescale[r], tile_sum[r]), visible);
        for (var i = 0; i < O_QUADS; i++) {
          let at = r * O_QUADS + i;
          o[at] = select(o[at], fma(o[at], vec4f(rescale[r]), tile_o[at]), visible);
        }
      }
    }

    for (var r = 0; r < ROWS; r++) {
      let visible = split * SPLIT_KEYS <= position + u32(r);
      @if(SPLIT) {
        if (visible && u32(r) < count) {
          let start = (((token + u32(r)) * params.H + h) * params.Z + split) * u32(D + 2);
          for (var i = 0; i < O_QUADS; i++) {
            for (var c = 0; c < 4; c++) {
              let d = component(lane, i, c);
              if (d < u32(D)) { partials[start + 2u + d] = o[r * O_QUADS + i][c]; }
            }
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
        for (var i = 0; i < O_QUADS; i++) {
          let at = r * O_QUADS + i;
          folded[at] = select(folded[at], fold4(folded[at], o[at], weights), visible);
        }
      }
    }
  }

  @if(!SPLIT) for (var r = 0; r < ROWS; r++) {
    for (var i = 0; i < O_QUADS; i++) {
      for (var c = 0; c < 4; c++) {
        let d = component(lane, i, c);
        if (u32(r) < count && d < u32(D)) {
          out[(token + u32(r)) * channels + h * u32(D) + d] = folded[r * O_QUADS + i][c] / folded_sum[r];
        }
      }
    }
  }
}

// Components d to d + 3 of a query, zeros behind D.
fn load_q(start: u32, d: u32) -> vec4f {
  var quad = vec4f();
  for (var c = 0u; c < 4u; c++) { if (d + c < u32(D)) { quad[c] = qkv[start + d + c]; } }
  return quad;
}

// The d of component c in a lane's quad i of o.
fn component(lane: u32, i: i32, c: i32) -> u32 {
  return ((lane + u32(i / QUADS * LANES)) * u32(QUADS) + u32(i % QUADS)) * 4u + u32(c);
}
