// Weights are stored as column tiles: w[tile][row of words][column in tile], TILE columns wide, K rounded up with zeros, so
// that a tile is contiguous and a lane reads four neighbouring columns with one vec4 load. A row of words holds
//   f32: one k (K rounded up to K_STEP);
//   f16: k and k + 1, k in the low half (K rounded up to K_STEP);
//   q8:  k to k + 3 as signed bytes, k in the lowest (K rounded up to Q8_GROUP). Before each group of Q8_GROUP k stands a
//        row of its columns' f32 scales, of 16 significant bits: the weight is byte * scale, exactly.

const TILE = 32u;
const K_STEP = 32u;
const Q8_GROUP = 64u;
// Rows of words of a group: its scales, and four k each.
const Q8_ROWS = 1u + Q8_GROUP / 4u;

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
