import package::norm_lanes::{WIDTH, add_up};

// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c]
//   x[M, C], gamma[C], beta[C], out[M, C]; mean and variance in two passes, f32.
// Layers add to a row one after another; the norm keeps what the next one reads at one scale: each row is brought to mean 0
// and variance 1, then each column gets a scale and a shift that were learnt.
// Sums are those of norm_lanes.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  var sum = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) { sum += x[row + c]; }
  let mean = add_up(lane, sum) / f32(params.C);
  var squares = 0.0;
  for (var c = lane; c < params.C; c += WIDTH) {
    let d = x[row + c] - mean;
    squares = fma(d, d, squares);
  }
  let scale = 1.0 / sqrt(add_up(lane, squares) / f32(params.C) + params.eps);
  for (var c = lane; c < params.C; c += WIDTH) {
    out[row + c] = fma((x[row + c] - mean) * scale, gamma[c], beta[c]);
  }
}
