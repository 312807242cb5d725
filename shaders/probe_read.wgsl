// sums[w LANES + lane] = sum over j < 4 ROUNDS of the words of vectors[(4 w ROUNDS + j) LANES + lane]: reads each vector once.
// How fast an adapter reads: four loads a turn hide the cost of the loop, and the sums only keep them alive. The four are
// neighbours or, with STREAMS = 4, each from a quarter of its own of what the workgroup reads: a processor that fetches
// ahead of a stream gets more from several.
// One workgroup for 4 ROUNDS LANES neighbouring vectors; grid: (workgroups).

@group(0) @binding(0) var<storage, read> vectors: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> sums: array<u32>;

const STREAMS = u32(constants::STREAMS);

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let apart = select(LANES, params.ROUNDS * LANES, STREAMS == 4u);
  var at = 4u * workgroup.x * params.ROUNDS * LANES + lane;
  var sum = vec4u();
  for (var r = 0u; r < params.ROUNDS; r++) {
    sum += vectors[at] + vectors[at + apart] + vectors[at + 2u * apart] + vectors[at + 3u * apart];
    at += 4u / STREAMS * LANES;
  }
  sums[workgroup.x * LANES + lane] = sum.x + sum.y + sum.z + sum.w;
}
