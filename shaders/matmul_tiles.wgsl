import package::packed_weights::{TILE_VEC4, WORD_K};
import package::matmul_inputs::{
  CHUNK, ROWS, Scales, TILES, UNPACKED, WORD_QUADS, add_quad, from_part, load_scales, near_x, scales_at, tile_start, unpack, w,
  words_at, zero_after_k,
};
import package::matmul_epilogue::write_rows;

// out[m, first + n] = f(sum_k x[m, k] w[k, n] + bias[n]) (+ out[m, first + n]), as in matmul_chunks and bit for bit.
//   x[M, K], w[K, N] in column tiles: see matmul_inputs; bias[N], out[M, O] and f: see matmul_epilogue.
// For many rows, where arithmetic takes the time and not the weights: a workgroup shares slices of K_TILE k of its rows and
// columns, and while a lane adds ROWS rows and four columns of one, its loads of the next are under way.
// Lanes over quads of columns, then in GROUPS over rows; grid: (tiles / TILES, M / (GROUPS ROWS)).

override LANES: u32 = 256;

const K_TILE = u32(constants::K_TILE);
const K_QUADS = K_TILE / 4u;
const WORD_ROWS = K_TILE / WORD_K;
// Quads of k of a turn of the loop, whose loads from workgroup memory are under way together.
const TURN = select(1u, 2u, ROWS < 8);
// Quads of columns of the workgroup.
const COLUMNS = u32(TILES) * TILE_VEC4;
override GROUPS: u32 = LANES / COLUMNS;
// The fewest groups that a workgroup may have.
const MIN_GROUPS = 4u;
// Quads of x that a lane loads of a slice, and words of w.
const X_LOADS = u32(ROWS) * K_QUADS / COLUMNS;
override W_LOADS: u32 = (WORD_ROWS + GROUPS - 1u) / GROUPS;

// [K_QUADS][GROUPS] of a lane's rows. Eight quads fill the banks of workgroup memory once: with one row more and these groups
// more, eight lanes that load or store together never meet in a bank.
const PAD_GROUPS = 8u / K_QUADS;
var<workgroup> shared_x: array<array<vec4f, ROWS + 1>, K_QUADS * (GROUPS + PAD_GROUPS)>;
var<workgroup> shared_w: array<array<array<vec4f, COLUMNS>, 4>, K_QUADS>;

// A lane's part of the workgroup: its columns and group, and what it loads of each slice and where that goes.
struct Part { column: u32, group: u32, x_row: u32, x_quad: u32, x_place: u32, x_slot: u32, w_row: u32, w_start: u32 }

fn part_of(workgroup: vec3u, lane: u32) -> Part {
  var part = Part();
  part.column = lane % COLUMNS;
  part.group = lane / COLUMNS;
  let row = lane / K_QUADS;
  part.x_row = workgroup.y * GROUPS * u32(ROWS) + row;
  part.x_quad = lane % K_QUADS;
  part.x_place = part.x_quad * (GROUPS + PAD_GROUPS) + row % GROUPS;
  part.x_slot = row / GROUPS;
  part.w_row = min(part.group, WORD_ROWS - 1u);
  let tile = workgroup.x * u32(TILES) + part.column / TILE_VEC4;
  part.w_start = tile_start(tile) + part.w_row * TILE_VEC4 + part.column % TILE_VEC4;
  return part;
}

// A lane's share of a slice, as it was loaded.
struct Share { x: array<vec4f, X_LOADS>, w: array<vec4u, max(WORD_ROWS / MIN_GROUPS, 1u)>, scales: Scales }

fn load_share(part: Part, k: u32) -> Share {
  var share = Share();
  for (var i = 0u; i < X_LOADS; i++) {
    share.x[i] = near_x(part.x_row + i * (LANES / K_QUADS), k + part.x_quad * 4u);
  }
  for (var i = 0u; i < W_LOADS; i++) { share.w[i] = w[words_at(part.w_start + i * GROUPS * TILE_VEC4, k)]; }
  share.scales = load_scales(scales_at(part.w_start - part.w_row * TILE_VEC4, k));
  return share;
}

fn store_share(part: Part, share: ptr<function, Share>, k: u32) {
  if (k + K_TILE > params.K) {
    for (var i = 0u; i < X_LOADS; i++) { (*share).x[i] = zero_after_k((*share).x[i], k + part.x_quad * 4u); }
  }
  for (var i = 0u; i < X_LOADS; i++) { shared_x[part.x_place][part.x_slot + i * (COLUMNS / K_QUADS)] = (*share).x[i]; }
  if (part.group < WORD_ROWS) {
    for (var i = 0u; i < W_LOADS; i++) {
      for (var p = 0u; p < WORD_QUADS; p++) {
        var rows = unpack(from_part((*share).w[i], p), (*share).scales);
        let first = part.w_row * WORD_K + 4u * p;
        for (var j = 0u; j < UNPACKED; j++) {
          shared_w[(first + j) / 4u + i * (GROUPS * WORD_K / 4u)][(first + j) % 4u][part.column] = rows[j];
        }
      }
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = part_of(workgroup, lane);
  let end = (params.K + CHUNK - 1u) / CHUNK * CHUNK;
  var totals = array<vec4f, ROWS>();
  var sums = array<vec4f, ROWS>();

  // Each turn loads a slice and adds the one before. A compiler may move loads past a loop, but not out of a branch.
  for (var k = 0u; k <= end; k += K_TILE) {
    var share = Share();
    if (k < end) { share = load_share(part, k); }
    // No compiler knows this number: it could add the terms of an unrolled loop to the total one by one.
    let quads = select(K_QUADS, 0u, k == 0u) + (params.K >> 31u);
    for (var quad = 0u; quad < quads; quad += TURN) {
      var rows = array<array<vec4f, 4>, TURN>();
      for (var t = 0u; t < TURN; t++) {
        for (var i = 0u; i < 4u; i++) { rows[t][i] = shared_w[quad + t][i][part.column]; }
      }
      for (var t = 0u; t < TURN; t++) {
        let place = (quad + t) * (GROUPS + PAD_GROUPS) + part.group;
        for (var r = 0; r < ROWS; r++) { sums[r] = add_quad(sums[r], shared_x[place][r], rows[t]); }
      }
    }
    if (k % CHUNK == 0u) {
      for (var r = 0; r < ROWS; r++) {
        totals[r] += sums[r];
        sums[r] = vec4f();
      }
    }
    workgroupBarrier();
    store_share(part, &share, k);
    workgroupBarrier();
  }
  let row = workgroup.y * GROUPS * u32(ROWS) + part.group;
  write_rows(&totals, row, GROUPS, (workgroup.x * COLUMNS + part.column) * 4u);
}
