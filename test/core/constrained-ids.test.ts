// The way of a sequence through its constraint, without an engine: what is allowed when, and faults that stay inside.
import { expect, test, vi } from 'vitest';
import { ConstrainedIds } from '../../src/core/constrained-ids.ts';
import type { Constraint } from '../../src/core/constraint.ts';

/** Allows the ids up to the number of those that were accepted. */
const upTo: Constraint<number> = {
  start: () => 0,
  allowed: (state) => Uint32Array.of(2 ** (state + 1) - 1, 0),
  accept: (state, id) => {
    if (id > state) throw new Error(`${id} after ${state}`);
    return state + 1;
  },
};

const of = (constraint: Constraint<number>, ids: readonly number[] = [], endIds: readonly number[] = []) =>
  new ConstrainedIds(constraint, { vocabSize: 40, ids, endIds });

test('nothing is allowed before the start, then what follows from all ids', () => {
  const ids = of(upTo, [0, 1]);
  expect(ids).toMatchObject({ hasStarted: false, allowed: null });
  ids.start();
  expect(ids.hasStarted).toBe(true);
  expect(ids.allowed?.words).toEqual(Uint32Array.of(7, 0));
  expect([0, 2, 3, 39].map((id) => ids.allows(id))).toEqual([true, true, false, false]);
  ids.accept(2);
  ids.start();
  expect(ids.allowed?.words).toEqual(Uint32Array.of(15, 0));
});

test('a mask of ends alone is complete, in whatever words they are', () => {
  const give = (...words: number[]) => ({ ...upTo, allowed: () => Uint32Array.from(words) });
  for (const [words, isComplete] of [
    [[2, 0], true],
    [[0, 128], true],
    [[2, 128], true],
    [[3, 128], false],
    [[2, 129], false],
    [[1, 0], false],
    [[2 ** 31, 0], true],
    [[2 ** 31 + 2 ** 30, 0], false],
  ] as const) {
    const ids = of(give(...words), [], [1, 31, 39]);
    ids.start();
    expect(ids.allowed?.isComplete, `${words}`).toBe(isComplete);
  }
});

test('a promise leaves nothing allowed until it is there, and tells who listens', async () => {
  const { promise, resolve } = Promise.withResolvers<Uint32Array>();
  const ids = of({ ...upTo, allowed: () => promise });
  const listener = vi.fn();
  ids.listen(listener);
  ids.start();
  expect(ids.allowed).toBe(null);
  expect(listener).not.toHaveBeenCalled();
  resolve(Uint32Array.of(6, 0));
  await promise;
  await Promise.resolve();
  expect(ids.allowed?.words).toEqual(Uint32Array.of(6, 0));
  expect(listener).toHaveBeenCalledOnce();
});

test('the first fault stays, tells who listens, and nothing more is asked', () => {
  const allowed = vi.fn(upTo.allowed);
  const ids = of({ ...upTo, allowed });
  const listener = vi.fn();
  ids.listen(listener);
  ids.start();
  ids.accept(5);
  ids.accept(0);
  expect(ids.failure).toMatchObject({ name: 'ConstraintError', method: 'accept', cause: new Error('5 after 0') });
  expect(ids.failure?.message).toBe('accept() of the constraint failed: 5 after 0');
  expect(ids.allowed).toBe(null);
  expect(allowed).toHaveBeenCalledOnce();
  expect(listener).toHaveBeenCalledTimes(2);
});

test('its end comes once, with the last state, and not before a start', () => {
  const end = vi.fn();
  const ids = of({ ...upTo, end });
  ids.start();
  ids.accept(0);
  ids.end();
  ids.end();
  ids.accept(0);
  expect(end.mock.calls).toEqual([[1]]);
  expect(ids).toMatchObject({ allowed: null, failure: null });
  const idle = of({ ...upTo, end });
  idle.end();
  idle.start();
  expect(end).toHaveBeenCalledOnce();
  expect(idle.allowed).toBe(null);
});
