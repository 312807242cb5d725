import package::packed_weights::{
  GROUP, GROUP_ROWS, SCALE_ROWS, TILE, TILE_VEC4, WORD_K, high_halves, low_halves, nibbles, signed_bytes,
};

// The inputs of the matmul, for all files of it: x[M, K], and w[K, N] in column tiles (packed_weights). A lane owns four
// neighbouring columns of a tile, and takes four k of them at a time.
// X_VEC4: K is a multiple of four, so that four k of x are one load.

@if(X_VEC4) @group(0) @binding(0) var<storage, read> x: array<vec4f>;
@else @group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;

const ROWS = constants::ROWS;
const TILES = constants::TILES;
// Quads of sums that a lane has: [TILES][ROWS].
const SUMS = constants::ROWS * constants::TILES;
// Rows of words of four k, and quads of k of a row of words.
const QUAD_WORDS = max(4u / WORD_K, 1u);
const WORD_QUADS = max(WORD_K / 4u, 1u);

// x[row, k] to x[row, k + 3]. Rows after the last and k after K stand in for others.
@if(X_VEC4) fn near_x(row: u32, k: u32) -> vec4f {
  return x[(min(row, params.M - 1u) * params.K + min(k, params.K - 4u)) / 4u];
}
@else fn near_x(row: u32, k: u32) -> vec4f {
  let start = min(row, params.M - 1u) * params.K;
  var quad = vec4f();
  for (var i = 0u; i < 4u; i++) { quad[i] = x[start + min(k + i, params.K - 1u)]; }
  return quad;
}

// k to k + 3, zeros after K.
fn zero_after_k(quad: vec4f, k: u32) -> vec4f {
  return select(vec4f(), quad, vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.K));
}

// x[row, k] to x[row, k + 3], zeros after K where a row of words ends there. A row after the last stands in for it: its sums
// go nowhere.
@if(X_VEC4 && !W_Q4) fn load_x(row: u32, k: u32) -> vec4f { return near_x(row, k); }
@elif(X_VEC4) fn load_x(row: u32, k: u32) -> vec4f { return select(vec4f(), near_x(row, k), k < params.K); }
@else fn load_x(row: u32, k: u32) -> vec4f { return zero_after_k(near_x(row, k), k); }

// First words of a tile. A tile after the last stands in for it: its sums go nowhere.
fn tile_start(tile: u32) -> u32 {
  let rows = (params.K + GROUP - 1u) / GROUP * GROUP_ROWS;
  return min(tile, (params.N + TILE - 1u) / TILE - 1u) * rows * TILE_VEC4;
}

// Scales and minimums of a quad of columns, of storage that has them.
struct Scales { scale: vec4f, minimum: vec4f }

// The scales whose first row of words is at `at`.
@if(W_Q4) fn load_scales(at: u32) -> Scales {
  return Scales(bitcast<vec4f>(w[at]), bitcast<vec4f>(w[at + TILE_VEC4]));
}
@elif(W_Q8 || W_Q8_32) fn load_scales(at: u32) -> Scales { return Scales(bitcast<vec4f>(w[at]), vec4f()); }
@else fn load_scales(at: u32) -> Scales { return Scales(); }

// Rows of w that are unpacked at a time: all in a row of words, or four.
const UNPACKED = min(WORD_K, 4u);

// The first rows of w in a row of words.
@if(W_Q4) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(
    fma(nibbles(words, 0u), scales.scale, -scales.minimum),
    fma(nibbles(words, 1u), scales.scale, -scales.minimum),
    fma(nibbles(words, 2u), scales.scale, -scales.minimum),
    fma(nibbles(words, 3u), scales.scale, -scales.minimum),
  );
}
@elif(W_Q8 || W_Q8_32) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(
    signed_bytes(words, 0u) * scales.scale,
    signed_bytes(words, 1u) * scales.scale,
    signed_bytes(words, 2u) * scales.scale,
    signed_bytes(words, 3u) * scales.scale,
  );
}
@elif(W_F16) fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(low_halves(words), high_halves(words));
}
@else fn unpack(words: vec4u, scales: Scales) -> array<vec4f, UNPACKED> {
  return array(bitcast<vec4f>(words));
}

// A row of words from quad `part` of its k on: more than one have only those of values of four bits.
fn from_part(words: vec4u, part: u32) -> vec4u { return words >> vec4u(4u * 4u * part); }

