import package::softmax_fold::{GROUP_SPLITS, MASKED, SPLIT_KEYS, fold, fold_weights};

// Puts the splits of `attention` together: out[t, h, d] = o / l of the fold over the splits of keys that row t sees, with groups as
// there: from its own position back, `window` keys.
//   partials[U, H, Z, D + 2] = (m, l, o) of each split, positions[T], out[T, H D].
// One lane an element; grid: (D / LANES, H, tokens).

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 32;
// Splits that are loaded before the first of them is folded.
const LOADS = constants::LOADS;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let d = global.x;
  let h = global.y;
  let t = global.z;
  if (d >= params.D) { return; }
  let seen = u32(positions[t]) + 1u;
  let first_split = (seen - min(seen, params.window)) / SPLIT_KEYS;
  let end_split = (seen - 1u) / SPLIT_KEYS + 1u;
  let row = (t * params.H + h) * params.Z;
  @if(!GROUP_KEYS) let all = fold_splits(row, first_split, end_split, d);
  @if(GROUP_KEYS) var all = NOTHING;
  @if(GROUP_KEYS) for (var g = first_split / GROUP_SPLITS; g * GROUP_SPLITS < end_split; g++) {
    let first = max(first_split, g * GROUP_SPLITS);
    all = fold_on(all, fold_splits(row, first, min((g + 1u) * GROUP_SPLITS, end_split), d));
  }
  out[(t * params.H + h) * params.D + d] = all.z / all.y;
}

// A softmax over some keys: m, l and one channel of o.
const NOTHING = vec3f(MASKED, 0.0, 0.0);

// Folds the splits of a row, LOADS at a time; those that stand in for splits after the last are left out.
fn fold_splits(row: u32, first: u32, end: u32, d: u32) -> vec3f {
  var folded = NOTHING;
  for (var start = first; start < end; start += LOADS) {
    var next = array<vec3f, LOADS>();
    for (var i = 0; i < LOADS; i++) {
      let at = (row + min(start + u32(i), end - 1u)) * (params.D + 2u);
      next[i] = vec3f(partials[at], partials[at + 1u], partials[at + 2u + d]);
    }
    for (var i = 0; i < LOADS; i++) { folded = select(folded, fold_on(folded, next[i]), start + u32(i) < end); }
  }
  return folded;
}

fn fold_on(before: vec3f, next: vec3f) -> vec3f {
  let weights = fold_weights(before.x, next.x);
  return vec3f(max(before.x, next.x), fold(before.y, next.y, weights), fold(before.z, next.z, weights));
}
