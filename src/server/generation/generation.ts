// The completions of one call: requests of the engine, all or none, that end together when the call does.
import { randomBytes } from 'node:crypto';
import { deriveSeed } from '../../core/sampling-params.ts';
import type { Engine } from '../../engine/engine.ts';
import type { FinishedRequest, GenerationRequest } from '../../engine/request.ts';
import type { TextStream } from '../../engine/text-stream.ts';
import { drawSeed } from '../../util/rng.ts';
import type { Owner } from '../access/keys.ts';

/** A prompt in ids, and how to continue it; the seed is each choice's own. */
export type PromptRequest = Omit<GenerationRequest, 'prompt' | 'promptIds' | 'requestId' | 'signal'> & {
  readonly promptIds: readonly number[];
};

/** Prompts of a call, and how they are continued. */
export interface GenerationPlan {
  /** Beginning of the id, such as `cmpl`. */
  readonly kind: string;
  readonly owner: Owner;
  readonly prompts: readonly PromptRequest[];
  /** Completions of each prompt. */
  readonly n: number;
  /** Drawn where it is undefined. */
  readonly seed: number | undefined;
}

/** One completion. */
export interface Choice {
  /** Its place in the answer: those of the first prompt come first. */
  readonly index: number;
  readonly prompt: PromptRequest;
  /** Number of ids that the engine computes for the prompt. */
  readonly promptTokens: number;
  /** Index of the first choice of its prompt, whose prompt's log-probabilities and use of the prefix cache are those of all. */
  readonly firstIndex: number;
  readonly stream: TextStream;
}

/** Bytes of an id that nobody guesses. */
const ID_BYTES = 16;

/** Makes an id of 128 random bits. */
export function randomId(kind: string): string {
  return `${kind}-${randomBytes(ID_BYTES).toString('hex')}`;
}

/** Completions under way. */
export class Generation {
  readonly id: string;
  readonly owner: Owner;
  /** Seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000);
  readonly seed: number;
  readonly choices: readonly Choice[];
  /** Settles when all choices have ended, in whatever way; never rejects. */
  readonly finished: Promise<readonly FinishedRequest[]>;

  private constructor(plan: GenerationPlan, id: string, seed: number, choices: readonly Choice[]) {
    this.id = id;
    this.owner = plan.owner;
    this.seed = seed;
    this.choices = choices;
    this.finished = Promise.all(choices.map(({ stream }) => stream.finished));
  }

  /**
   * Queues all choices of a call, or none. One choice draws with the call's seed; of several prompts, prompt p draws with
   * `deriveSeed(seed, p)`, and of several choices of a prompt, choice j with `deriveSeed` of that and j.
   *
   * @throws what `Engine.stream` throws.
   */
  static start(engine: Engine, plan: GenerationPlan): Generation {
    const { kind, prompts, n, seed = drawSeed() } = plan;
    const id = randomId(kind);
    const choices: Choice[] = [];
    try {
      for (const [p, prompt] of prompts.entries()) {
        const promptSeed = prompts.length === 1 ? seed : deriveSeed(seed, p);
        for (let j = 0; j < n; j++) {
          const index = choices.length;
          const sampling = { ...prompt.sampling, seed: n === 1 ? promptSeed : deriveSeed(promptSeed, j) };
          const promptLogprobs = j === 0 ? prompt.promptLogprobs : undefined;
          const stream = engine.stream({ ...prompt, sampling, promptLogprobs, requestId: `${id}-${index}` });
          const promptTokens = Math.max(prompt.promptIds.length, 1);
          choices.push({ index, prompt, promptTokens, firstIndex: index - j, stream });
        }
      }
    } catch (error) {
      for (const { stream } of choices) stream.return();
      throw error;
    }
    return new Generation(plan, id, seed, choices);
  }

  /** Ends what has not ended, and frees its blocks at once. */
  abort(): void {
    for (const { stream } of this.choices) stream.return();
  }
}
