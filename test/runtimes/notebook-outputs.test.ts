// Comparison of the outputs of notebooks: what may differ between machines, and what may not.
import { expect, test } from 'vitest';
import { compareOutputs, type Notebook } from './notebook-outputs.ts';

const printed = (text: string, name = 'stdout'): Notebook => ({
  cells: [{ cell_type: 'code', source: 'x', outputs: [{ output_type: 'stream', name, text }] }],
});

test('outputs that differ in numbers and in verdicts of speed are equal', () => {
  expect(
    compareOutputs(
      printed('a: 6.52 ms, 4.6 × first (2 to 6), slower'),
      printed('a: 7 ms, 0.9 × first (0.5 to 1.2), same'),
    ),
  ).toEqual([]);
});

test('another word, a missing output and another kind of output are told with their cell', () => {
  const picture: Notebook = {
    cells: [
      {
        cell_type: 'code',
        source: 'x',
        outputs: [{ output_type: 'execute_result', data: { 'image/svg+xml': '<svg/>' } }],
      },
    ],
  };
  for (const executed of [printed('wrong'), { cells: [] }, picture]) {
    expect(compareOutputs(printed('right'), executed)).toEqual([expect.stringContaining('cell 1: printed')]);
  }
});

test('warnings on stderr do not count', () => {
  expect(
    compareOutputs(printed('Warning', 'stderr'), { cells: [{ cell_type: 'code', source: 'x', outputs: [] }] }),
  ).toEqual([]);
});
