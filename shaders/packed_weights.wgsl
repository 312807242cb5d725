// Weights are stored as column tiles: w[tile][row of words][column in tile], TILE columns wide, K rounded up with zeros, so
// that a tile is contiguous and a lane reads four neighbouring columns with one vec4 load. A row of words holds
//   f32:   one k;
//   f16:   k and k + 1, k in the low half;
//   q8:    k to k + 3 as signed bytes, k in the lowest, in groups of 64 k;
//   q8_32: the same in groups of 32;
//   q4:    k to k + 7 as values from 0 to 15, k in the lowest four bits, in groups of 32.
// K is rounded up to whole groups. Before the words of a group stands a row of its columns' f32 scales; after it, in q4, one of
// their minimums. The weight is byte * scale, or value * scale - minimum. A scale has at most 17 significant bits in q8, which
// makes the product with a byte exact, and 20 in q4, where only the difference is rounded then, in an fma or apart.

const TILE = 32u;
// k of a row of words.
@if(W_Q4) const WORD_K = 8u;
@elif(W_Q8 || W_Q8_32) const WORD_K = 4u;
@elif(W_F16) const WORD_K = 2u;
@else const WORD_K = 1u;
// k of a group.
@if(W_Q8) const GROUP = 64u;
@else const GROUP = 32u;
// Rows of scales and minimums of a group, and all of its rows of words.
@if(W_Q4) const SCALE_ROWS = 2u;
@elif(W_Q8 || W_Q8_32) const SCALE_ROWS = 1u;
@else const SCALE_ROWS = 0u;
const GROUP_ROWS = SCALE_ROWS + GROUP / WORD_K;

// Number of vec4 loads across a tile.
const TILE_VEC4 = TILE / 4u;

// Even rows of a packed quad.
fn low_halves(quad: vec4u) -> vec4f {
  return vec4f(unpack2x16float(quad.x).x, unpack2x16float(quad.y).x, unpack2x16float(quad.z).x, unpack2x16float(quad.w).x);
}

// Odd rows of a packed quad.
fn high_halves(quad: vec4u) -> vec4f {
  return vec4f(unpack2x16float(quad.x).y, unpack2x16float(quad.y).y, unpack2x16float(quad.z).y, unpack2x16float(quad.w).y);
}

// Byte `i` of a word.
fn signed_byte(word: u32, i: u32) -> f32 {
  return f32(bitcast<i32>(word << (24u - 8u * i)) >> 24u);
}

// Byte `i` of each word of a quad.
fn signed_bytes(quad: vec4u, i: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(quad << vec4u(24u - 8u * i)) >> vec4u(24u));
}

// Four bits `i` of a word.
fn nibble(word: u32, i: u32) -> f32 {
  return f32((word >> (4u * i)) & 15u);
}

// Four bits `i` of each word of a quad.
fn nibbles(quad: vec4u, i: u32) -> vec4f {
  return vec4f((quad >> vec4u(4u * i)) & vec4u(15u));
}
