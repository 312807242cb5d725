// out[m, out_first + c] = x[m, first + c] for c < count: x[M, N], out[M, O].
// Copies a block of columns between tensors of equally many rows, such as the heads of q out of qkv and back.
// One lane an element; grid: (count / LANES, M), of which a workgroup takes several rows where there are too many.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (global.x >= params.count) { return; }
  for (var m = global.y; m < params.M; m += grid.y) {
    out[m * params.O + params.out_first + global.x] = x[m * params.N + params.first + global.x];
  }
}
