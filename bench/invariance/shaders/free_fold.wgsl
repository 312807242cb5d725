// out[t, h, d] = o / l of the softmax over all splits: partials[T, H, Z, D + 2] = (m, l, o) of each split of free_attention, of
// which the positions[T] tell those that have keys; out[T, H D]. Splits are taken LOADS at a time under one maximum.
// One lane a d; grid: (D / LANES, H, T).

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;
const LOADS = 8u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let d = global.x;
  let row = global.z * params.H + global.y;
  if (d >= params.D) { return; }
  let splits = u32(positions[global.z]) / params.keys + 1u;
  var greatest = -1e30;
  var total = 0.0;
  var sum = 0.0;
  for (var start = 0u; start < splits; start += LOADS) {
    var next = array<vec3f, LOADS>();
    for (var i = 0u; i < LOADS; i++) {
      let at = (row * params.Z + min(start + i, splits - 1u)) * (params.D + 2u);
      next[i] = vec3f(partials[at], partials[at + 1u], partials[at + 2u + d]);
    }
    var maximum = greatest;
    for (var i = 0u; i < LOADS; i++) { maximum = max(maximum, next[i].x); }
    let rescale = exp(greatest - maximum);
    greatest = maximum;
    total *= rescale;
    sum *= rescale;
    for (var i = 0u; i < LOADS; i++) {
      let weight = select(0.0, exp(next[i].x - maximum), start + i < splits);
      total = fma(next[i].y, weight, total);
      sum = fma(next[i].z, weight, sum);
    }
  }
  out[row * params.D + d] = sum / total;
}
