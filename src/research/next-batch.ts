// Calls for the logits after a text that were made at once: they run side by side in one step, as far as there is room, and each gets
// the bits that it has alone.
import { groupTexts } from './group-texts.ts';
import { runsBeside } from './interventions.ts';
import { MAX_TEXTS } from './text-sizes.ts';
import type { StartedText, TextSteps } from './text-steps.ts';

interface Call {
  /** Makes the text when its turn comes: what it goes on after may be closed by then. */
  readonly started: () => StartedText;
  readonly numTokens: number;
  readonly runsBeside: boolean;
  readonly settle: PromiseWithResolvers<Float32Array>;
}

/** Calls of a model as they come: those that no other call separates share a turn. */
export class NextCalls {
  #open: NextBatch | null = null;

  /** Tells that another call takes its turn: those that follow must not run before it. */
  separate(): void {
    this.#open = null;
  }

  /**
   * Adds a call; returns the logits [V] after its text.
   *
   * @param text as `started` makes it.
   * @param inTurn runs calls in their turn; it may call `separate`.
   */
  add(
    text: Pick<StartedText, 'promptIds' | 'interventions'>,
    started: () => StartedText,
    inTurn: (run: (steps: TextSteps) => Promise<void>) => Promise<void>,
  ): Promise<Float32Array> {
    const batch = this.#open ?? new NextBatch();
    if (this.#open === null) {
      const run = (steps: TextSteps) => {
        if (this.#open === batch) this.#open = null;
        return batch.run(steps);
      };
      inTurn(run).catch((error: unknown) => {
        // It may have failed before it ran: no call must join it any more.
        if (this.#open === batch) this.#open = null;
        batch.refuse(error);
      });
      this.#open = batch;
    }
    return batch.add(text, started);
  }
}

/** Calls that wait for the turn of the first of them. */
class NextBatch {
  readonly #calls: Call[] = [];

  /** Adds a call. */
  add(text: Pick<StartedText, 'promptIds' | 'interventions'>, started: () => StartedText): Promise<Float32Array> {
    const settle = Promise.withResolvers<Float32Array>();
    const { promptIds, interventions } = text;
    this.#calls.push({ started, numTokens: promptIds.length, runsBeside: runsBeside(interventions), settle });
    return settle.promise;
  }

  /** Submits all calls. */
  async run(steps: TextSteps): Promise<void> {
    const limits = { maxTexts: MAX_TEXTS, maxTokens: steps.sizes.maxBatchTokens };
    // A text that must run alone takes all the room of a group.
    const tokensOf = (call: Call) => (call.runsBeside ? call.numTokens : limits.maxTokens);
    for (const group of groupTexts(this.#calls, tokensOf, limits)) await submit(steps, group);
  }

  /** Refuses all calls. */
  refuse(error: unknown): void {
    for (const { settle } of this.#calls) settle.reject(error);
  }
}

async function submit(steps: TextSteps, calls: readonly Call[]): Promise<void> {
  try {
    const next = await steps.nextLogits(calls.map(({ started }) => started()));
    for (const [i, { settle }] of calls.entries()) settle.resolve(next().then((rows) => rows[i]!));
  } catch (error) {
    // The error is of one of them: each runs alone.
    if (calls.length === 1) calls[0]?.settle.reject(error);
    else for (const call of calls) await submit(steps, [call]);
  }
}
