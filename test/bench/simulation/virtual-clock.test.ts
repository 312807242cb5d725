// Virtual time: it jumps to the next awaited time, in order, and only when every task waits.
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../bench/simulation/virtual-clock.ts';

describe('VirtualClock', () => {
  test('goes from one awaited time to the next, in order, and of equal times in the order of asking', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const wait = async (name: string, time: number) => {
      await clock.at(time);
      log.push(`${name} at ${clock.now()}`);
    };
    await clock.run(Promise.all([wait('late', 1e9), wait('first', 2), wait('second', 2), wait('early', 1)]));
    expect(log).toEqual(['early at 1', 'first at 2', 'second at 2', 'late at 1000000000']);
  });

  test('stands still while anybody can do something', async () => {
    const clock = new VirtualClock();
    const work = async () => {
      await clock.at(5);
      for (let i = 0; i < 100; i++) await Promise.resolve();
      return clock.now();
    };
    const [time] = await clock.run(Promise.all([work(), clock.at(6)]));
    expect(time).toBe(5);
  });

  test('has late timers and long pauses, but ends a wait for a past time at once', async () => {
    const clock = new VirtualClock({ pauseMs: 2, lateMs: 3 });
    const work = async () => {
      await clock.until(10);
      const late = clock.now();
      await clock.until(10);
      const past = clock.now();
      await clock.pause();
      return [late, past, clock.now()];
    };
    expect(await clock.run(work())).toEqual([13, 13, 15]);
  });

  test('throws when the work waits for something else, and rejects as the work does', async () => {
    const stalled = new VirtualClock().run(new Promise(() => {}));
    await expect(stalled).rejects.toThrow(
      expect.objectContaining({ name: 'StalledError', message: 'simulation stands still at 0 ms, expected an event' }),
    );
    await expect(new VirtualClock().run(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});
