// A server between a client and a replica that breaks its answers: after some events of each call the connection is cut, in the middle of the next event.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Events that come through of each call, one after another; null and calls after the last are not cut. */
export type Cuts = readonly (number | null)[];

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Bodies of the calls that came. */
  readonly bodies: readonly { readonly resume?: { readonly ids: readonly number[] } }[];
  /** Begins the list of cuts again. */
  cutAt(cuts: Cuts): void;
}

/** Starts a proxy of a replica. */
export async function startCuttingProxy(replica: string): Promise<CuttingProxy> {
  let cuts: Cuts = [];
  const bodies: CuttingProxy['bodies'][number][] = [];
  const answer = async (call: IncomingMessage, response: ServerResponse) => {
    const cut = cuts[bodies.length] ?? null;
    const body = await buffer(call);
    bodies.push(JSON.parse(body.toString()));
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, agent: false };
    const onward = request(`${replica}${call.url}`, options, async (answered) => {
      response.writeHead(answered.statusCode ?? 0, answered.headers);
      const pieces: Buffer[] = [];
      for await (const piece of answered) {
        pieces.push(piece);
        const text = Buffer.concat(pieces).toString();
        if (cut !== null && text.split('\n\n').length > cut + 1) break;
        if (cut === null) response.write(piece);
      }
      if (cut === null) return response.end();
      const events = Buffer.concat(pieces).toString().split('\n\n');
      const half = events[cut]?.slice(0, 20) ?? '';
      const through = [...events.slice(0, cut), half].join('\n\n');
      if (through !== '') return response.write(through, () => response.destroy());
      return response.destroy();
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  };
  const server = createServer((call, response) => void answer(call, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port }: AddressInfo = Object(server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    bodies,
    cutAt: (next) => {
      cuts = next;
      bodies.length = 0;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
