// The table of rotary embeddings against transformers' own frequencies and rotations, for every type of scaling.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseLlamaConfig } from '../../../src/models/llama/config.ts';
import { ropeTable } from '../../../src/models/llama/rope-table.ts';
import { rotate } from '../../../src/reference/rope.ts';
import { RangeValueError } from '../../../src/util/errors.ts';
import '../../../src/testing/vitest.ts';

interface Rotations {
  readonly head_dim: number;
  readonly settings: Readonly<Record<string, unknown>> & { readonly rope_type: string; readonly rope_theta: number };
  /** [D/2] */
  readonly frequencies: readonly number[];
  readonly attention_factor: number;
  /** [positions, D/2] */
  readonly cos: readonly (readonly number[])[];
  readonly sin: readonly (readonly number[])[];
}

interface Golden {
  readonly max_positions: number;
  readonly positions: readonly number[];
  readonly cases: readonly Rotations[];
}

const { max_positions, positions, cases }: Golden = JSON.parse(readFileSync('test/fixtures/rope.json', 'utf8'));

function configOf(headDim: number, rope_parameters: object) {
  const sizes = { num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 8, vocab_size: 8 };
  const json = { ...sizes, hidden_size: headDim, max_position_embeddings: max_positions, rope_parameters };
  return parseLlamaConfig({ model_type: 'llama', ...json }, 'config.json');
}

const numPositions = Math.max(...positions) + 1;

const plain = { rope_type: 'default', rope_theta: 1e4 };

describe.each(cases.map((golden) => [golden.settings.rope_type, golden.head_dim, golden] as const))(
  '%s of head dim %d',
  (_, headDim, { settings, frequencies, attention_factor: scale, cos, sin }) => {
    const table = ropeTable(configOf(headDim, settings), numPositions);
    /** Torch's f32 power may err by a unit in the last place, 2^-23, and ours by half of that; one rounding more for what follows. */
    const frequencyError = 4 * 2 ** -24;

    test('has the rotations of transformers', () => {
      expect(table).toHaveLength(numPositions * headDim);
      for (const [i, position] of positions.entries()) {
        const row = table.subarray(position * headDim, (position + 1) * headDim);
        for (const [d, frequency] of frequencies.entries()) {
          // The error of the angle, its rounding to f32, and those of cosine, factor and product.
          const angle = position * frequency;
          const tolerance = { abs: scale * (angle * (frequencyError + 2 ** -23) + 4 * 2 ** -24) };
          const label = `position ${position}, pair ${d}`;
          expect([row[d]!, row[headDim / 2 + d]!]).toBeWithin([cos[i]![d]!, sin[i]![d]!], tolerance, { label });
        }
      }
    });

    test('turns by its frequencies and is as long as its factor', () => {
      const [half, row] = [headDim / 2, table.subarray(headDim, 2 * headDim)];
      const turned = frequencies.map((_, d) => Math.atan2(row[half + d]!, row[d]!));
      const relative = turned.map((angle, d) => angle / frequencies[d]!);
      // Cosine and sine of an angle up to 1 are rounded to f32 each.
      expect(relative).toBeWithin(
        frequencies.map(() => 1),
        { abs: frequencyError + 4 * 2 ** -24 },
        { label: 'frequencies' },
      );
      expect(frequencies.map((_, d) => Math.hypot(row[d]!, row[half + d]!))).toBeWithin(
        frequencies.map(() => scale),
        { rel: 2 ** -23 },
        { label: 'factor' },
      );
    });
  },
);

test('the float64 oracle turns by the same angles', () => {
  for (const { head_dim: D, settings } of cases) {
    const config = configOf(D, settings);
    const numRows = 100;
    const table = ropeTable(config, numRows);
    const unit = Float64Array.from({ length: numRows * D }, (_, i) => (i % D < D / 2 ? 1 : 0));
    rotate(unit, config.rope, { T: numRows, heads: 1, D, start: 0 });
    expect(Float32Array.from(unit)).toEqual(table);
  }
});

test('position 0 does not turn', () => {
  const table = ropeTable(configOf(8, plain), 1);
  expect([...table]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
});

test('frequency and angle are rounded to f32 before the cosine', () => {
  const table = ropeTable(configOf(8, plain), 100_004);
  const frequency = Math.fround(1 / Math.fround(1e4 ** (2 / 8)));
  const angle = Math.fround(100_003 * frequency);
  expect(table[100_003 * 8 + 1]).toBe(Math.fround(Math.cos(angle)));
  expect(table[100_003 * 8 + 5]).toBe(Math.fround(Math.sin(angle)));
  expect(Math.abs(table[100_003 * 8 + 1]! - Math.cos(100_003 * 1e4 ** (-2 / 8)))).toBeGreaterThan(1e-5);
});

test('freqFactors divide the scaled frequencies', () => {
  const config = configOf(8, { rope_type: 'linear', rope_theta: 1e4, factor: 2 });
  const table = ropeTable({ ...config, rope: { ...config.rope, freqFactors: [1, 2, 4, 8] } }, 2);
  const angles = [0.5, 0.05 / 2, 0.005 / 4, 0.0005 / 8];
  expect(table.subarray(12)).toBeWithin(angles.map(Math.sin), { rel: 2 ** -22 }, { label: 'sines at position 1' });
});

test('another number of freqFactors than pairs is refused', () => {
  const config = configOf(8, plain);
  const build = () => ropeTable({ ...config, rope: { ...config.rope, freqFactors: [1, 1, 1] } }, 2);
  expect(build).toThrow(RangeValueError);
  expect(build).toThrow('number of freqFactors is 3, expected 4, half of the head dim');
});
