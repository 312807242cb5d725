import package::packed_weights::{K_STEP, Q8_GROUP, Q8_ROWS, TILE, TILE_VEC4, high_halves, low_halves, signed_bytes};

// The inputs of the matmuls in free order: x[M, K], K a multiple of four, and w[K, N] in column tiles (packed_weights).
// A lane takes PART_K k of four neighbouring columns at a time, and loads all their words, and x of all its rows, before it
// uses any.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;

const ROWS = u32(constants::ROWS);
const K_QUADS = u32(constants::K_QUADS);
const PART_K = 4u * K_QUADS;
// k of a row of words.
@if(W_Q8) const WORD_K = 4u;
@elif(W_F16) const WORD_K = 2u;
@else const WORD_K = 1u;
const QUAD_WORDS = 4u / WORD_K;
const WORDS = K_QUADS * QUAD_WORDS;

// Adds x . w over PART_K k from k on to the sums of rows `row` on, in a quad of columns. A row or tile after the last stands
// in for it; after K the weights are zeros.
fn add_part(sums: ptr<function, array<vec4f, ROWS>>, row: u32, column_quad: u32, k: u32) {
  let tile = min(column_quad / TILE_VEC4, (params.N + TILE - 1u) / TILE - 1u);
  @if(W_Q8) let tile_rows = (params.K + Q8_GROUP - 1u) / Q8_GROUP * Q8_ROWS;
  @else let tile_rows = (params.K + K_STEP - 1u) / K_STEP * K_STEP / WORD_K;
  let start = tile * tile_rows * TILE_VEC4 + column_quad % TILE_VEC4;
  @if(W_Q8) let group = start + k / Q8_GROUP * Q8_ROWS * TILE_VEC4;
  @if(W_Q8) let scale = bitcast<vec4f>(w[group]);
  @if(W_Q8) let first = group + (1u + k % Q8_GROUP / WORD_K) * TILE_VEC4;
  @if(!W_Q8) let scale = vec4f(1.0);
  @if(!W_Q8) let first = start + k / WORD_K * TILE_VEC4;

  var words = array<vec4u, WORDS>();
  for (var i = 0u; i < WORDS; i++) { words[i] = w[first + i * TILE_VEC4]; }
  var xs = array<vec4f, ROWS * K_QUADS>();
  for (var r = 0u; r < ROWS; r++) {
    for (var q = 0u; q < K_QUADS; q++) {
      xs[r * K_QUADS + q] = x[(min(row + r, params.M - 1u) * params.K + min(k + 4u * q, params.K - 4u)) / 4u];
    }
  }
  for (var q = 0u; q < K_QUADS; q++) {
    var quad = array<vec4u, QUAD_WORDS>();
    for (var i = 0u; i < QUAD_WORDS; i++) { quad[i] = words[q * QUAD_WORDS + i]; }
    let rows = unpack(quad, scale);
    for (var r = 0u; r < ROWS; r++) {
      let a = xs[r * K_QUADS + q];
      (*sums)[r] = fma(vec4f(a.x), rows[0], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.y), rows[1], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.z), rows[2], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.w), rows[3], (*sums)[r]);
    }
  }
}

// Four k of a quad of columns.
@if(W_Q8) fn unpack(words: array<vec4u, QUAD_WORDS>, scale: vec4f) -> array<vec4f, 4> {
  return array(
    signed_bytes(words[0], 0u) * scale,
    signed_bytes(words[0], 1u) * scale,
    signed_bytes(words[0], 2u) * scale,
    signed_bytes(words[0], 3u) * scale,
  );
}
@elif(W_F16) fn unpack(words: array<vec4u, QUAD_WORDS>, scale: vec4f) -> array<vec4f, 4> {
  return array(low_halves(words[0]), high_halves(words[0]), low_halves(words[1]), high_halves(words[1]));
}
@else fn unpack(words: array<vec4u, QUAD_WORDS>, scale: vec4f) -> array<vec4f, 4> {
  return array(bitcast<vec4f>(words[0]), bitcast<vec4f>(words[1]), bitcast<vec4f>(words[2]), bitcast<vec4f>(words[3]));
}
