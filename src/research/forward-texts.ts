// Forward passes over texts: side by side as far as there is room, or one after another where points are read or changed.
import { Tensor } from '../gpu/tensor.ts';
import { pointShape } from '../models/points.ts';
import { checkFree } from '../runtime/free-memory.ts';
import { ForwardResult } from './forward-result.ts';
import { groupTexts } from './group-texts.ts';
import { runsBeside } from './interventions.ts';
import { MAX_TEXTS } from './text-sizes.ts';
import type { StartedText, TextSteps } from './text-steps.ts';

/** Computes a result for each text, in their order; the caller closes them. @throws MemoryError where memory has no room for all. */
export async function forwardTexts(steps: TextSteps, texts: readonly StartedText[]): Promise<ForwardResult[]> {
  const { what, bytes } = sizeOfResults(steps, texts);
  checkFree(steps.device, what, bytes);
  using made = new DisposableStack();
  const results: ForwardResult[] = [];
  for (const group of groupsOf(texts, steps.sizes.maxBatchTokens)) {
    for (const result of await forwardGroup(steps, group)) results.push(made.use(result));
  }
  made.move();
  return results;
}

/** Counts what the logits and taps of texts take. */
function sizeOfResults({ parts }: TextSteps, texts: readonly StartedText[]) {
  const { config } = parts.model;
  let [tokens, elements] = [0, 0];
  for (const { promptIds, start, interventions } of texts) {
    const counts = { numTokens: promptIds.length - start, numKeys: promptIds.length };
    const shapes = new Set(interventions?.taps).values().map((point) => pointShape(point, config, counts));
    for (const shape of [[counts.numTokens, config.vocabSize], ...shapes])
      elements += shape.reduce((product, size) => product * size, 1);
    tokens += counts.numTokens;
  }
  return { what: `logits and taps of ${tokens} tokens`, bytes: Float32Array.BYTES_PER_ELEMENT * elements };
}

/** Cuts texts into groups of one step each. */
function groupsOf(texts: readonly StartedText[], maxTokens: number): StartedText[][] {
  if (!texts.every(({ interventions }) => runsBeside(interventions))) return texts.map((text) => [text]);
  return groupTexts(texts, ({ promptIds }) => promptIds.length, { maxTexts: MAX_TEXTS, maxTokens });
}

async function forwardGroup(steps: TextSteps, texts: readonly StartedText[]): Promise<ForwardResult[]> {
  const { vocabSize } = steps.parts.model.config;
  using made = new DisposableStack();
  const logits = texts.map(({ promptIds, start }) =>
    made.use(Tensor.create(steps.device, 'logits', 'f32', [promptIds.length - start, vocabSize])),
  );
  const tapped = await steps.run(texts, logits);
  made.move();
  return logits.map((tensor) => new ForwardResult(tensor, tapped));
}
