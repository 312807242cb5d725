import package::free_operands::{PART_K, ROWS, add_part};
enable subgroups;

// out[m, n] = sum_k x[m, k] w[k, n] + bias[n], k in no fixed order: x[M, K] and w[K, N], see free_operands; bias[N], out[M, N].
// A dot product of rows and columns in a workgroup: its lanes lie over QUADS quads of columns and over parts of k. A lane sums
// its parts to the end; subgroups add their lanes by exchange, or by subgroupAdd where all of them have one quad.
// The lanes of a subgroup are neighbours. Grid: (N / columns of a workgroup, M / ROWS).

@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const LANES = u32(constants::LANES);
const QUADS = u32(constants::QUADS);
// Subgroups at most.
const SUBGROUPS = LANES / u32(constants::SUBGROUP);

var<workgroup> partials: array<vec4f, SUBGROUPS * ROWS * QUADS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let row = workgroup.y * ROWS;
  var sums = array<vec4f, ROWS>();
  for (var k = lane / QUADS * PART_K; k < params.K; k += LANES / QUADS * PART_K) {
    add_part(&sums, row, workgroup.x * QUADS + lane % QUADS, k);
  }
  for (var r = 0u; r < ROWS; r++) {
    var sum = sums[r];
    if (QUADS == 1u) { sum = subgroupAdd(sum); }
    else {
      for (var step = QUADS; step < subgroup_size; step *= 2u) { sum += subgroupShuffleXor(sum, step); }
    }
    if (subgroup_lane < QUADS) { partials[(lane / subgroup_size * ROWS + r) * QUADS + subgroup_lane] = sum; }
  }
  workgroupBarrier();
  for (var i = lane; i < ROWS * QUADS; i += LANES) {
    var sum = vec4f();
    for (var s = 0u; s < (LANES + subgroup_size - 1u) / subgroup_size; s++) { sum += partials[s * ROWS * QUADS + i]; }
    let m = row + i / QUADS;
    if (m >= params.M) { continue; }
    for (var j = 0u; j < 4u; j++) {
      let n = (workgroup.x * QUADS + i % QUADS) * 4u + j;
      if (n < params.N) { out[m * params.N + n] = sum[j] + bias[n]; }
    }
  }
}
