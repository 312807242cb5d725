import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, QuadWords, ROWS, Scales, WORD_QUADS, add_quad, load_chunk, load_x, rows_of_quad, tile_start,
};
import package::matmul_epilogue::write_quad;
@if(NORM) import package::matmul_norm::{Gain, LANE_QUADS, NORM_QUADS, load_gain, norm_rows, normalized_quad};

// out[m, first + n] = f(sum_c (sum_k x[m, k] w[k, n]) + bias[n]) (+ out[m, first + n]), k of chunk c, for few rows
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue. With NORM the rows of x
//   are those of a norm, taken in here: see matmul_norm.
// A model's weights are read here at each step, and a GPU reads fast only what thousands of lanes ask for at once. So lanes
// lie over columns and over chunks of CHUNK k: each sums a chunk of its own, k ascending from 0, and the sums of chunks meet
// in shared memory, where they are added in ascending order. A last chunk that K does not fill ends in zeros, on both sides.
// Groups of QUADS lanes have a chunk each, all have the same rows; grid: (N / columns of a workgroup, M / ROWS).

override LANES: u32 = 256;

// Quads of columns of a workgroup.
const QUADS = u32(constants::QUADS);
// Quads of k of a chunk.
const K_QUADS = CHUNK / 4u;

// Workgroup memory of a round of chunks: first x, [ROWS][chunks][K_QUADS], then the sums, [ROWS][chunks][QUADS].
@if(NORM) var<workgroup> quads: array<vec4f, max(LANES / QUADS * K_QUADS * u32(ROWS), NORM_QUADS)>;
@else var<workgroup> quads: array<vec4f, LANES / QUADS * K_QUADS * u32(ROWS)>;

// Place of a quad of x: in chunks next to each other the same quad lies in other banks of the memory.
fn place_of_x(r: u32, chunk: u32, q: u32) -> u32 {
  return (r * (LANES / QUADS) + chunk) * K_QUADS + (q ^ (chunk % K_QUADS));
}

// Adds quad q of a chunk's k to the sums of all rows.
fn add_rows(sums: ptr<function, array<vec4f, ROWS>>, words: QuadWords, scales: Scales, chunk: u32, q: u32) {
  let rows = rows_of_quad(words, scales, q % WORD_QUADS);
  for (var r = 0; r < ROWS; r++) { (*sums)[r] = add_quad((*sums)[r], quads[place_of_x(u32(r), chunk, q)], rows); }
}

// The sum and then those of `count` chunks that lie QUADS quads apart from `first` on, ascending, eight loads at a time.
fn add_chunks(sum: vec4f, first: u32, count: u32) -> vec4f {
  const LOADS = 8u;
  var total = sum;
  for (var c = 0u; c < count; c += LOADS) {
    var sums = array<vec4f, LOADS>();
    for (var i = 0u; i < LOADS; i++) { sums[i] = quads[first + min(c + i, count - 1u) * QUADS]; }
    for (var i = 0u; i < LOADS; i++) { total += select(vec4f(), sums[i], c + i < count); }
  }
  return total;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  const X_LOADS = (u32(ROWS) * K_QUADS + QUADS - 1u) / QUADS;
  let round = LANES / QUADS;
  let chunk = lane / QUADS;
  let column_quad = workgroup.x * QUADS + lane % QUADS;
  let start = tile_start(column_quad / TILE_VEC4) + column_quad % TILE_VEC4;
  let row = workgroup.y * u32(ROWS);
  var total = vec4f();
  @if(NORM) var norms = norm_rows(row, lane);

  for (var k = 0u; k < params.K; k += round * CHUNK) {
    var xs = array<vec4f, X_LOADS>();
    for (var i = 0u; i < X_LOADS; i++) {
      let at = i * LANES + lane;
      let x_k = k + at % (round * K_QUADS) * 4u;
      xs[i] = select(vec4f(), load_x(row + at / (round * K_QUADS), x_k), x_k < params.K);
    }
    @if(NORM) var gains = array<Gain, LANE_QUADS>();
    @if(NORM) for (var i = 0u; i < LANE_QUADS; i++) { gains[i] = load_gain(k + (i * LANES + lane) * 4u); }
    var weights = load_chunk(start, k + chunk * CHUNK);
    for (var i = 0u; i < X_LOADS; i++) {
      let at = i * LANES + lane;
      @if(NORM) let quad = normalized_quad(xs[i], norms[i / LANE_QUADS], gains[i % LANE_QUADS]);
      @if(NORM) xs[i] = select(vec4f(), quad, k + at % (round * K_QUADS) * 4u < params.K);
      quads[place_of_x(at / (round * K_QUADS), at / K_QUADS % round, at % K_QUADS)] = xs[i];
    }
    workgroupBarrier();

    var sums = array<vec4f, ROWS>();
    // Written out: where a compiler leaves a loop a loop, it keeps the words in memory.
    const_assert K_QUADS == 8u;
    add_rows(&sums, weights.words[0u / WORD_QUADS], weights.scales, chunk, 0u);
    add_rows(&sums, weights.words[1u / WORD_QUADS], weights.scales, chunk, 1u);
    add_rows(&sums, weights.words[2u / WORD_QUADS], weights.scales, chunk, 2u);
    add_rows(&sums, weights.words[3u / WORD_QUADS], weights.scales, chunk, 3u);
    add_rows(&sums, weights.words[4u / WORD_QUADS], weights.scales, chunk, 4u);
    add_rows(&sums, weights.words[5u / WORD_QUADS], weights.scales, chunk, 5u);
    add_rows(&sums, weights.words[6u / WORD_QUADS], weights.scales, chunk, 6u);
    add_rows(&sums, weights.words[7u / WORD_QUADS], weights.scales, chunk, 7u);
    workgroupBarrier();
    for (var r = 0; r < ROWS; r++) { quads[u32(r) * LANES + lane] = sums[r]; }
    workgroupBarrier();
    if (lane < QUADS * u32(ROWS)) {
      let count = min(round, (params.K - k + CHUNK - 1u) / CHUNK);
      total = add_chunks(total, lane / QUADS * LANES + lane % QUADS, count);
    }
    workgroupBarrier();
  }
  if (lane < QUADS * u32(ROWS)) { write_quad(row + lane / QUADS, (workgroup.x * QUADS + lane % QUADS) * 4u, total); }
}
