import package::packed_weights::{
  GROUP, GROUP_ROWS, SCALE_ROWS, TILE, TILE_VEC4, WORD_K, high_halves, low_halves, nibbles, signed_bytes,
};

// The inputs of the matmuls in free order: x[M, K], K a multiple of four, and w[K, N] in column tiles (packed_weights).
// A lane takes PART_K k of four neighbouring columns at a time, and loads all their words, and x of all its rows, before it
// uses any.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;

const ROWS = u32(constants::ROWS);
const K_QUADS = u32(constants::K_QUADS);
const PART_K = 4u * K_QUADS;
const QUAD_WORDS = max(4u / WORD_K, 1u);
// Quads of k of a row of words.
const WORD_QUADS = max(WORD_K / 4u, 1u);
const WORDS = max(K_QUADS / WORD_QUADS, 1u) * QUAD_WORDS;

// Adds x . w over PART_K k from k on to the sums of rows `row` on, in a quad of columns. A row or tile after the last stands
// in for it; after K the weights are zeros, or x in q4.
fn add_part(sums: ptr<function, array<vec4f, ROWS>>, row: u32, column_quad: u32, k: u32) {
  let tile = min(column_quad / TILE_VEC4, (params.N + TILE - 1u) / TILE - 1u);
  let tile_rows = (params.K + GROUP - 1u) / GROUP * GROUP_ROWS;
  let group = tile * tile_rows * TILE_VEC4 + column_quad % TILE_VEC4 + k / GROUP * GROUP_ROWS * TILE_VEC4;
  let first = group + (SCALE_ROWS + k % GROUP / WORD_K) * TILE_VEC4;
  var scales = Scales();
  for (var i = 0u; i < SCALE_ROWS; i++) { scales[i] = bitcast<vec4f>(w[group + i * TILE_VEC4]); }

  var words = array<vec4u, WORDS>();
  for (var i = 0u; i < WORDS; i++) { words[i] = w[first + i * TILE_VEC4]; }
  var xs = array<vec4f, ROWS * K_QUADS>();
  for (var r = 0u; r < ROWS; r++) {
    for (var q = 0u; q < K_QUADS; q++) {
      let quad = x[(min(row + r, params.M - 1u) * params.K + min(k + 4u * q, params.K - 4u)) / 4u];
      @if(W_Q4) xs[r * K_QUADS + q] = select(vec4f(), quad, k + 4u * q < params.K);
      @else xs[r * K_QUADS + q] = quad;
    }
  }
  for (var q = 0u; q < K_QUADS; q++) {
    var quad = array<vec4u, QUAD_WORDS>();
    for (var i = 0u; i < QUAD_WORDS; i++) { quad[i] = words[q / WORD_QUADS * QUAD_WORDS + i]; }
    let rows = unpack(quad, scales, (k / 4u + q) % WORD_QUADS);
    for (var r = 0u; r < ROWS; r++) {
      let a = xs[r * K_QUADS + q];
      (*sums)[r] = fma(vec4f(a.x), rows[0], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.y), rows[1], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.z), rows[2], (*sums)[r]);
      (*sums)[r] = fma(vec4f(a.w), rows[3], (*sums)[r]);
    }
  }
}

alias Scales = array<vec4f, max(SCALE_ROWS, 1u)>;

// Four k of a quad of columns: quad `part` of the words.
@if(W_Q4) fn unpack(words: array<vec4u, QUAD_WORDS>, scales: Scales, part: u32) -> array<vec4f, 4> {
  let first = part * 4u;
  return array(
    fma(nibbles(words[0], first), scales[0], -scales[1]),
    fma(nibbles(words[0], first + 1u), scales[0], -scales[1]),
    fma(nibbles(words[0], first + 2u), scales[0], -scales[1]),
    fma(nibbles(words[0], first + 3u), scales[0], -scales[1]),
  );
}
@elif(W_Q8 || W_Q8_32) fn unpack(words: array<vec4u, QUAD_WORDS>, scales: Scales, part: u32) -> array<vec4f, 4> {
  return array(
    signed_bytes(words[0], 0u) * scales[0],
    signed_bytes(words[0], 1u) * scales[0],
    signed_bytes(words[0], 2u) * scales[0],
    signed_bytes(words[0], 3u) * scales[0],
  );
}
@elif(W_F16) fn unpack(words: array<vec4u, QUAD_WORDS>, scales: Scales, part: u32) -> array<vec4f, 4> {
  return array(low_halves(words[0]), high_halves(words[0]), low_halves(words[1]), high_halves(words[1]));
}
@else fn unpack(words: array<vec4u, QUAD_WORDS>, scales: Scales, part: u32) -> array<vec4f, 4> {
  return array(bitcast<vec4f>(words[0]), bitcast<vec4f>(words[1]), bitcast<vec4f>(words[2]), bitcast<vec4f>(words[3]));
}
