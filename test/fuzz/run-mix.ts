// As many constrained requests as free ones, mixed at random in one engine, each compared with its solo run. Masks come at once or late.
import { Engine } from '../../src/engine/engine.ts';
import type { RequestHandle } from '../../src/engine/request.ts';
import { hashSeed } from '../../src/util/rng.ts';
import { LateMasks } from '../support/engine/late-masks.ts';
import { RandomAutomaton } from '../support/engine/random-automaton.ts';
import { Draws } from './draws.ts';
import type { FuzzRequest } from './fuzz-requests.ts';
import { FuzzRunner } from './fuzz-runner.ts';
import type { FuzzSession } from './fuzz-session.ts';
import { differencesOf, logitDifferences, soloRuns } from './solo-differences.ts';

/** Outcome of a mix. */
export interface MixReport {
  readonly differences: readonly string[];
  /** Steps that had constrained rows and free ones. */
  readonly numMixed: number;
}

/** Runs `count` constrained and as many free requests, which arrive in random order. */
export async function runMix(session: FuzzSession, seed: number, count: number): Promise<MixReport> {
  const { model, tokenizer } = session;
  const draws = new Draws(hashSeed(10, seed));
  const requests = Array.from({ length: 2 * count }, (_, index) =>
    drawRequest(session, hashSeed(11 + seed, index), index),
  );
  const solo = await soloRuns(
    session,
    requests.map((request) => ({ request, numChoices: null })),
  );
  const runner = new FuzzRunner(session.runner, { maxBatchTokens: 64, numBlocks: 8 * 12 }, null, draws);
  await using engine = new Engine({ runner, clock: runner, tokenizer, observers: [{ onStep: () => runner.read() }] });
  const masks = new LateMasks();
  const handles: RequestHandle[] = [];
  const waiting = [...requests];
  for (let turn = 0; waiting.length > 0 || engine.hasUnfinished; turn++) {
    await masks.startTurn(turn);
    for (let arriving = draws.integer(0, 3); arriving > 0 && waiting.length > 0; arriving--) {
      const [request] = waiting.splice(draws.integer(0, waiting.length - 1), 1);
      if (request === undefined) break;
      const constraint = request.constraint && masks.late(request.constraint, draws.pick([0, 0, 0, 1, 3]));
      handles.push(engine.addRequest({ ...request, constraint }));
    }
    await runner.serve(engine.step());
  }
  const responses = await Promise.all(handles.map(({ finished }) => finished));
  const isMixed = runner.plans.filter(({ samplingRows }) => new Set(samplingRows.map(({ mask }) => !mask)).size === 2);
  return {
    differences: [
      ...responses.flatMap((response) => differencesOf(response, solo.get(response.seed))),
      ...logitDifferences(runner, solo, responses),
      ...(responses.length === 2 * count
        ? []
        : [`${responses.length} responses, expected ${2 * count} of ${model.name}`]),
    ],
    numMixed: isMixed.length,
  };
}

/** A request of few ids; every second one is constrained. */
function drawRequest({ model }: FuzzSession, seed: number, index: number): FuzzRequest {
  const draws = new Draws(seed);
  const { vocabSize } = model;
  const constraint = index % 2 === 0 ? new RandomAutomaton(seed, { vocabSize }) : undefined;
  return {
    promptIds: draws.ids(draws.integer(1, 24), vocabSize),
    sampling: {
      temperature: draws.pick([0, 0.8, 1.2]),
      ...(draws.chance(0.3) && { topK: draws.integer(1, 20) }),
      ...(draws.chance(0.3) && { topP: 0.9 }),
      ...(draws.chance(0.3) && { frequencyPenalty: 0.6 }),
      ...(draws.chance(0.3) && { logprobs: 2 }),
      maxTokens: draws.integer(1, 12),
      seed,
    },
    promptLogprobs: null,
    constraint,
  };
}
