// x[rows[r], c] = f(x[rows[r], c], values[sources[r], c]): x[M, C], rows[R], sources[R], values[S, C].
// f(x, v) is v (mode SET), x + v (ADD) or x v (SCALE). No row is listed twice.
// The residual stream takes what a module adds to it by the same addition as in the epilogue of a matmul.
// One lane an element; grid: (C / LANES, R), of which a workgroup takes several rows where there are too many.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<i32>;
@group(0) @binding(3) var<storage, read> sources: array<i32>;

override LANES: u32 = 64;

const SET = 0u;
const ADD = 1u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u, @builtin(num_workgroups) grid: vec3u) {
  if (global.x >= params.C) { return; }
  for (var r = global.y; r < params.R; r += grid.y) {
    let at = u32(rows[r]) * params.C + global.x;
    let value = values[u32(sources[r]) * params.C + global.x];
    if (params.mode == SET) {
      x[at] = value;
    } else if (params.mode == ADD) {
      x[at] = x[at] + value;
    } else {
      x[at] = x[at] * value;
    }
  }
}
