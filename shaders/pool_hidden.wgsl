// sums[slot, c] = (is_continued ? sums[slot, c] : 0) + x[first, c] + … + x[end - 1, c], for each row (first, end, slot, is_continued):
//   x[T, C], rows[R, ROW_WORDS], sums[S, C]; no slot twice.
// An embedding is the mean of the hidden states of a prompt, which takes as many steps as it has chunks: each goes on with the sum
// that the last one left. One chain of sums, token by token, so that it is the same however the prompt is cut.
// One lane a column; grid: (C / LANES, R).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

override LANES: u32 = 64;

// Words of a row of `rows`.
const FIRST = 0u;
const END = 1u;
const SLOT = 2u;
const IS_CONTINUED = 3u;
const ROW_WORDS = 4u;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let c = global.x;
  if (c >= params.C) { return; }
  let row = global.y * ROW_WORDS;
  let at = rows[row + SLOT] * params.C + c;
  var sum = 0.0;
  if (rows[row + IS_CONTINUED] != 0u) { sum = sums[at]; }
  let end = rows[row + END];
  for (var t = rows[row + FIRST]; t < end; t++) { sum += x[t * params.C + c]; }
  sums[at] = sum;
}
