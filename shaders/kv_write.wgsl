// kv[block, 0, g, offset, :] = k, kv[block, 1, g, offset, :] = v of token t, slot_mapping[t] = block * P + offset
//   qkv[T, O], k and v of G heads in its last 2 G D columns; kv[B, 2, G, P, W] with W words a row: D for f32, ceil(D / 2) for
//   f16 pairs, and zeros up to a multiple of four. A negative slot is padding and writes nothing.
// Keys and values of a token are computed once and kept here: every later token attends to them.
// One workgroup a row, lanes over its words; grid: (G, 2 for k and v, T).

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> slot_mapping: array<i32>;
@group(0) @binding(2) var<storage, read_write> kv: array<u32>;

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let g = workgroup.x;
  let is_v = workgroup.y;
  let t = workgroup.z;
  if (slot_mapping[t] < 0) { return; }
  let slot = u32(slot_mapping[t]);
  let block = slot / params.P;
  let offset = slot - block * params.P;
  let source = (t + 1u) * params.O - ((2u - is_v) * params.G - g) * params.D;
  let row = (((block * 2u + is_v) * params.G + g) * params.P + offset) * params.W;
  for (var word = lane; word < params.W; word += LANES) {
    @if(KV_F16) let d = 2u * word;
    @else let d = word;
    let value = select(0.0, qkv[source + min(d, params.D - 1u)], d < params.D);
    @if(KV_F16) let odd = select(0.0, qkv[source + min(d + 1u, params.D - 1u)], d + 1u < params.D);
    @if(KV_F16) kv[row + word] = pack2x16float(vec2f(value, odd));
    @else kv[row + word] = bitcast<u32>(value);
  }
}
