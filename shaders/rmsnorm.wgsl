import package::norm_lanes::{WIDTH, add_up};

// out[m, c] = x[m, c] * (1 / sqrt(mean_c(x[m, c]^2) + eps)) * gamma[c]
//   x[M, C], gamma[C], out[M, C]; f32.
// Root mean square norm: as layernorm, without the mean and the shift. Each row is brought to mean square 1, then each column
// gets a scale that was learnt.
// Sums are those of norm_lanes.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  var squares = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) { squares = fma(x[row + c], x[row + c], squares); }
  let scale = 1.0 / sqrt(add_up(lane, squares) / f32(params.C) + params.eps);
  for (var c = lane; c < params.C; c += WIDTH) { out[row + c] = x[row + c] * scale * gamma[c]; }
}
