// A child process for the tests of `runChild`.
import { answerJob } from '../../../bench/peers/answer-job.ts';

export interface TestJob {
  readonly end: 'done' | 'error' | 'crash' | 'hang';
}

answerJob(async ({ end }: TestJob, report: (result: string) => void) => {
  report(`${process.env.GREETING} ${end}`);
  if (end === 'error') throw new Error('first line\nsecond line');
  if (end === 'crash') {
    console.error('some\nlast words');
    process.kill(process.pid, 'SIGSEGV');
  }
  if (end !== 'done') await new Promise((resolve) => setTimeout(resolve, 60_000));
});
