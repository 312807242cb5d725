import package::softmax_fold::{MASKED, SPLIT_KEYS, fold, fold_weights};

// Puts the splits of `attention` together: out[t, h, d] = o / l of the fold over splits 0 .. positions[t] / SPLIT_KEYS.
//   partials[U, H, Z, D + 2] = (m, l, o) of each split, positions[T], out[T, H D].
// One lane an element; grid: (D / LANES, H, tokens).

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LANES: u32 = 32;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) global: vec3u) {
  let d = global.x;
  let h = global.y;
  let t = global.z;
  if (d >= params.D) { return; }
  let splits = u32(positions[t]) / SPLIT_KEYS + 1u;
  var folded_max = MASKED;
  var folded_sum = 0.0;
  var folded = 0.0;
  for (var z = 0u; z < splits; z++) {
    let start = ((t * params.H + h) * params.Z + z) * (params.D + 2u);
    let weights = fold_weights(folded_max, partials[start]);
    folded_max = max(folded_max, partials[start]);
    folded_sum = fold(folded_sum, partials[start + 1u], weights);
    folded = fold(folded, partials[start + 2u + d], weights);
  }
  out[(t * params.H + h) * params.D + d] = folded / folded_sum;
}
