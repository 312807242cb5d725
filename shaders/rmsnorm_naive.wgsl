// out[m, c] = x[m, c] / sqrt(mean_c(x[m, c]^2) + eps) * gamma[c]: x[M, C], gamma[C], out[M, C], all f32.
// The plain way, to learn from and to judge rmsnorm by: each row is brought to mean square 1, then each of its columns gets a scale
// that was learnt.
// One lane a row, its sum one chain, c ascending; grid: (M / LANES).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let m = global.x;
  if (m >= params.M) { return; }
  let row = m * params.C;
  var squares = 0.0;
  for (var c = 0u; c < params.C; c++) { squares += x[row + c] * x[row + c]; }
  let root = sqrt(squares / f32(params.C) + params.eps);
  for (var c = 0u; c < params.C; c++) { out[row + c] = x[row + c] / root * gamma[c]; }
}
