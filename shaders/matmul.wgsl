import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, ROWS, SUMS, TILES, add_quad, columns_of, end_chunk, load_x, next_rows, start_groups,
};
import package::matmul_epilogue::write_sums;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n])
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// Each output is the dot product of a row of x and a column of w. Nearly all weights of a model are read here, and few rows
// do little else than wait for them, so a lane loads each weight once for ROWS rows.
// One running f32 sum per output, or one for each CHUNK k, k ascending, acc = fma(x, w, acc): all files of it give the same
// bits.
// A lane loads four neighbouring columns of w in each of TILES tiles, and each x, at an address that is the same in all lanes.
// Lanes over quads of columns, all with the same rows; grid: (tiles / tiles of a workgroup, M / ROWS).

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let quad = lane % TILE_VEC4;
  let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  let row = workgroup.y * u32(ROWS);
  var columns = columns_of(first_tile, quad);
  var acc = array<vec4f, SUMS>();
  @if(CHUNK) var totals = array<vec4f, SUMS>();

  for (var k = 0u; k < params.K; k += 4u) {
    start_groups(&columns, k);
    var xs = array<vec4f, ROWS>();
    for (var r = 0; r < ROWS; r++) { xs[r] = load_x(row + u32(r), k); }
    for (var t = 0; t < TILES; t++) {
      let rows = next_rows(&columns, t, k);
      for (var r = 0; r < ROWS; r++) { acc[t * ROWS + r] = add_quad(acc[t * ROWS + r], xs[r], rows); }
    }
    @if(CHUNK) if ((k + 4u) % CHUNK == 0u) { end_chunk(&totals, &acc); }
  }
  @if(CHUNK) end_chunk(&totals, &acc);
  @if(CHUNK) write_sums(&totals, row, first_tile, quad);
  @else write_sums(&acc, row, first_tile, quad);
}
