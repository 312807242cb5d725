import package::packed_weights::{TILE, K_STEP, Q8_GROUP, Q8_ROWS, signed_byte};

// out[t, c] = wte[id_t, c] (+ wpe[position_t, c]) for tokens with first <= id_t < first + N
//   id_t = token_ids[t], or next_tokens[-1 - token_ids[t]] where that is negative.
//   wte holds a range of N vocabulary rows as columns of weight tiles (packed_weights), wpe[Y, C] f32, out[T, C].
// A token enters the model as the vector that was learnt for its id; with POSITIONS the one for its position is added.
// A vocabulary beyond the largest binding takes one dispatch a range; each writes only its own tokens' rows.
// One lane an element; grid: (C / LANES, T).

@group(0) @binding(0) var<storage, read> token_ids: array<i32>;
@group(0) @binding(1) var<storage, read> next_tokens: array<i32>;
@group(0) @binding(2) var<storage, read> wte: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@if(POSITIONS) @group(0) @binding(4) var<storage, read> positions: array<i32>;
@if(POSITIONS) @group(0) @binding(5) var<storage, read> wpe: array<f32>;

override LANES: u32 = 64;

// Elements of one token in a word.
@if(W_Q8) const WORD_C = 4u;
@elif(W_F16) const WORD_C = 2u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  let t = global.y;
  if (c >= params.C) { return; }
  var id = token_ids[t];
  if (id < 0) { id = next_tokens[-1 - id]; }
  let n = u32(id) - params.first;
  if (u32(id) < params.first || n >= params.N) { return; }
  @if(POSITIONS) out[t * params.C + c] = element(n, c) + wpe[u32(positions[t]) * params.C + c];
  @else out[t * params.C + c] = element(n, c);
}

// wte[n, c], which lies as w[c, n] of a matmul does.
@if(W_Q8) fn element(n: u32, c: u32) -> f32 {
  let group = n / TILE * ((params.C + Q8_GROUP - 1u) / Q8_GROUP) + c / Q8_GROUP;
  let scale = bitcast<f32>(wte[group * Q8_ROWS * TILE + n % TILE]);
  let word = wte[(group * Q8_ROWS + 1u + c % Q8_GROUP / WORD_C) * TILE + n % TILE];
  return signed_byte(word, c % WORD_C) * scale;
}
@elif(W_F16) fn element(n: u32, c: u32) -> f32 {
  let pair = unpack2x16float(wte[(n / TILE * (padded_c() / WORD_C) + c / WORD_C) * TILE + n % TILE]);
  return select(pair.x, pair.y, c % WORD_C == 1u);
}
@else fn element(n: u32, c: u32) -> f32 {
  return bitcast<f32>(wte[(n / TILE * padded_c() + c) * TILE + n % TILE]);
}

// C with the zeros that a tile ends in.
@if(!W_Q8) fn padded_c() -> u32 {
  return (params.C + K_STEP - 1u) / K_STEP * K_STEP;
}
