import package::packed_weights::{TILE, TILE_VEC4, K_STEP, Q8_GROUP, Q8_ROWS, low_halves, high_halves, signed_bytes};
import package::activation::{gelu_new, gelu, relu};
@if(SUBGROUPS) enable subgroups;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n])
//   x[M, K], w in column tiles (packed_weights), bias[N], out[M, O]; f is the identity or an activation.
//   One running f32 sum per output, k ascending, acc = fma(x, w, acc), in every variant.
// With KV_WRITE the columns are q, k and v, H D each: q goes to out, k and v go where kv_write would put them. A row of the
// cache is D elements and no zeros, so that the four columns of a lane are a quad of one row.
// A lane owns four neighbouring columns of ROWS rows in each of TILES tiles. X_VEC4: K is a multiple of four, so that four k
// of x are one load. Grid: (tiles / tiles of a workgroup, M / rows of a workgroup).
//   K_TILE = 0: each eight lanes have tiles of their own, all have the same rows. A lane loads its w. Each x is needed in
//     every lane: with SUBGROUPS a lane loads four k of one row and shuffles hand them around; else every lane loads it at a
//     uniform address.
//   K_TILE > 0: each eight lanes have rows of their own, all have the same tiles. For K_TILE k at a time the workgroup loads
//     each x and w once, into memory that its lanes share.

@if(X_VEC4) @group(0) @binding(0) var<storage, read> x: array<vec4f>;
@if(!X_VEC4) @group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@if(KV_WRITE) @group(0) @binding(4) var<storage, read> slot_mapping: array<i32>;
// By quads of elements.
@if(KV_WRITE && KV_F16) @group(0) @binding(5) var<storage, read_write> kv: array<vec2u>;
@if(KV_WRITE && !KV_F16) @group(0) @binding(5) var<storage, read_write> kv: array<vec4u>;

override LANES: u32 = 32;

const ROWS = constants::ROWS;
const TILES = constants::TILES;
// Lanes that share the loads of x: they lie over rows first, then over quads of k.
@if(SUBGROUPS && !K_TILE) const X_LANES = constants::X_LANES;
@if(!SUBGROUPS || K_TILE) const X_LANES = 1;
const X_ROWS = min(constants::ROWS, X_LANES);
const X_LOADS = (constants::ROWS + X_ROWS - 1) / X_ROWS;
// Quads of k of a round.
@if(K_TILE) const QUADS = constants::K_TILE / 4;
@if(!K_TILE) const QUADS = X_LANES / X_ROWS;
// k of one row of words.
@if(W_Q8) const WORD_K = 4u;
@if(W_F16) const WORD_K = 2u;
@if(!W_F16 && !W_Q8) const WORD_K = 1u;

