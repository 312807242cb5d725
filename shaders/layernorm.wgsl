// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c]
//   x[M, C], gamma[C], beta[C], out[M, C]; mean and variance in two passes, f32.
// Layers add to a row one after another; the norm keeps what the next one reads at one scale: each row is brought to mean 0
// and variance 1, then each column gets a scale and a shift that were learnt.
// Lane i sums c = i, i + WIDTH, ... ascending; then every lane adds the WIDTH partial sums ascending. WIDTH is the kernel's
// reduction class: it never follows M or C.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const WIDTH = 32u;
var<workgroup> partial: array<f32, WIDTH>;

fn add_up(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < WIDTH; i++) { sum += partial[i]; }
  workgroupBarrier();
  return sum;
}

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
