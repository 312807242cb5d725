// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c]: x[M, C], gamma[C], beta[C], out[M, C], all f32.
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
