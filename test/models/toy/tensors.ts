// The weight tensors of the toy: every matrix [out, in], those of queries, keys and values apart; gains, but no shift and no bias.
import type { FileRules } from '../../../src/models/architecture.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import type { TensorSpec } from '../../../src/models/tensor-specs.ts';

/** Names in files of a toy besides its tensors: none. */
export const files: FileRules = {
  prefix: /^toy\./,
  ignored: /(?!)/,
  parts: /^(toy\.)*(blocks\.\d+|tokens|places|last|answers)\./,
};

/** The tensors that belong to no layer. */
export function outerTensors({ hiddenSize: C, vocabSize: V, numPositions }: ModelConfig): TensorSpec[] {
  return [
    { name: 'tokens.table', module: 'tokens', role: 'embedding', shape: [V, C] },
    { name: 'places.table', module: 'places', role: 'table', shape: [numPositions, C] },
    { name: 'last.gain', module: 'last', role: 'gain', shape: [C] },
    { name: 'answers.table', module: 'answers', role: 'head', shape: [V, C] },
  ];
}

/** The tensors of one layer. */
export function layerTensors(config: ModelConfig, layer: number): TensorSpec[] {
  const { hiddenSize: C, mlpSize: F, numHeads, headDim } = config;
  const name = `blocks.${layer}`;
  const A = numHeads * headDim;
  return [
    { name: `${name}.first.gain`, module: `${name}.first`, role: 'gain', shape: [C] },
    ...['query', 'key', 'value'].map((part): TensorSpec => {
      return { name: `${name}.look.${part}`, module: `${name}.look.up`, role: 'matrix', shape: [A, C], order: 'nk' };
    }),
    matrix(`${name}.look.down`, [C, A], true),
    matrix(`${name}.think.up`, [F, C]),
    matrix(`${name}.think.down`, [C, F], true),
  ];
}

function matrix(module: string, shape: readonly [N: number, K: number], residual = false): TensorSpec {
  return { name: `${module}.matrix`, module, role: 'matrix', shape, order: 'nk', residual };
}