// [rows of the workgroup][QUADS], and [TILES][QUADS * 4][TILE_VEC4].
@if(K_TILE) var<workgroup> shared_x: array<vec4f, LANES / TILE_VEC4 * u32(ROWS * QUADS)>;
@if(K_TILE) var<workgroup> shared_w: array<vec4f, u32(TILES * QUADS) * 4u * TILE_VEC4>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let quad = lane % TILE_VEC4;
  @if(K_TILE) let first_tile = workgroup.x * u32(TILES);
  @else let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  @if(K_TILE) let row = (workgroup.y * LANES + lane) / TILE_VEC4 * u32(ROWS);
  @else let row = workgroup.y * u32(ROWS);
  @if(!K_TILE) var w_index = array<u32, TILES>();
  @if(!K_TILE) for (var t = 0; t < TILES; t++) { w_index[t] = tile_start(first_tile + u32(t)) + quad; }
  @if(!K_TILE && W_Q8) var scales = array<vec4f, TILES>();
  var acc = array<vec4f, ROWS * TILES>();

  for (var k = 0u; k < params.K; k += u32(4 * QUADS)) {
    @if(K_TILE) {
      workgroupBarrier();
      load_shared(workgroup, lane, k);
      workgroupBarrier();
    }
    @if(!K_TILE && W_Q8) if (k % Q8_GROUP == 0u) {
      for (var t = 0; t < TILES; t++) {
        scales[t] = bitcast<vec4f>(w[w_index[t]]);
        w_index[t] += TILE_VEC4;
      }
    }
    @if(!K_TILE) var xs = array<vec4f, X_LOADS>();
    @if(!K_TILE && SUBGROUPS) let x_row = row + subgroup_lane % u32(X_ROWS);
    @if(!K_TILE && SUBGROUPS) let x_k = k + subgroup_lane / u32(X_ROWS) % u32(QUADS) * 4u;
    @if(!K_TILE && !SUBGROUPS) let x_row = row;
    @if(!K_TILE && !SUBGROUPS) let x_k = k;
    @if(!K_TILE) for (var i = 0; i < X_LOADS; i++) { xs[i] = load_x(x_row + u32(i * X_ROWS), x_k); }

    // The last quad of an odd K ends in zeros, on both sides.
    let quads = select(min(u32(QUADS), (params.K - k + 3u) / 4u), 1u, QUADS == 1);
    for (var q = 0u; q < quads; q++) {
      for (var t = 0; t < TILES; t++) {
        var quads_of_w = array<vec4f, 4>();
        @if(K_TILE) for (var i = 0u; i < 4u; i++) {
          quads_of_w[i] = shared_w[((u32(t * QUADS) + q) * 4u + i) * TILE_VEC4 + quad];
        }
        @else for (var i = 0u; i < 4u; i += WORD_K) {
          let words = w[w_index[t]];
          w_index[t] += TILE_VEC4;
          @if(W_Q8) for (var b = 0u; b < 4u; b++) { quads_of_w[b] = signed_bytes(words, b) * scales[t]; }
          @if(W_F16) quads_of_w[i] = low_halves(words);
          @if(W_F16) quads_of_w[i + 1u] = high_halves(words);
          @if(!W_F16 && !W_Q8) quads_of_w[i] = bitcast<vec4f>(words);
        }
        for (var r = 0; r < ROWS; r++) {
          var sum = acc[t * ROWS + r];
          @if(K_TILE) let quad_of_x = shared_x[(lane / TILE_VEC4 * u32(ROWS) + u32(r)) * u32(QUADS) + q];
          for (var i = 0u; i < 4u; i++) {
            @if(K_TILE) let x_of_k = quad_of_x[i];
            @elif(SUBGROUPS) let x_of_k = subgroupShuffle(xs[r / X_ROWS][i], q * u32(X_ROWS) + u32(r % X_ROWS));
            @else let x_of_k = xs[r / X_ROWS][i];
            sum = fma(vec4f(x_of_k), quads_of_w[i], sum);
          }
          acc[t * ROWS + r] = sum;
        }
      }
    }
  }

  for (var t = 0; t < TILES; t++) {
    let first_n = (first_tile + u32(t)) * TILE + quad * 4u;
    @if(KV_WRITE) if (first_n >= params.H * params.D && first_n < params.N) {
      let biases = vec4f(bias[first_n], bias[first_n + 1u], bias[first_n + 2u], bias[first_n + 3u]);
      for (var r = 0; r < ROWS; r++) { write_kv(row + u32(r), first_n, acc[t * ROWS + r] + biases); }
      continue;
    }
    for (var j = 0; j < 4; j++) {
      let n = first_n + u32(j);
      if (n >= params.N) { continue; }
      let bias_of_n = bias[n];
      for (var r = 0; r < ROWS; r++) {
        if (row + u32(r) < params.M) {
          var value = acc[t * ROWS + r][j] + bias_of_n;
          @if(GELU_NEW) value = gelu_new(value);
          @if(GELU) value = gelu(value);
          @if(RELU) value = relu(value);
          let o = (row + u32(r)) * params.O + params.first + n;
          @if(RESIDUAL) value = out[o] + value;
          out[o] = value;
        }
      }
    }
  }
}

