@if(IMMEDIATES) requires immediate_address_space;

// kv[block, 0, h, offset, :] = k, kv[block, 1, h, offset, :] = v of token t, slot_mapping[t] = block * P + offset
//   qkv[T, 3C] (q, k, v side by side), C = H D; kv[B, 2, H, P, W] with W words a row: D for f32, ceil(D / 2) for f16 pairs.
//   A negative slot is padding and writes nothing.
// One lane a word; grid: (2 H W / LANES, T).

struct Params { T: u32, H: u32, D: u32, P: u32, W: u32 }

@if(IMMEDIATES) var<immediate> params: Params;
@else @group(1) @binding(0) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> slot_mapping: array<i32>;
@group(0) @binding(2) var<storage, read_write> kv: array<u32>;

override LANES: u32 = 64;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let t = global.y;
  let words = params.H * params.W;
  let slot = slot_mapping[t];
  if (global.x >= 2u * words || slot < 0) { return; }
  let is_v = global.x / words;
  let h = global.x % words / params.W;
  let word = global.x % params.W;
  let channels = params.H * params.D;
  let source = t * 3u * channels + (1u + is_v) * channels + h * params.D;
  let block = u32(slot) / params.P;
  let offset = u32(slot) % params.P;
  let target_word = (((block * 2u + is_v) * params.H + h) * params.P + offset) * params.W + word;
  @if(KV_F16) {
    let d = 2u * word;
    let odd = select(0.0, qkv[source + min(d + 1u, params.D - 1u)], d + 1u < params.D);
    kv[target_word] = pack2x16float(vec2f(qkv[source + d], odd));
  }
  @else {
    kv[target_word] = bitcast<u32>(qkv[source + word]);
  }
}
