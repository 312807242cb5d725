// Examinations of the embedding, with positions and without: ids at the ends of the bound range and of a tile, some from next_tokens.
import type { Kernel } from '../../gpu/kernel.ts';
import type { Sizes, Variant } from '../../gpu/kernel-spec.ts';
import type { Examination, ExaminedCase, HostOperands, ModelWork } from '../examination.ts';
import type { Expected } from '../kernel-case.ts';
import { weightConditions, weightDType } from '../weights/weight-tiles.ts';
import { embed, embedTokens } from './embed.ts';
import { expectedEmbed } from './expected.ts';
import { type EmbedInputs, embedInputs, embedOperands, embedTokensOperands } from './operands.ts';

/** Examines the last range of the vocabulary, whose end is no whole tile in most models. */
export function examineEmbed(work: ModelWork): Examination {
  const kernel = work.kernel(embed);
  const cases = work.of(embed).slice(-1);
  return {
    name: kernel.name,
    cases: cases.map(({ dims, variant }) => {
      const inputs = inputsOf(dims, variant, dims.Y);
      return embedCase(kernel, inputs, { operands: embedOperands(inputs), expected: expectedEmbed(inputs) });
    }),
  };
}

/** Examines the same where positions have no rows. */
export function examineEmbedTokens(work: ModelWork): Examination {
  const kernel = work.kernel(embedTokens);
  const cases = work.of(embedTokens).slice(-1);
  return {
    name: kernel.name,
    cases: cases.map(({ dims, variant }) => {
      const inputs = inputsOf(dims, variant, 1);
      const expected = expectedEmbed(inputs, { learned: false });
      return embedCase(kernel, inputs, { operands: embedTokensOperands(inputs), expected });
    }),
  };
}

function inputsOf(
  { C, N, first }: Sizes<'C' | 'N' | 'first'>,
  { conditions }: Variant,
  numPositions: number,
): EmbedInputs {
  return embedInputs(1, { C, first, N, numPositions }, weightDType(conditions));
}

function embedCase(
  kernel: Kernel,
  { ids, C, dtype }: EmbedInputs,
  { operands, expected }: { readonly operands: HostOperands; readonly expected: Expected },
): ExaminedCase {
  return {
    kernel,
    fixed: { conditions: weightConditions(dtype) },
    variants: 'model',
    expected,
    whole: {
      what: `${ids.length} tokens of ${C}`,
      run: (launch, choice) => launch(kernel, operands, 'out', choice),
    },
  };
}
