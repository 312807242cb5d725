import package::norm_row::{PARTS, normalized, scale_of};
import package::norm_parts::{HELD, mean_of};

// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c], as layernorm, with the sums of norm_row.
//   x[M, C], gamma[C], beta[C], out[M, C]; mean and variance in two passes, f32.
// A GPU waits as long for one load as for many: lane i loads all of part i, gamma and beta included, before it uses any. Of
// rows wider than HELD * PARTS the rest is loaded in each pass.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(PARTS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  let held_end = lane + HELD * PARTS;
  var xs: array<f32, HELD>;
  var gammas: array<f32, HELD>;
  var betas: array<f32, HELD>;
  for (var i = 0u; i < HELD; i++) {
    let c = min(lane + i * PARTS, params.C - 1u);
    xs[i] = x[row + c];
    gammas[i] = gamma[c];
    betas[i] = beta[c];
  }

  var sum = 0.0;
  for (var i = 0u; i < HELD; i++) { sum += select(0.0, xs[i], lane + i * PARTS < params.C); }
  for (var c = held_end; c < params.C; c += PARTS) { sum += x[row + c]; }
  let mean = mean_of(lane, sum, params.C);

  var squares = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let d = select(0.0, xs[i] - mean, lane + i * PARTS < params.C);
    squares = fma(d, d, squares);
  }
  for (var c = held_end; c < params.C; c += PARTS) {
    let d = x[row + c] - mean;
    squares = fma(d, d, squares);
  }
  let scale = scale_of(mean_of(lane, squares, params.C), params.eps);

  for (var i = 0u; i < HELD; i++) { xs[i] = normalized(xs[i], mean, scale, gammas[i], betas[i]); }
  for (var i = 0u; i < HELD; i++) {
    let c = lane + i * PARTS;
    if (c < params.C) { out[row + c] = xs[i]; }
  }
  for (var c = held_end; c < params.C; c += PARTS) {
    out[row + c] = normalized(x[row + c], mean, scale, gamma[c], beta[c]);
  }
}
