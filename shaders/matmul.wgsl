import package::packed_weights::{TILE, TILE_VEC4, K_STEP, low_halves, high_halves};
import package::activation::{gelu_new, gelu, relu};
@if(SUBGROUPS) enable subgroups;
@if(IMMEDIATES) requires immediate_address_space;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n])
//   x[M, K], w in column tiles (packed_weights), bias[N], out[M, O]; f is the identity or an activation.
//   One running f32 sum per output, k ascending, acc = fma(x, w, acc), in every variant.
// A lane owns four neighbouring columns of ROWS rows; grid: (tiles / tiles per workgroup, M / ROWS).
// With SUBGROUPS each x is loaded once by one lane and shuffled; else every lane loads it at a uniform address.

struct Params { M: u32, N: u32, K: u32, O: u32, first: u32 }

@if(IMMEDIATES) var<immediate> params: Params;
@else @group(1) @binding(0) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let tiles = (params.N + TILE - 1u) / TILE;
  let tile = min((workgroup.x * LANES + lane) / TILE_VEC4, tiles - 1u);
  let quad = lane % TILE_VEC4;
  let row = workgroup.y * constants::ROWS;
  let k_padded = (params.K + K_STEP - 1u) / K_STEP * K_STEP;
  @if(W_F16) let w_rows = k_padded / 2u;
  @else let w_rows = k_padded;
  var w_index = tile * w_rows * TILE_VEC4 + quad;
  var acc: array<vec4f, constants::ROWS>;

  for (var k = 0u; k < params.K; k += constants::K_TILE) {
    @if(SUBGROUPS) var xs: array<f32, constants::ROWS>;
    @if(SUBGROUPS) for (var r = 0u; r < constants::ROWS; r++) {
      let xk = k + subgroup_lane % constants::K_TILE;
      xs[r] = select(0.0, x[min(row + r, params.M - 1u) * params.K + min(xk, params.K - 1u)], xk < params.K);
    }
    for (var i = 0u; i < constants::K_TILE; i += 2u) {
      @if(W_F16) let pair = w[w_index];
      @if(W_F16) let w0 = low_halves(pair);
      @if(W_F16) let w1 = high_halves(pair);
      @if(!W_F16) let w0 = bitcast<vec4f>(w[w_index]);
      @if(!W_F16) let w1 = bitcast<vec4f>(w[w_index + TILE_VEC4]);
      for (var r = 0u; r < constants::ROWS; r++) {
        @if(SUBGROUPS) {
          acc[r] = fma(vec4f(subgroupShuffle(xs[r], i)), w0, acc[r]);
          acc[r] = fma(vec4f(subgroupShuffle(xs[r], i + 1u)), w1, acc[r]);
        }
        @else {
          let start = min(row + r, params.M - 1u) * params.K;
          let k0 = k + i;
          acc[r] = fma(vec4f(select(0.0, x[start + min(k0, params.K - 1u)], k0 < params.K)), w0, acc[r]);
          acc[r] = fma(vec4f(select(0.0, x[start + min(k0 + 1u, params.K - 1u)], k0 + 1u < params.K)), w1, acc[r]);
        }
      }
      @if(W_F16) w_index += TILE_VEC4;
      @else w_index += 2u * TILE_VEC4;
    }
  }

  if ((workgroup.x * LANES + lane) / TILE_VEC4 >= tiles) { return; }
  for (var r = 0u; r < constants::ROWS; r++) {
    for (var j = 0u; j < 4u; j++) {
      let n = tile * TILE + quad * 4u + j;
      if (row + r < params.M && n < params.N) {
        var value = acc[r][j] + bias[n];
        @if(GELU_NEW) value = gelu_new(value);
        @if(GELU) value = gelu(value);
        @if(RELU) value = relu(value);
        let o = (row + r) * params.O + params.first + n;
        @if(RESIDUAL) value = out[o] + value;
        out[o] = value;
      }
    }
  }
}
