enable subgroups;

// out[m, c] = (x[m, c] - mean_m) / sqrt(var_m + eps) * gamma[c] + beta[c], sums in no fixed order: x[M, C], gamma[C], beta[C],
// out[M, C], C a multiple of four; mean and variance in two passes. A lane holds HELD quads of the row, gamma and beta included.
// The lanes of a subgroup are neighbours. One workgroup a row; grid: (M).

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> beta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

const LANES = u32(constants::LANES);
const HELD = u32(constants::HELD);
// Subgroups of a workgroup at most, of four lanes.
const SUBGROUPS = LANES / 4u;

var<workgroup> totals: array<f32, 2u * SUBGROUPS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let quads = params.C / 4u;
  let row = workgroup.x * quads;
  let subgroups = (LANES + subgroup_size - 1u) / subgroup_size;
  var xs = array<vec4f, HELD>();
  var gammas = array<vec4f, HELD>();
  var betas = array<vec4f, HELD>();
  for (var i = 0u; i < HELD; i++) {
    let c = min(lane + i * LANES, quads - 1u);
    xs[i] = x[row + c];
    gammas[i] = gamma[c];
    betas[i] = beta[c];
  }

  var sum = vec4f();
  for (var i = 0u; i < HELD; i++) { sum += select(vec4f(), xs[i], lane + i * LANES < quads); }
  let total = subgroupAdd(dot(sum, vec4f(1.0)));
  if (subgroup_lane == 0u) { totals[lane / subgroup_size] = total; }
  workgroupBarrier();
  var mean = 0.0;
  for (var s = 0u; s < subgroups; s++) { mean += totals[s] / f32(params.C); }

  var squares = 0.0;
  for (var i = 0u; i < HELD; i++) {
    xs[i] -= vec4f(mean);
    squares += select(0.0, dot(xs[i], xs[i]), lane + i * LANES < quads);
  }
  let total_squares = subgroupAdd(squares);
  if (subgroup_lane == 0u) { totals[SUBGROUPS + lane / subgroup_size] = total_squares; }
  workgroupBarrier();
  var variance = 0.0;
  for (var s = 0u; s < subgroups; s++) { variance += totals[SUBGROUPS + s] / f32(params.C); }
  let scale = inverseSqrt(variance + params.eps);
  for (var i = 0u; i < HELD; i++) {
    if (lane + i * LANES < quads) { out[row + lane + i * LANES] = fma(xs[i] * scale, gammas[i], betas[i]); }
  }
}
