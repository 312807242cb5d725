import package::packed_weights::{GROUP, GROUP_ROWS, SCALE_ROWS, TILE, WORD_K, nibble, signed_byte};

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
fn element(n: u32, c: u32) -> f32 {
  let group = (n / TILE * ((params.C + GROUP - 1u) / GROUP) + c / GROUP) * GROUP_ROWS;
  let word = wte[(group + SCALE_ROWS + c % GROUP / WORD_K) * TILE + n % TILE];
  @if(W_Q4 || W_Q8 || W_Q8_32) let scale = bitcast<f32>(wte[group * TILE + n % TILE]);
  @if(W_Q4) {
    let minimum = bitcast<f32>(wte[(group + 1u) * TILE + n % TILE]);
    return fma(nibble(word, c % WORD_K), scale, -minimum);
  }
  @elif(W_Q8 || W_Q8_32) return signed_byte(word, c % WORD_K) * scale;
  @elif(W_F16) return select(unpack2x16float(word).x, unpack2x16float(word).y, c % WORD_K == 1u);
  @else return bitcast<f32>(word);
}
