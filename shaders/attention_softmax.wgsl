import package::attention_inputs::{D, LANES, QUADS, Queries, KEYS, ROWS, VECS, has_row, kv, quad_of, row_of, sees, sees_some};
import package::softmax_fold::{MASKED, SPLIT_KEYS, fold, fold4, fold_weights};

// The running softmax of attention, for all files of it: sums over the keys of a tile, tiles added to a split, splits
// folded or left in partials[U, H, Z, D + 2] = (m, l, o), rows written to out[T, H D], H = G SHARE.

@if(SPLIT) @group(0) @binding(6) var<storage, read_write> partials: array<f32>;
@if(!SPLIT) @group(0) @binding(6) var<storage, read_write> out: array<f32>;

// Vectors of o that a lane owns, and the quads in them.
const VECS_PER_LANE = (VECS + constants::LANES - 1) / constants::LANES;
const O_QUADS = VECS_PER_LANE * QUADS;

// Running softmax of each row, as far as a lane holds it: the greatest score m, the sum of exp(score - m), and the lane's
// quads of the sum of exp(score - m) v.
struct Softmax {
  m: array<f32, ROWS>,
  l: array<f32, ROWS>,
  o: array<vec4f, ROWS * O_QUADS>,
}

fn over_nothing() -> Softmax {
  var softmax = Softmax();
  for (var r = 0; r < ROWS; r++) { softmax.m[r] = MASKED; }
  return softmax;
}

// Splits that a workgroup takes: .x up to .y. With SPLIT one, of grid z; else all with keys that some row sees.
fn splits_of(workgroup: vec3u, queries: Queries) -> vec2u {
  @if(SPLIT) return vec2u(workgroup.z, workgroup.z + 1u);
  @else return vec2u(queries.first / SPLIT_KEYS, (queries.end + SPLIT_KEYS - 1u) / SPLIT_KEYS);
}

// First key of a split, or of the first tile of it with a key that some row sees.
fn first_tile(index: u32, queries: Queries) -> u32 {
  return max(index * SPLIT_KEYS, queries.first / KEYS * KEYS);
}

// Adds a key of a tile with its weights p, one a row; its value starts at vector `start`. Some row sees it.
fn add_value(tile: ptr<function, Softmax>, p: ptr<function, array<f32, ROWS>>, queries: Queries, key: u32, start: u32, lane: u32) {
  for (var r = 0; r < ROWS; r++) { (*tile).l[r] += (*p)[r]; }
  for (var n = 0; n < VECS_PER_LANE; n++) {
    let words = kv[start + min(lane + u32(n * LANES), u32(VECS - 1))];
    for (var i = 0; i < QUADS; i++) {
      let v = quad_of(words, i);
      for (var r = 0; r < ROWS; r++) {
        let at = (r * VECS_PER_LANE + n) * QUADS + i;
        // A masked v may be anything: it is left out, not multiplied by 0.
        let visible = ROWS == 1 || sees(queries, r, key);
        (*tile).o[at] = select((*tile).o[at], fma(vec4f((*p)[r]), v, (*tile).o[at]), visible);
      }
    }
  }
}

// Adds a tile to its split. One of which a row sees no key leaves the row's state alone, bit for bit.
fn add_tile(split: ptr<function, Softmax>, tile: ptr<function, Softmax>, queries: Queries, first_key: u32) {
  for (var r = 0; r < ROWS; r++) {
    let rescale = exp((*split).m[r] - (*tile).m[r]);
    (*split).m[r] = (*tile).m[r];
    let visible = sees_some(queries, r, first_key, KEYS);
    (*split).l[r] = select((*split).l[r], fma((*split).l[r], rescale, (*tile).l[r]), visible);
    for (var i = 0; i < O_QUADS; i++) {
      let at = r * O_QUADS + i;
      (*split).o[at] = select((*split).o[at], fma((*split).o[at], vec4f(rescale), (*tile).o[at]), visible);
    }
  }
}

// Folds a split into what came before. One of which a row sees no key leaves the row's state alone, too.
@if(!SPLIT) fn fold_split(folded: ptr<function, Softmax>, split: ptr<function, Softmax>, queries: Queries, first_key: u32) {
  for (var r = 0; r < ROWS; r++) {
    let visible = sees_some(queries, r, first_key, SPLIT_KEYS);
    let weights = fold_weights((*folded).m[r], (*split).m[r]);
    (*folded).m[r] = max((*folded).m[r], (*split).m[r]);
    (*folded).l[r] = select((*folded).l[r], fold((*folded).l[r], (*split).l[r], weights), visible);
    for (var i = 0; i < O_QUADS; i++) {
      let at = r * O_QUADS + i;
      (*folded).o[at] = select((*folded).o[at], fold4((*folded).o[at], (*split).o[at], weights), visible);
    }
  }
}

@if(SPLIT) fn write_partials(split: ptr<function, Softmax>, queries: Queries, index: u32, lane: u32) {
  for (var r = 0; r < ROWS; r++) {
    if (!has_row(queries, r) || !sees_some(queries, r, index * SPLIT_KEYS, SPLIT_KEYS)) { continue; }
    let start = (row_of(queries, r) * params.Z + index) * (D + 2);
    for (var i = 0; i < O_QUADS; i++) {
      for (var c = 0; c < 4; c++) {
        let d = component(lane, i, c);
        if (d < D) { partials[start + 2u + d] = (*split).o[r * O_QUADS + i][c]; }
      }
    }
    if (lane == 0u) {
      partials[start] = (*split).m[r];
      partials[start + 1u] = (*split).l[r];
    }
  }
}

@if(!SPLIT) fn write_out(folded: ptr<function, Softmax>, queries: Queries, lane: u32) {
  for (var r = 0; r < ROWS; r++) {
    if (!has_row(queries, r)) { continue; }
    let start = row_of(queries, r) * D;
    for (var i = 0; i < O_QUADS; i++) {
      for (var c = 0; c < 4; c++) {
        let d = component(lane, i, c);
        if (d < D) { out[start + d] = (*folded).o[r * O_QUADS + i][c] / (*folded).l[r]; }
      }
    }
  }
}

// The d of component c in a lane's quad i of o.
fn component(lane: u32, i: i32, c: i32) -> u32 {
  return ((lane + u32(i / QUADS * LANES)) * QUADS + u32(i % QUADS)) * 4u + u32(c);
}
