import package::free_operands::{PART_K, ROWS, add_part};

// partials[z, m, n] = sum_k x[m, k] w[k, n], k of part z of K, plus bias[n] in the first: x[M, K] and w[K, N], see free_operands;
// bias[N], partials[Z, M, N]. K is cut into as many parts of `span` k as fill the machine; free_sum adds them. Of one part the
// partials are the result.
// Lanes over quads of columns, all with the same rows; grid: (N / columns of a workgroup, M / ROWS, Z).

@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

const LANES = u32(constants::LANES);

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column_quad = workgroup.x * LANES + lane;
  let row = workgroup.y * ROWS;
  let first = workgroup.z * params.span;
  var sums = array<vec4f, ROWS>();
  for (var k = first; k < min(first + params.span, params.K); k += PART_K) { add_part(&sums, row, column_quad, k); }
  for (var j = 0u; j < 4u; j++) {
    let n = column_quad * 4u + j;
    if (n >= params.N) { continue; }
    let term = select(0.0, bias[n], workgroup.z == 0u);
    for (var r = 0u; r < ROWS; r++) {
      let m = row + r;
      if (m < params.M) { partials[(workgroup.z * params.M + m) * params.N + n] = sums[r][j] + term; }
    }
  }
}
