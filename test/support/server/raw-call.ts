// Calls as bytes on a socket: what no client library would send.
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

export interface RawAnswer {
  /** 0 where the connection was closed without one. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Opens a connection to a server. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Sends bytes, each piece after a pause, and reads until the server closes the connection or has been silent for a while. */
export async function rawCall(url: string, pieces: string | readonly string[], pauseMs = 0): Promise<RawAnswer> {
  const socket = await openSocket(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of typeof pieces === 'string' ? [pieces] : pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    if (pauseMs > 0) await setTimeout(pauseMs);
  }
  await Promise.race([closed, hasAnswer(chunks, socket)]);
  socket.destroy();
  const text = Buffer.concat(chunks).toString('utf8');
  const [head = '', ...body] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: body.join('\r\n\r\n') };
}

/** Resolves when a whole answer with a length is there. */
async function hasAnswer(chunks: readonly Buffer[], socket: Socket): Promise<void> {
  while (!socket.destroyed) {
    const [head = '', body = ''] = Buffer.concat(chunks).toString('utf8').split('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(head)?.[1];
    if (length !== undefined && Buffer.byteLength(body) >= Number(length)) return;
    await setTimeout(5);
  }
}
