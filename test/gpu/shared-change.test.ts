// A change of process state that several owners share: made by the first, undone by the last.
import { expect, test } from 'vitest';
import { SharedChange } from '../../src/gpu/shared-change.ts';

/** A change, and a log of its calls. */
function recorded() {
  const done: string[] = [];
  const change = new SharedChange(() => {
    done.push('made');
    return () => done.push('taken back');
  });
  return { change, done };
}

test('is made by the first holder, and undone by the last, in whatever order they end', () => {
  const { change, done } = recorded();
  const [first, second] = [change.hold(), change.hold()];
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(done).toEqual(['made']);
  second[Symbol.dispose]();
  expect(done).toEqual(['made', 'taken back']);
  change.hold()[Symbol.dispose]();
  expect(done).toEqual(['made', 'taken back', 'made', 'taken back']);
});

test('is not in force while it is paused', () => {
  const { change, done } = recorded();
  const hold = change.hold();
  const [first, second] = [change.pause(), change.pause()];
  expect(done).toEqual(['made', 'taken back']);
  const late = change.hold();
  first[Symbol.dispose]();
  expect(done.length).toBe(2);
  second[Symbol.dispose]();
  expect(done).toEqual(['made', 'taken back', 'made']);
  hold[Symbol.dispose]();
  late[Symbol.dispose]();
  expect(done).toEqual(['made', 'taken back', 'made', 'taken back']);
  change.pause()[Symbol.dispose]();
  expect(done.length).toBe(4);
});

test('that can not be made leaves nothing to take back', () => {
  let isPossible = false;
  const done: string[] = [];
  const change = new SharedChange(() => {
    if (!isPossible) throw new Error('impossible');
    return () => done.push('taken back');
  });
  expect(() => change.hold()).toThrow('impossible');
  isPossible = true;
  change.hold()[Symbol.dispose]();
  expect(done).toEqual(['taken back']);
});
