// Outputs of a model at temperature 1, judged: each that ends has to fit, and each that is cut to be one that the grammar goes on
// with.
import type { Constraint } from '../../../src/core/constraint.ts';
import { deriveSeed } from '../../../src/core/sampling-params.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import type { GrammarCompiler } from '../../../src/grammar/grammar-compiler.ts';
import type { OutputCase } from './texts.ts';

/** Tokens within which outputs are to end. */
const MAX_TOKENS = 512;

/** Findings over a list of cases. */
export interface Findings {
  numEnded: number;
  /** Ids of all outputs. */
  numIds: number;
  /** Outputs that were cut, by the names of their cases. */
  readonly cut: string[];
  /** Outputs that end and do not fit, that their grammar does not go on with, or that failed: why, by the names of their cases. */
  readonly wrong: string[];
}

/** Model, and how it is asked. */
export interface AskedModel {
  readonly engine: Engine;
  readonly compiler: GrammarCompiler;
  readonly promptIds: readonly number[];
  /** Requests at a time. */
  readonly width: number;
  readonly onEnd?: (numDone: number) => void;
}

/** Generates an output for each case and judges it. */
export async function judgeOutputs(cases: readonly OutputCase[], model: AskedModel, seed: number): Promise<Findings> {
  const findings: Findings = { numEnded: 0, numIds: 0, cut: [], wrong: [] };
  const entries = cases.entries();
  let numDone = 0;
  const work = async () => {
    for (const [index, each] of entries) {
      const constraint = await model.compiler.compile(each.output).catch((error: unknown) => {
        throw new Error(`${each.name} is not compiled`, { cause: error });
      });
      const sampling = { maxTokens: MAX_TOKENS, temperature: 1, seed: deriveSeed(seed, index) };
      const finished = await model.engine.generate({ promptIds: model.promptIds, constraint, sampling });
      findings.numIds += finished.ids.length;
      const fault = await faultOf(finished, each, constraint);
      if (fault !== null) findings.wrong.push(`${each.name}: ${fault}: ${finished.text}`);
      else if (finished.finishReason === 'stop') findings.numEnded++;
      else findings.cut.push(each.name);
      model.onEnd?.(++numDone);
    }
  };
  await Promise.all(Array.from({ length: model.width }, work));
  return findings;
}

async function faultOf(
  { finishReason, text, ids, error }: FinishedRequest,
  { fits }: OutputCase,
  constraint: Constraint<unknown>,
): Promise<string | null> {
  if (finishReason === 'stop') return fits(text) ? null : 'does not fit';
  if (finishReason !== 'length') return `ended by ${finishReason} (${error})`;
  let state = constraint.start();
  try {
    for (const id of ids) state = constraint.accept(state, id);
    // A matcher that refused an id rejects here.
    const mask = await constraint.allowed(state);
    return mask.some((word) => word !== 0) ? null : 'is cut where nothing may follow';
  } catch (refusal) {
    return `is cut, and refused: ${refusal}`;
  } finally {
    constraint.end?.(state);
  }
}
