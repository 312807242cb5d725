// A stream that is cut at one replica and goes on at another, read by the client of the runtime that runs this: prints its chunks.
//   node test/runtimes/resumed-stream.ts URL URL
import { streamWithResume } from '../../src/client/index.ts';

const replicas = process.argv.slice(2);
const body = { prompt: 'Once upon a time', max_tokens: 12, seed: 5, ignore_eos: true };
for await (const { seed, choices } of streamWithResume({ replicas, path: '/v1/completions', body })) {
  console.log(JSON.stringify({ seed, choices }));
}
