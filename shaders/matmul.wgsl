import package::packed_weights::{TILE, TILE_VEC4, K_STEP, Q8_GROUP, Q8_ROWS, low_halves, high_halves, signed_bytes};
import package::activation::{gelu_new, gelu, relu};
@if(SUBGROUPS) enable subgroups;
@if(IMMEDIATES) requires immediate_address_space;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n])
//   x[M, K], w in column tiles (packed_weights), bias[N], out[M, O]; f is the identity or an activation.
//   One running f32 sum per output, k ascending, acc = fma(x, w, acc), in every variant.
// A lane owns four neighbouring columns of ROWS rows in each of TILES tiles; grid: (tiles / tiles per workgroup, M / ROWS).
// Each x is needed in every lane. With SUBGROUPS a lane loads four k of one row and shuffles hand them around; else every
// lane loads it at a uniform address. X_VEC4: K is a multiple of four, so that four k are one load.

struct Params { M: u32, N: u32, K: u32, O: u32, first: u32 }

@if(IMMEDIATES) var<immediate> params: Params;
@else @group(1) @binding(0) var<uniform> params: Params;
@if(X_VEC4) @group(0) @binding(0) var<storage, read> x: array<vec4f>;
@if(!X_VEC4) @group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 32;

const ROWS = constants::ROWS;
const TILES = constants::TILES;
// Lanes that share the loads of x: they lie over rows first, then over quads of k.
@if(SUBGROUPS) const X_LANES = constants::X_LANES;
@if(!SUBGROUPS) const X_LANES = 1;
const X_ROWS = min(constants::ROWS, X_LANES);
const X_QUADS = X_LANES / X_ROWS;
const X_LOADS = (constants::ROWS + X_ROWS - 1) / X_ROWS;
// k of one row of words.
@if(W_Q8) const WORD_K = 4u;
@if(W_F16) const WORD_K = 2u;
@if(!W_F16 && !W_Q8) const WORD_K = 1u;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let tiles = (params.N + TILE - 1u) / TILE;
  let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  let quad = lane % TILE_VEC4;
  let row = workgroup.y * u32(ROWS);
  @if(W_Q8) let w_rows = (params.K + Q8_GROUP - 1u) / Q8_GROUP * Q8_ROWS;
  @else let w_rows = (params.K + K_STEP - 1u) / K_STEP * K_STEP / WORD_K;
  var w_index = array<u32, TILES>();
  for (var t = 0; t < TILES; t++) {
    w_index[t] = min(first_tile + u32(t), tiles - 1u) * w_rows * TILE_VEC4 + quad;
  }
  var acc = array<vec4f, ROWS * TILES>();
  @if(W_Q8) var scales = array<vec4f, TILES>();

  for (var k = 0u; k < params.K; k += u32(4 * X_QUADS)) {
    @if(W_Q8) if (k % Q8_GROUP == 0u) {
      for (var t = 0; t < TILES; t++) {
        scales[t] = bitcast<vec4f>(w[w_index[t]]);
        w_index[t] += TILE_VEC4;
      }
    }
    var xs = array<vec4f, X_LOADS>();
    @if(SUBGROUPS) let x_row = row + subgroup_lane % u32(X_ROWS);
    @if(SUBGROUPS) let x_k = k + subgroup_lane / u32(X_ROWS) % u32(X_QUADS) * 4u;
    @if(!SUBGROUPS) let x_row = row;
    @if(!SUBGROUPS) let x_k = k;
    for (var i = 0; i < X_LOADS; i++) { xs[i] = load_x(x_row + u32(i * X_ROWS), x_k); }

    // The last quad of an odd K ends in zeros, on both sides.
    let quads = select(min(u32(X_QUADS), (params.K - k + 3u) / 4u), 1u, X_QUADS == 1);
    for (var q = 0u; q < quads; q++) {
      for (var t = 0; t < TILES; t++) {
        var quads_of_w = array<vec4f, 4>();
        for (var i = 0u; i < 4u; i += WORD_K) {
          let words = w[w_index[t]];
          w_index[t] += TILE_VEC4;
          @if(W_Q8) for (var b = 0u; b < 4u; b++) { quads_of_w[b] = signed_bytes(words, b) * scales[t]; }
          @if(W_F16) quads_of_w[i] = low_halves(words);
          @if(W_F16) quads_of_w[i + 1u] = high_halves(words);
          @if(!W_F16 && !W_Q8) quads_of_w[i] = bitcast<vec4f>(words);
        }
        for (var r = 0; r < ROWS; r++) {
          var sum = acc[t * ROWS + r];
          for (var i = 0u; i < 4u; i++) {
            @if(SUBGROUPS) let x_of_k = subgroupShuffle(xs[r / X_ROWS][i], q * u32(X_ROWS) + u32(r % X_ROWS));
            @else let x_of_k = xs[r / X_ROWS][i];
            sum = fma(vec4f(x_of_k), quads_of_w[i], sum);
          }
          acc[t * ROWS + r] = sum;
        }
      }
    }
  }

  for (var t = 0; t < TILES; t++) {
    for (var j = 0; j < 4; j++) {
      let n = (first_tile + u32(t)) * TILE + quad * 4u + u32(j);
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
