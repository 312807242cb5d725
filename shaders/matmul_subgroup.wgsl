import package::packed_weights::TILE_VEC4;
import package::matmul_inputs::{
  CHUNK, ROWS, SUMS, TILES, add_quad, columns_of, end_chunk, load_x, next_rows, start_groups,
};
import package::matmul_epilogue::write_sums;
import package::shuffle4::shuffle4;
enable subgroups;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n]), as in matmul and bit for bit.
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// Here no two of X_LANES lanes load the same x: a lane loads four k of one row, and the others ask it for them.
// Lanes over quads of columns, all with the same rows; grid: (tiles / tiles of a workgroup, M / ROWS).

override LANES: u32 = 32;

// Lanes that share the loads of x: they lie over rows first, then over the quads of k of a round.
const X_LANES = constants::X_LANES;
const X_ROWS = min(constants::ROWS, X_LANES);
const X_LOADS = (constants::ROWS + X_ROWS - 1) / X_ROWS;
const K_QUADS = X_LANES / X_ROWS;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
  let quad = lane % TILE_VEC4;
  let first_tile = (workgroup.x * LANES + lane) / TILE_VEC4 * u32(TILES);
  let row = workgroup.y * u32(ROWS);
  var columns = columns_of(first_tile, quad);
  var acc = array<vec4f, SUMS>();
  @if(CHUNK) var totals = array<vec4f, SUMS>();

  for (var k = 0u; k < params.K; k += u32(4 * K_QUADS)) {
    start_groups(&columns, k);
    let x_row = row + subgroup_lane % u32(X_ROWS);
    let x_k = k + subgroup_lane / u32(X_ROWS) % u32(K_QUADS) * 4u;
    var xs = array<vec4f, X_LOADS>();
    for (var i = 0; i < X_LOADS; i++) { xs[i] = load_x(x_row + u32(i * X_ROWS), x_k); }

    // The last quad of an odd K ends in zeros, on both sides.
    let quads = select(min(u32(K_QUADS), (params.K - k + 3u) / 4u), 1u, K_QUADS == 1);
    for (var q = 0u; q < quads; q++) {
      var quads_of_x = array<vec4f, ROWS>();
      for (var r = 0; r < ROWS; r++) { quads_of_x[r] = shuffle4(xs[r / X_ROWS], q * u32(X_ROWS) + u32(r % X_ROWS)); }
      for (var t = 0; t < TILES; t++) {
        let rows = next_rows(&columns, t, k + 4u * q);
        for (var r = 0; r < ROWS; r++) { acc[t * ROWS + r] = add_quad(acc[t * ROWS + r], quads_of_x[r], rows); }
      }
    }
    @if(CHUNK) if ((k + u32(4 * K_QUADS)) % CHUNK == 0u) { end_chunk(&totals, &acc); }
  }
  @if(CHUNK) end_chunk(&totals, &acc);
  @if(CHUNK) write_sums(&totals, row, first_tile, quad);
  @else write_sums(&acc, row, first_tile, quad);
}
