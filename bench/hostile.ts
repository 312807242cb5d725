// Benchmark of hostile forms: time to the answer, and the longest that the event loop of the server was held. `--help` lists its flags.
import { StatusLine } from '../src/terminal/status-line.ts';
import { runScript } from './common/script.ts';
import { formatHostile, hostileScript, measureHostile } from './experiments/hostile.ts';
import { ServerProcess } from './serving/server-process.ts';

await runScript(hostileScript, async (_, signal) => {
  using status = new StatusLine(process.stderr);
  await using server = await ServerProcess.start({ model: null, maxBatchSize: 8 }, signal);
  const costs = await measureHostile(server.server.url, signal, (name) => status.show(name));
  status.clear();
  console.log(formatHostile(costs));
});
