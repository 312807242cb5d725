import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{CHUNK, ROWS, SUMS, TILES, WORD_K, add_quad, end_chunk, load_x, rows_at, tile_start};
import package::matmul_epilogue::write_sums;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n]), as in matmul and bit for bit.
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// Here many rows share each weight: for K_TILE k at a time the workgroup loads its x and w once, into memory that its lanes
// share.
// Each eight lanes have rows of their own, all have the same tiles; grid: (tiles / TILES, M / rows of a workgroup).

override LANES: u32 = 32;

// Quads of k of a round.
const K_QUADS = constants::K_TILE / 4;

// [rows of the workgroup][K_QUADS], and [TILES][K_QUADS * 4][TILE_VEC4].
var<workgroup> shared_x: array<vec4f, LANES / TILE_VEC4 * u32(ROWS * K_QUADS)>;
var<workgroup> shared_w: array<vec4f, u32(TILES * K_QUADS) * 4u * TILE_VEC4>;

// Loads the workgroup's x and w of k to k + K_TILE. Of what lies after K only zeros are used.
fn load_shared(workgroup: vec3u, lane: u32, k: u32) {
  let rows = LANES / TILE_VEC4 * u32(ROWS);
  for (var i = lane; i < rows * u32(K_QUADS); i += LANES) {
    shared_x[i] = load_x(workgroup.y * rows + i / u32(K_QUADS), k + i % u32(K_QUADS) * 4u);
  }
  // A lane loads rows of words, and stores WORD_K rows of each.
  const WORD_ROWS = u32(K_QUADS) * 4u / WORD_K;
  for (var i = lane; i < u32(TILES) * WORD_ROWS * TILE_VEC4; i += LANES) {
    let quad = i % TILE_VEC4;
    let row_of_words = i / TILE_VEC4 % WORD_ROWS;
    let start = tile_start(workgroup.x * u32(TILES) + i / TILE_VEC4 / WORD_ROWS) + quad;
    var unpacked = rows_at(start, k + row_of_words * WORD_K);
    let at = i / TILE_VEC4 * WORD_K * TILE_VEC4 + quad;
    for (var j = 0u; j < WORD_K; j++) { shared_w[at + j * TILE_VEC4] = unpacked[j]; }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = lane % TILE_VEC4;
  let first_tile = workgroup.x * u32(TILES);
  let row = (workgroup.y * LANES + lane) / TILE_VEC4 * u32(ROWS);
  var acc = array<vec4f, SUMS>();
  @if(CHUNK) var totals = array<vec4f, SUMS>();

  for (var k = 0u; k < params.K; k += u32(4 * K_QUADS)) {
    workgroupBarrier();
    load_shared(workgroup, lane, k);
    workgroupBarrier();

    // The last quad of an odd K ends in zeros, on both sides.
    let quads = min(u32(K_QUADS), (params.K - k + 3u) / 4u);
    for (var q = 0u; q < quads; q++) {
      for (var t = 0; t < TILES; t++) {
        var rows = array<vec4f, 4>();
        for (var i = 0u; i < 4u; i++) { rows[i] = shared_w[((u32(t * K_QUADS) + q) * 4u + i) * TILE_VEC4 + quad]; }
        for (var r = 0; r < ROWS; r++) {
          let quad_of_x = shared_x[(lane / TILE_VEC4 * u32(ROWS) + u32(r)) * u32(K_QUADS) + q];
          acc[t * ROWS + r] = add_quad(acc[t * ROWS + r], quad_of_x, rows);
        }
      }
    }
    @if(CHUNK) if ((k + u32(4 * K_QUADS)) % CHUNK == 0u) { end_chunk(&totals, &acc); }
  }
  @if(CHUNK) end_chunk(&totals, &acc);
  @if(CHUNK) write_sums(&totals, row, first_tile, quad);
  @else write_sums(&acc, row, first_tile, quad);
}
