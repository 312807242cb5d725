// Weights are stored as column tiles: w[tile][k][column in tile], TILE columns wide, K rounded up to K_STEP with zeros, so
// that a tile is contiguous and a lane reads four neighbouring columns with one vec4 load. f16 packs rows k and k + 1
// into one u32 (row k in the low half).

const TILE = 32u;
const K_STEP = 8u;

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
