// out[i] = sum of two vectors, 4 ROUNDS times each a = fma(a, factor, term): how fast an adapter multiplies and adds.
// Eight chains hide the latency and still fit a processor's vector registers; four steps a turn hide the cost of the loop.
// The sum only keeps the chains alive.
// One lane an element; grid: (elements / LANES).

@group(0) @binding(0) var<storage, read_write> out: array<f32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let factor = vec4f(params.factor);
  let term = vec4f(params.term);
  let start = vec4f(vec4u(0u, 1u, 2u, 3u) + global.x);
  var a = start;
  var b = start + 0.5;
  for (var r = 0u; r < params.ROUNDS; r++) {
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
    a = fma(a, factor, term);
    b = fma(b, factor, term);
  }
  let sum = a + b;
  out[global.x] = sum.x + sum.y + sum.z + sum.w;
}
