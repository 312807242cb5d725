import package::packed_rows::{first_quad, second_quad};

// The operands of attention and where queries, keys and values lie in them, for all files of it.
//   qkv[T, H (SHARE + 2) D] (q first), kv[B, 2, H, P, W] in rows of W words, query_tiles[Q, 2] = first token and number of
//   tokens (consecutive tokens of one sequence), positions[T], sequence_index[T], block_tables[S, A].
// SHARE query heads share one of the H heads of keys and values.

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

// Query heads among the rows of a workgroup: row r is of token r / ROW_HEADS and of head r % ROW_HEADS.
@if(GROUP_KEYS) const ROW_HEADS = constants::SHARE;
@else const ROW_HEADS = 1;

// The queries of a workgroup: rows of one head of keys, of consecutive tokens of a sequence.
struct Queries {
  // The first.
  head: u32,
  token: u32,
  count: u32,
  // Positions of the first token and of the last.
  position: u32,
  last: u32,
  // Start of the sequence's row of block_tables.
  table: u32,
}

fn queries_of(workgroup: vec3u) -> Queries {
  let at = 2u * (params.first + workgroup.x);
  let token = u32(query_tiles[at]);
  let count = u32(query_tiles[at + 1u]);
  let position = u32(positions[token]);
  let table = u32(sequence_index[token]) * params.A;
  return Queries(workgroup.y * ROW_HEADS, token, count, position, position + count - 1u, table);
}

fn token_of(queries: Queries, r: i32) -> u32 {
  return queries.token + u32(r / ROW_HEADS);
}

fn head_of(queries: Queries, r: i32) -> u32 {
  return queries.head + u32(r % ROW_HEADS);
}

// A quad of query r, zeros after D. A row after the last one stands in for it: it is not written.
fn load_q(queries: Queries, r: u32, quad: u32) -> vec4f {
  let token = min(token_of(queries, i32(r)), queries.token + queries.count - 1u);
  let start = (token * params.H * (constants::SHARE + 2) + head_of(queries, i32(r))) * D;
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

// Causality: a query sees its own key and those before it.
fn sees(queries: Queries, r: i32, key: u32) -> bool {
  return key <= queries.position + u32(r / ROW_HEADS);
}

// First vector of a key in the cache.
fn key_row(queries: Queries, key: u32) -> u32 {
  let block = u32(block_tables[queries.table + key / params.P]);
  return ((block * 2u * params.H + queries.head / constants::SHARE) * params.P + key % params.P) * VECS;
}

// From a key's row to its value's, in vectors.
fn values_offset() -> u32 {
  return params.H * params.P * VECS;
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
