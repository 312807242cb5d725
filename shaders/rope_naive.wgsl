// out[t, h, d] = x[t, h, d] cos[d] - x[t, h, d + D / 2] sin[d], out[t, h, d + D / 2] = x[t, h, d + D / 2] cos[d] + x[t, h, d] sin[d]
//   x[T, H, D], rope[Y, D]: D / 2 cosines and D / 2 sines of each position, positions[T], out[T, H, D].
// The plain way, to learn from and to judge rope_kv_write by.
// One lane a pair; grid: (H D / 2 / LANES, T).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rope: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let num_pairs = params.D / 2u;
  let t = global.y;
  if (global.x >= params.H * num_pairs) { return; }
  let d = global.x % num_pairs;
  let first = (t * params.H + global.x / num_pairs) * params.D + d;
  let second = first + num_pairs;
  let angle = u32(positions[t]) * params.D + d;
  let cosine = rope[angle];
  let sine = rope[angle + num_pairs];
  out[first] = x[first] * cosine - x[second] * sine;
  out[second] = x[second] * cosine + x[first] * sine;
}
