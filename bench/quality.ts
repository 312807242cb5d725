// Benchmark of quality: f16, q8 and q4 weights against f32, in the predictions of a text. `--help` lists its flags.
import { deviceFlags, integerFlag, modelFlags, nameFlag } from '../src/terminal/flags.ts';
import { readTextFile } from '../src/terminal/read-text.ts';
import { formatFigure, formatPercent } from '../src/util/figures.ts';
import { runScript } from './common/script.ts';
import { measureWeightQuality } from './experiments/weight-quality.ts';
import { formatRow } from './report/table.ts';

/** Text that the model tales was not trained on. */
const HELD_OUT = 'test/fixtures/tales-heldout-part.txt';

const WIDTHS = [8, -10, -11, -11, -11] as const;

const script = {
  usage: 'node bench/quality.ts --text FILE',
  flags: {
    model: modelFlags.model,
    ...deviceFlags,
    text: { ...nameFlag('text'), default: HELD_OUT, describe: 'file with a text that the model has not seen' },
    window: { ...integerFlag('window', 1), default: 256, describe: 'tokens that a token is predicted from at most' },
  },
};

await runScript(script, async (args, signal) => {
  const text = await readTextFile({ flag: '--text', path: args.text, expected: 'a text file' }, signal);
  const rows = await measureWeightQuality({ ...args, text, signal });
  console.log(formatRow(['weights', 'tokens', 'perplexity', 'increase', 'KL'], WIDTHS));
  for (const { dtype, tokens, perplexity, perplexityIncrease, kl } of rows) {
    const columns = [formatFigure(perplexity, 4), formatPercent(perplexityIncrease, 3), kl.toExponential(2)];
    console.log(formatRow([dtype, String(tokens), ...columns], WIDTHS));
  }
});
