// out[m, n] = sum_z partials[z, m, n]: partials[Z, M, N] of free_split, out[M, N]. Eight loads come before the first is used.
// One lane an element; grid: (M N / LANES).

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;
const LOADS = 8u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let size = params.M * params.N;
  if (global.x >= size) { return; }
  var sum = 0.0;
  for (var z = 0u; z < params.Z; z += LOADS) {
    var terms = array<f32, LOADS>();
    for (var i = 0u; i < LOADS; i++) { terms[i] = partials[min(z + i, params.Z - 1u) * size + global.x]; }
    for (var i = 0u; i < LOADS; i++) { sum += select(0.0, terms[i], z + i < params.Z); }
  }
  out[global.x] = sum;
}
