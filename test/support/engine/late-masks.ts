// Masks that come turns of the engine later than they are asked for, so that a schedule with promises runs the same way each time.
import type { Constraint } from '../../../src/core/constraint.ts';
import { delayed } from './random-automaton.ts';

interface LateMask {
  readonly turn: number;
  readonly resolve: () => void;
}

/** Promises of masks, each kept until a turn. */
export class LateMasks {
  #turn = 0;
  #waiting: LateMask[] = [];

  /** The constraint with masks that come some turns after they are asked for; with 0 at once. */
  late<State>(constraint: Constraint<State>, turns: number): Constraint<State> {
    if (turns === 0) return constraint;
    return delayed(constraint, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ turn: this.#turn + turns, resolve });
      return promise;
    });
  }

  /** Starts a turn: the masks that are due are there when it resolves. */
  async startTurn(turn: number): Promise<void> {
    this.#turn = turn;
    const due = this.#waiting.filter((mask) => mask.turn <= turn);
    this.#waiting = this.#waiting.filter((mask) => mask.turn > turn);
    for (const { resolve } of due) resolve();
    // As many microtasks as lie between a promise and those that wait for it.
    for (let task = 0; due.length > 0 && task < 8; task++) await null;
  }
}
