// Two addresses of a replica, of which the first breaks its stream: what clients of other runtimes go on after.
import { startCuttingProxy } from '../support/server/cutting-proxy.ts';
import { startTestServer } from '../support/server/test-server.ts';

/** Events that come through before the cut. */
const CUT = 5;

/** Runs a client, and returns what it printed. @throws Error where its stream was not cut. */
export async function runBeforeCut(run: (urls: readonly string[]) => Promise<string>): Promise<string> {
  await using replica = await startTestServer();
  await using proxy = await startCuttingProxy(replica.url);
  proxy.cutAt([CUT]);
  const printed = await run([proxy.url, replica.url]);
  if (proxy.bodies.length !== 1)
    throw new Error(`${proxy.bodies.length} calls came by the address that is cut, expected 1`);
  return printed;
}
