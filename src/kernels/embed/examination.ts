// Examination of the embedding: ids at the ends of the bound range and of a tile, some from next_tokens.
import type { Examination, ExaminedCase, ModelWork } from '../examination.ts';
import { weightConditions, weightDType } from '../weights/weight-tiles.ts';
import { embed } from './embed.ts';
import { expectedEmbed } from './expected.ts';
import { embedInputs, embedOperands } from './operands.ts';

/** Examines the last range of the vocabulary, whose end is no whole tile in most models. */
export function examineEmbed(work: ModelWork): Examination {
  const kernel = work.kernel(embed);
  const cases = work
    .of(embed)
    .slice(-1)
    .map(({ dims: { C, N, Y, first }, variant }): ExaminedCase => {
      const dtype = weightDType(variant.conditions);
      const inputs = embedInputs(1, { C, first, N, numPositions: Y }, dtype);
      return {
        kernel,
        fixed: { conditions: weightConditions(dtype) },
        variants: 'model',
        expected: expectedEmbed(inputs),
        whole: {
          what: `${inputs.ids.length} tokens of ${C}`,
          run: (launch, choice) => launch(kernel, embedOperands(inputs), 'out', choice),
        },
      };
    });
  return { name: kernel.name, cases };
}
