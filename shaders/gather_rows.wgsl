// out[r, c] = x[rows[r], c]: x[T, C], rows[R], out[R, C].
// Only the last row of a prompt needs logits: the others leave before the LM head, the widest matmul of a model.
// One lane an element; grid: (C / LANES, R).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  if (global.x >= params.C) { return; }
  out[global.y * params.C + global.x] = x[u32(rows[global.y]) * params.C + global.x];
}
