// Rotary position embedding: the heads of q and k of a token turn by angles that follow from its position, in pairs of elements
// d and d + D / 2.
//   y[d] = x[d] cos[d] - x[d + D / 2] sin[d]; y[d + D / 2] = x[d + D / 2] cos[d] + x[d] sin[d]
//   qkv[T, (H + 2 G) D] (q of H heads, k and v of G side by side), rope[Y, D]: D / 2 cosines and D / 2 sines of each position.
// The product of a query and a key then depends on the distance between their tokens, and on no position by itself.
// q is rotated in place; k, rotated, and v go where kv_write would put them, to kv[B, 2, G, P, W] at slot_mapping[T].
// With QK_NORM each head of q and of k is divided by its root mean square first, and multiplied with q_gamma[D] or k_gamma[D].
// Determinism: squares are added by fma, d ascending; of a rotation's products one is rounded and the other added by fma.
// One workgroup a head of a token, lanes over its elements; grid: (H + 2 G, T).

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> rope: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> slot_mapping: array<i32>;
@group(0) @binding(4) var<storage, read_write> kv: array<u32>;
@if(QK_NORM) @group(0) @binding(5) var<storage, read> q_gamma: array<f32>;
@if(QK_NORM) @group(0) @binding(6) var<storage, read> k_gamma: array<f32>;

override LANES: u32 = 32;

// Largest D.
const MAX_D = 256u;

var<workgroup> x: array<f32, MAX_D>;
var<workgroup> angles: array<f32, MAX_D>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = workgroup.x;
  let t = workgroup.y;
  let is_q = head < params.H;
  let is_v = head >= params.H + params.G;
  if (!is_q && slot_mapping[t] < 0) { return; }
  let start = (t * (params.H + 2u * params.G) + head) * params.D;
  for (var d = lane; d < params.D; d += LANES) {
    x[d] = qkv[start + d];
    angles[d] = rope[u32(positions[t]) * params.D + d];
  }
  workgroupBarrier();
  @if(QK_NORM) if (!is_v) { normalize(lane, is_q); }
  if (is_q) {
    for (var d = lane; d < params.D; d += LANES) { qkv[start + d] = rotated(d); }
    return;
  }
  let slot = u32(slot_mapping[t]);
  let block = slot / params.P;
  let row = (((block * 2u) * params.G + head - params.H) * params.P + slot - block * params.P) * params.W;
  for (var word = lane; word < params.W; word += LANES) {
    @if(KV_F16) kv[row + word] = pack2x16float(vec2f(stored(2u * word, is_v), stored(2u * word + 1u, is_v)));
    @else kv[row + word] = bitcast<u32>(stored(word, is_v));
  }
}

// Element d of a row of the cache, which ends in zeros.
fn stored(d: u32, is_v: bool) -> f32 {
  let near = min(d, params.D - 1u);
  return select(0.0, select(rotated(near), x[near], is_v), d < params.D);
}

fn rotated(d: u32) -> f32 {
  let num_pairs = params.D / 2u;
  let is_first = d < num_pairs;
  let pair = select(d - num_pairs, d, is_first);
  let partner = x[select(pair, pair + num_pairs, is_first)];
  return fma(x[d], angles[pair], select(partner, -partner, is_first) * angles[num_pairs + pair]);
}

@if(QK_NORM) fn normalize(lane: u32, is_q: bool) {
  var squares = 0.0;
  for (var d = 0u; d < params.D; d++) { squares = fma(x[d], x[d], squares); }
  let scale = inverseSqrt(squares / f32(params.D) + params.eps);
  workgroupBarrier();
  for (var d = lane; d < params.D; d += LANES) { x[d] = x[d] * scale * select(k_gamma[d], q_gamma[d], is_q); }
  workgroupBarrier();
}
