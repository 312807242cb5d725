import package::norm_row::{GROUPS, PARTS, normalized, scale_of, scaled, sum_of};
import package::matmul_inputs::{ROWS, load_x};
import package::matmul_chunks::{K_QUADS, LANES, QUADS, quads};

// The norm that matmul_chunks takes in with NORM: of x[M, K] the matmul's rows are (x[m, k] - mean_m) * scale_m * gamma[k] +
// beta[k], bit for bit those of layernorm_wide, with gamma[K], beta[K]. Every workgroup norms its own rows again: for few rows that
// costs less than a dispatch and its wait. K is a multiple of four, so that four parts of a sum are one load.
// With RMS they are x[m, k] * scale_m * gamma[k], bit for bit those of rmsnorm_wide: there is neither a mean nor beta.

@if(KV_WRITE) @group(0) @binding(6) var<storage, read> gamma: array<vec4f>;
@else @group(0) @binding(4) var<storage, read> gamma: array<vec4f>;
@if(KV_WRITE && !RMS) @group(0) @binding(7) var<storage, read> beta: array<vec4f>;
@if(!KV_WRITE && !RMS) @group(0) @binding(5) var<storage, read> beta: array<vec4f>;

// Quads of the parts of a row's sum; a quad's elements are parts next to each other.
const PART_QUADS = PARTS / 4u;
// Workgroup memory of the norm: [ROWS][PART_QUADS] of parts, then the x of [ROWS][GROUPS] is a group's sum, and the x and y of
// [ROWS] are a row's mean and scale.
const GROUPS_AT = u32(ROWS) * PART_QUADS;
const NORMS_AT = GROUPS_AT + u32(ROWS) * GROUPS;
const NORM_QUADS = NORMS_AT + u32(ROWS);

// Loads of four parts of a row that are under way at once.
const LOADS = 4u;
// Quads of k that a lane loads of each row in a round of chunks.
const LANE_QUADS = K_QUADS / QUADS;

// Turns over a row before that over its squares: one for its mean.
@if(RMS) const FIRST_TURN = 1u;
@else const FIRST_TURN = 0u;

// Mean and scale of a row; the mean is 0 with RMS.
struct RowNorm { mean: f32, scale: f32 }

// Four k of gamma and beta; beta is 0 with RMS.
struct Gain { gamma: vec4f, beta: vec4f }

// Adds up the parts of quad q of all rows from `first` on: of x, or of the squares of its distance from the mean. The loads of
// all rows are under way at once. To add x is an fma by one.
fn add_parts(first: u32, q: u32, squares: bool) {
  var means = array<f32, ROWS>();
  var sums = array<vec4f, ROWS>();
  @if(!RMS) for (var r = 0; r < ROWS; r++) { means[r] = select(0.0, quads[NORMS_AT + u32(r)].x, squares); }
  for (var k = q * 4u; k < params.K; k += LOADS * PARTS) {
    var xs = array<array<vec4f, LOADS>, ROWS>();
    for (var r = 0; r < ROWS; r++) {
      for (var l = 0u; l < LOADS; l++) { xs[r][l] = load_x(first + u32(r), k + l * PARTS); }
    }
    for (var r = 0; r < ROWS; r++) {
      for (var l = 0u; l < LOADS; l++) {
        let d = select(vec4f(), xs[r][l] - vec4f(means[r]), k + l * PARTS < params.K);
        sums[r] = fma(d, select(vec4f(1.0), d, squares), sums[r]);
      }
    }
  }
  for (var r = 0; r < ROWS; r++) { quads[u32(r) * PART_QUADS + q] = sums[r]; }
}

// The sum of the parts of group i of all rows.
fn add_group(i: u32) -> f32 {
  var parts = array<f32, GROUPS>();
  for (var q = 0u; q < GROUPS / 4u; q++) {
    let quad = quads[i * (GROUPS / 4u) + q];
    for (var j = 0u; j < 4u; j++) { parts[q * 4u + j] = quad[j]; }
  }
  return sum_of(parts);
}

// The sum of the groups of a row.
fn add_groups(r: u32) -> f32 {
  var groups = array<f32, GROUPS>();
  for (var g = 0u; g < GROUPS; g++) { groups[g] = quads[GROUPS_AT + r * GROUPS + g].x; }
  return sum_of(groups);
}

// Mean and scale of ROWS rows from `first` on; `quads` holds nothing before and after. All lanes of the workgroup call it.
fn norm_rows(first: u32, lane: u32) -> array<RowNorm, ROWS> {
  for (var turn = FIRST_TURN; turn < 2u; turn++) {
    let squares = turn > 0u;
    for (var q = lane; q < PART_QUADS; q += LANES) { add_parts(first, q, squares); }
    workgroupBarrier();
    for (var i = lane; i < u32(ROWS) * GROUPS; i += LANES) {
      quads[GROUPS_AT + i] = vec4f(add_group(i) / f32(params.K));
    }
    workgroupBarrier();
    if (lane < u32(ROWS)) {
      let sum = add_groups(lane);
      @if(RMS) let mean = 0.0;
      @else let mean = select(sum, quads[NORMS_AT + lane].x, squares);
      quads[NORMS_AT + lane] = vec4f(mean, scale_of(sum, params.eps), 0.0, 0.0);
    }
    workgroupBarrier();
  }
  var norms = array<RowNorm, ROWS>();
  for (var r = 0; r < ROWS; r++) {
    let norm = quads[NORMS_AT + u32(r)];
    norms[r] = RowNorm(norm.x, norm.y);
  }
  workgroupBarrier();
  return norms;
}

// Gamma and beta of k to k + 3; those of the last k stand in for those after it.
fn load_gain(k: u32) -> Gain {
  let quad = min(k, params.K - 4u) / 4u;
  @if(RMS) return Gain(gamma[quad], vec4f());
  @else return Gain(gamma[quad], beta[quad]);
}

// Four elements of a row.
fn normalized_quad(x: vec4f, norm: RowNorm, gain: Gain) -> vec4f {
  var quad = vec4f();
  for (var j = 0u; j < 4u; j++) {
    @if(RMS) quad[j] = scaled(x[j], norm.scale, gain.gamma[j]);
    @else quad[j] = normalized(x[j], norm.mean, norm.scale, gain.gamma[j], gain.beta[j]);
  }
  return quad;
}
