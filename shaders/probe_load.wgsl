// sums[w LANES + lane] = ROUNDS times the sum over j < I / LANES of the words of vectors[j LANES + lane]: every workgroup
// loads the same vectors, few enough for the nearest cache, again and again.
// How fast an adapter loads what it need not wait for: four loads a turn hide the cost of the loop.
// Workgroups of any number; grid: (workgroups).

@group(0) @binding(0) var<storage, read> vectors: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = vec4u();
  for (var r = 0u; r < params.ROUNDS; r++) {
    for (var first = 0u; first < params.I; first += 4u * LANES) {
      let at = first + lane;
      sum += vectors[at] + vectors[at + LANES] + vectors[at + 2u * LANES] + vectors[at + 3u * LANES];
    }
  }
  sums[workgroup.x * LANES + lane] = sum.x + sum.y + sum.z + sum.w;
}