// Place of the words of k, of the tile whose words start at `start`, and of the scales of their group.
@if(W_Q4 || W_Q8 || W_Q8_32) fn words_at(start: u32, k: u32) -> u32 {
  return start + (k / GROUP * GROUP_ROWS + SCALE_ROWS + k % GROUP / WORD_K) * TILE_VEC4;
}
@else fn words_at(start: u32, k: u32) -> u32 { return start + k / WORD_K * TILE_VEC4; }
fn scales_at(start: u32, k: u32) -> u32 { return start + k / GROUP * GROUP_ROWS * TILE_VEC4; }

// A lane's way down its columns of a tile: the place of its next words, and the scales of their group.
struct Columns { at: u32, scales: Scales }

fn columns_of(first_tile: u32, quad: u32) -> array<Columns, TILES> {
  var columns = array<Columns, TILES>();
  for (var t = 0; t < TILES; t++) { columns[t].at = tile_start(first_tile + u32(t)) + quad; }
  return columns;
}

// Takes the scales of a group, which stand before its first k.
fn start_groups(columns: ptr<function, array<Columns, TILES>>, k: u32) {
  @if(W_Q4 || W_Q8 || W_Q8_32) if (k % GROUP == 0u) {
    for (var t = 0; t < TILES; t++) {
      (*columns)[t].scales = load_scales((*columns)[t].at);
      (*columns)[t].at += SCALE_ROWS * TILE_VEC4;
    }
  }
}

// The rows of w from k on, four of them, of tile t: the next on the lane's way. Words of eight k are loaded for each four:
// kept until the next, they cost more.
fn next_rows(columns: ptr<function, array<Columns, TILES>>, t: i32, k: u32) -> array<vec4f, 4> {
  let part = k / 4u % WORD_QUADS;
  var rows = array<vec4f, 4>();
  for (var i = 0u; i < 4u; i += UNPACKED) {
    var unpacked = unpack(from_part(w[(*columns)[t].at], part), (*columns)[t].scales);
    (*columns)[t].at += (part + 1u) / WORD_QUADS * TILE_VEC4;
    for (var j = 0u; j < UNPACKED; j++) { rows[i + j] = unpacked[j]; }
  }
  return rows;
}

// sum + a . rows, k ascending.
fn add_quad(sum: vec4f, a: vec4f, rows: array<vec4f, 4>) -> vec4f {
  return fma(vec4f(a.w), rows[3], fma(vec4f(a.z), rows[2], fma(vec4f(a.y), rows[1], fma(vec4f(a.x), rows[0], sum))));
}

// k of a chunk in the class gpu: its sum is complete before it is added to those of the chunks before it.
@if(CHUNK) const CHUNK = u32(constants::CHUNK);

// Adds the sums of a chunk to the totals, and starts the next: called where k is a multiple of CHUNK, and after the last k.
// Compilers add in an order of their own where they see all of a sum, so it comes out of a loop of unknown length.
@if(CHUNK) fn end_chunk(totals: ptr<function, array<vec4f, SUMS>>, sums: ptr<function, array<vec4f, SUMS>>) {
  for (var s = 0; s < SUMS; s++) {
    (*totals)[s] += (*sums)[s];
    (*sums)[s] = vec4f();
  }
}

// A lane's words of four k, or of all in a row of words, and of a chunk of CHUNK k with the scales of their group.
@if(QUADS) alias QuadWords = array<vec4u, QUAD_WORDS>;
@if(QUADS) struct Chunk { words: array<QuadWords, CHUNK / 4u / WORD_QUADS>, scales: Scales }

// The words from k on, of the tile whose words start at `start`. The last chunk stands in for those after it.
@if(QUADS) fn load_chunk(start: u32, k: u32) -> Chunk {
  let chunk_k = min(k, (params.K - 1u) / CHUNK * CHUNK);
  var chunk = Chunk();
  chunk.scales = load_scales(scales_at(start, chunk_k));
  let first = words_at(start, chunk_k);
  for (var q = 0u; q < CHUNK / 4u / WORD_QUADS; q++) {
    for (var i = 0u; i < QUAD_WORDS; i++) { chunk.words[q][i] = w[first + (q * QUAD_WORDS + i) * TILE_VEC4]; }
  }
  return chunk;
}

// Four k of a lane's columns: quad `part` of their words.
@if(QUADS) fn rows_of_quad(words: QuadWords, scales: Scales, part: u32) -> array<vec4f, 4> {
  var rows = array<vec4f, 4>();
  for (var i = 0u; i < QUAD_WORDS; i++) {
    var unpacked = unpack(from_part(words[i], part), scales);
    for (var j = 0u; j < UNPACKED; j++) { rows[i * UNPACKED + j] = unpacked[j]; }
  }
  return rows;
}
