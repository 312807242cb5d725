// Child process of a comparison: it does one job, with native code that may crash or hang.
import type { ChildMessage } from './child.ts';

/**
 * Answers `runChild` in the child: takes the one job, sends what `answer` reports, then that it is done or the first
 * line of its error, and waits to be killed. It does not clean up: native libraries may crash or hang in doing so.
 */
export function answerJob<J, R>(answer: (job: J, report: (result: R) => void) => Promise<void>): void {
  const send = (message: ChildMessage<R>) => process.send?.(message);
  process.once('message', async (job: J) => {
    try {
      await answer(job, (result) => send({ result }));
      send({ done: true });
    } catch (error) {
      const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1);
      send({ error: line });
    }
  });
  process.once('disconnect', () => process.exit());
}
