import package::norm_row::{PARTS, scale_of, scaled};
import package::norm_parts::{HELD, mean_of};

// out[m, c] = x[m, c] * (1 / sqrt(mean_c(x[m, c]^2) + eps)) * gamma[c], as rmsnorm, with the sums of norm_row.
//   x[M, C], gamma[C], out[M, C]; f32.
// A GPU waits as long for one load as for many: lane i loads all of part i, gamma included, before it uses any. Of rows wider than
// HELD * PARTS the rest is loaded in each pass.
// One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(PARTS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.x * params.C;
  let held_end = lane + HELD * PARTS;
  var xs: array<f32, HELD>;
  var gammas: array<f32, HELD>;
  for (var i = 0u; i < HELD; i++) {
    let c = min(lane + i * PARTS, params.C - 1u);
    xs[i] = x[row + c];
    gammas[i] = gamma[c];
  }

  var squares = 0.0;
  for (var i = 0u; i < HELD; i++) {
    let term = select(0.0, xs[i], lane + i * PARTS < params.C);
    squares = fma(term, term, squares);
  }
  for (var c = held_end; c < params.C; c += PARTS) { squares = fma(x[row + c], x[row + c], squares); }
  let scale = scale_of(mean_of(lane, squares, params.C), params.eps);

  // Before the first branch: a compiler may put off the loads of gamma to where they are used.
  for (var i = 0u; i < HELD; i++) { xs[i] = scaled(xs[i], scale, gammas[i]); }
  for (var i = 0u; i < HELD; i++) {
    let c = lane + i * PARTS;
    if (c < params.C) { out[row + c] = xs[i]; }
  }
  for (var c = held_end; c < params.C; c += PARTS) { out[row + c] = scaled(x[row + c], scale, gamma[c]); }
}
