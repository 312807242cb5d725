// A replica as a process of its own, which can be killed: a server whose ids need no model.
//   node test/support/server/replica.ts FINGERPRINT
import { SlowRunner } from './slow-runner.ts';
import { SERVER_LIMITS, startTestServer } from './test-server.ts';

const limits = { ...SERVER_LIMITS, maxBatchSize: 32, maxBatchTokens: 2048, numBlocks: 4096 };
const [, , fingerprint = ''] = process.argv;
const { url } = await startTestServer({ runner: new SlowRunner(limits), fingerprint });
console.log(url);
