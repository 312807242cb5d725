import package::float_order::key_of;
import package::gumbel::{gumbel, gumbel_bound};
import package::rng::{pcg4d, unit_interval};
import package::sample_row::{
  DRAWN, LANES, POSITION, Row, SEED_HIGH, SEED_LOW, distance_of, greatest, logits, sampling
};
import package::sample_tokens::{Cut, Tokens, id_at, is_kept};

// Phase `draw` of the sampler: Gumbel-max. Each kept token gets noise of its own, and the greatest sum of logit and noise wins:
// each then wins as often as its probability says.

fn noise(row: Row, id: u32) -> f32 {
  let words = row.sampling;
  let seed = vec2u(sampling[words + SEED_LOW], sampling[words + SEED_HIGH]);
  return unit_interval(pcg4d(vec4u(seed, sampling[words + POSITION], id)).x);
}

// Lanes start from the best token: most others can't get past it whatever their noise, and their logarithms are not taken.
// min-p keeps the tokens within `reach` of the best one.
fn draw(lane: u32, row: Row, cut: Cut, tokens: Tokens, reach: f32) -> u32 {
  var score = gumbel(noise(row, row.best_id));
  var drawn = row.best_id;
  for (var slot = lane; slot < tokens.end; slot += LANES) {
    let id = id_at(tokens, slot);
    let logit = logits[row.logits + id];
    let distance = distance_of(row, logit);
    if (distance <= reach && is_kept(cut, key_of(logit), id)) {
      let u = noise(row, id);
      if (gumbel_bound(u) - distance >= score) {
        let candidate = gumbel(u) - distance;
        if (candidate > score || (candidate == score && id < drawn)) {
          score = candidate;
          drawn = id;
        }
      }
    }
  }
  return greatest(DRAWN, key_of(score), drawn).y;
}