// Index of the first words of a tile. One behind the last stands for it: its sums go nowhere.
fn tile_start(tile: u32) -> u32 {
  @if(W_Q8) let rows = (params.K + Q8_GROUP - 1u) / Q8_GROUP * Q8_ROWS;
  @else let rows = (params.K + K_STEP - 1u) / K_STEP * K_STEP / WORD_K;
  return min(tile, (params.N + TILE - 1u) / TILE - 1u) * rows * TILE_VEC4;
}

// x[row, k] to x[row, k + 3], zeros behind K. A row behind the last stands for it: its sums go nowhere.
fn load_x(row: u32, k: u32) -> vec4f {
  let start = min(row, params.M - 1u) * params.K;
  @if(X_VEC4) return x[(start + min(k, params.K - 4u)) / 4u];
  @else {
    var quad = vec4f();
    for (var i = 0u; i < 4u; i++) {
      quad[i] = select(0.0, x[start + min(k + i, params.K - 1u)], k + i < params.K);
    }
    return quad;
  }
}

// The workgroup's x and w of k to k + K_TILE. Of what lies behind K only zeros are used.
@if(K_TILE) fn load_shared(workgroup: vec3u, lane: u32, k: u32) {
  let rows = LANES / TILE_VEC4 * u32(ROWS);
  for (var i = lane; i < rows * u32(QUADS); i += LANES) {
    shared_x[i] = load_x(workgroup.y * rows + i / u32(QUADS), k + i % u32(QUADS) * 4u);
  }
  // A lane loads rows of words, and stores WORD_K rows of each.
  for (var i = lane; i < u32(TILES * QUADS) * (4u / WORD_K) * TILE_VEC4; i += LANES) {
    let quad = i % TILE_VEC4;
    let row_of_words = i / TILE_VEC4 % (u32(QUADS) * 4u / WORD_K);
    let t = i / TILE_VEC4 / (u32(QUADS) * 4u / WORD_K);
    let start = tile_start(workgroup.x * u32(TILES) + t) + quad;
    @if(W_Q8) let group = start + k / Q8_GROUP * Q8_ROWS * TILE_VEC4;
    @if(W_Q8) let scale = bitcast<vec4f>(w[group]);
    @if(W_Q8) let words = w[group + (1u + k % Q8_GROUP / WORD_K + row_of_words) * TILE_VEC4];
    @if(!W_Q8) let words = w[start + (k / WORD_K + row_of_words) * TILE_VEC4];
    let at = i / TILE_VEC4 * WORD_K * TILE_VEC4 + quad;
    @if(W_Q8) for (var b = 0u; b < 4u; b++) { shared_w[at + b * TILE_VEC4] = signed_bytes(words, b) * scale; }
    @if(W_F16) shared_w[at] = low_halves(words);
    @if(W_F16) shared_w[at + TILE_VEC4] = high_halves(words);
    @if(!W_F16 && !W_Q8) shared_w[at] = bitcast<vec4f>(words);
  }
}

// Columns n to n + 3 of a row into its slot of the cache. A negative slot is padding and takes nothing.
@if(KV_WRITE) fn write_kv(m: u32, n: u32, columns: vec4f) {
  if (m >= params.M || slot_mapping[m] < 0) { return; }
  let slot = u32(slot_mapping[m]);
  // Of a block's heads: those of k, then those of v.
  let head = n / params.D - params.H;
  let cache_row = (slot / params.P * 2u * params.H + head) * params.P + slot % params.P;
  let quad = (cache_row * params.D + n % params.D) / 4u;
  @if(KV_F16) kv[quad] = vec2u(pack2x16float(columns.xy), pack2x16float(columns.zw));
  @else kv[quad] = bitcast<vec4u>(columns);
}
