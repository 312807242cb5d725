import package::packed_rows::{first_quad, second_quad};

// The operands of attention and where queries, keys and values lie in them, for all files of it.
//   qkv[T, G (SHARE + 2) D] (q first), kv[B, 2, G, P, W] in rows of W words, query_tiles[Q, 2] = first token and number of
//   tokens (consecutive tokens of one sequence), positions[T], sequence_index[T], block_tables[S, A].
// SHARE query heads share one of the G heads of keys and values. A query tile has a row for each of its tokens and query heads
// of one head of keys, the heads of a token side by side; workgroups take ROWS of them each. A row sees the keys at its own position
// and the window - 1 before it; what no row of a workgroup sees is never read.

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> kv: array<vec4u>;
@group(0) @binding(2) var<storage, read> query_tiles: array<i32>;
@group(0) @binding(3) var<storage, read> positions: array<i32>;
@group(0) @binding(4) var<storage, read> sequence_index: array<i32>;
@group(0) @binding(5) var<storage, read> block_tables: array<i32>;

const D = constants::D;
const ROWS = constants::ROWS;
const LANES = constants::LANES;
const KEYS = constants::KEYS;
// A cache row is VECS vectors of four words; a vector holds QUADS quads of components.
@if(KV_F16) const QUADS = 2;
@else const QUADS = 1;
const VECS = (constants::D + 4 * QUADS - 1) / (4 * QUADS);
// Quads of a query, padded as a cache row is.
const Q_QUADS = VECS * QUADS;
// Keys that a lane scores in a tile: lane, lane + LANES, ...
const KEYS_PER_LANE = (constants::KEYS + constants::LANES - 1) / constants::LANES;

const SHARE = constants::SHARE;

// The queries of a workgroup: some rows of a tile.
struct Queries {
  // Head of keys.
  head: u32,
  // First token of the tile.
  token: u32,
  // Rows of the tile: the first of the workgroup, and their number.
  first_row: u32,
  num_rows: u32,
  // Position of the first token of the tile.
  position: u32,
  // Keys that some row of the workgroup sees: from `first` up to `end`, which is 0 where it has no row.
  first: u32,
  end: u32,
  // Start of the sequence's row of block_tables.
  table: u32,
}

fn queries_of(workgroup: vec3u) -> Queries {
  let at = 2u * (params.first + workgroup.x);
  let token = u32(query_tiles[at]);
  let num_rows = u32(query_tiles[at + 1u]) * SHARE;
  let first_row = workgroup.y / params.G * ROWS;
  let position = u32(positions[token]);
  let last_row = min(first_row + ROWS, num_rows) - 1u;
  let end = select(0u, position + last_row / SHARE + 1u, first_row < num_rows);
  let seen = position + first_row / SHARE + 1u;
  let first = seen - min(seen, params.window);
  let table = u32(sequence_index[token]) * params.A;
  return Queries(workgroup.y % params.G, token, first_row, num_rows, position, first, end, table);
}

// Rows after the last one of the tile are not written.
fn has_row(queries: Queries, r: i32) -> bool {
  return r < ROWS && queries.first_row + u32(r) < queries.num_rows;
}

// Index of row r among those of all tokens and query heads.
fn row_of(queries: Queries, r: i32) -> u32 {
  let row = queries.first_row + u32(r);
  return ((queries.token + row / SHARE) * params.G + queries.head) * SHARE + row % SHARE;
}

// A quad of query r, zeros after D. A row after the last one stands in for it.
fn load_q(queries: Queries, r: u32, quad: u32) -> vec4f {
  let row = min(queries.first_row + r, queries.num_rows - 1u);
  let token = queries.token + row / SHARE;
  let start = ((token * params.G * (SHARE + 2)) + queries.head * SHARE + row % SHARE) * D;
  let first = start + 4u * quad;
  if (D % 4 == 0) {
    let whole = vec4f(qkv[first], qkv[first + 1u], qkv[first + 2u], qkv[first + 3u]);
    return select(vec4f(), whole, 4u * quad < D);
  }
  var components = vec4f();
  for (var c = 0u; c < 4u; c++) {
    let d = 4u * quad + c;
    if (d < D) { components[c] = qkv[start + d]; }
  }
  return components;
}

fn position_of(queries: Queries, r: i32) -> u32 {
  return queries.position + (queries.first_row + u32(r)) / SHARE;
}

// From a later key the distance wraps around to more than any window.
fn sees(queries: Queries, r: i32, key: u32) -> bool {
  return position_of(queries, r) - key < params.window;
}

// True where a row sees one of `count` keys from `first` on: the nearest of those that are not later.
fn sees_some(queries: Queries, r: i32, first: u32, count: u32) -> bool {
  return first <= position_of(queries, r) && sees(queries, r, min(position_of(queries, r), first + count - 1u));
}

// First vector of a key in the cache. The nearest key that some row sees stands in for one that none does.
fn key_row(queries: Queries, key: u32) -> u32 {
  let seen = clamp(key, queries.first, queries.end - 1u);
  let block = u32(block_tables[queries.table + seen / params.P]);
  return ((block * 2u * params.G + queries.head) * params.P + seen % params.P) * VECS;
}

// From a key's row to its value's, in vectors.
fn values_offset() -> u32 {
  return params.G * params.P * VECS;
}

// Quad i of a vector of the cache.
fn quad_of(words: vec4u, i: i32) -> vec4f {
  @if(KV_F16) return select(first_quad(words), second_quad(words), i == 1);
  @else return bitcast<vec4f>(words);
}

// sum + a . b, components ascending.
fn dot_on(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
