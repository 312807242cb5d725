import package::activation::{gelu_new, gelu, relu, silu};
import package::packed_weights::TILE;
import package::matmul_inputs::{ROWS, SUMS, TILES};

// Epilogue of a matmul, for all files of it: to the sums bias[N] is added, then f applied, the identity or an activation; with
// RESIDUAL the old out[M, O] is added; columns first to first + N of `out` are written.
// With SILU_MUL columns 2i and 2i + 1 of w are a gate and what it scales: column first + i of `out` is their product, with silu as
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

// Puts away a lane's sums of rows `row` on, [TILES][ROWS] of four neighbouring columns.
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

// Puts away the sums of columns n to n + 3 of ROWS rows, `stride` apart from `row` on. All is loaded before it is used.
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

// f of biased sums of columns n to n + 3 of a row, with residuals, into `out`, or into the cache where they are k or v.
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
