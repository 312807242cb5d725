// The process that renders chat templates, from outside: it is started for the first rendering, renders one at a time, and is
// started anew after a template has ended it.
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../util/quote.ts';

/** A rendering that is asked for. */
export interface RenderJob {
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Time that the template is told, in ms since 1970. */
  readonly date: number;
  /** Longest text in UTF-16 units. */
  readonly maxLength: number;
  readonly timeoutMs: number;
}

/** Outcome of a rendering: the text, the message of `raise_exception`, or what else went wrong. */
export type RenderResult = { readonly text: string } | { readonly refusal: string } | { readonly fault: string };

/** Most memory of JavaScript's values in MiB. */
const MAX_HEAP_MIB = 128;

/** A process, and the receiver of the rendering that it is at. */
interface Running {
  readonly child: ChildProcess;
  settle(result: RenderResult): void;
}

/** Runner of renderings in a process of its own. */
export class TemplateRenderer {
  #running: Running | null = null;
  /** Ends with the last rendering that was asked for. */
  #last: Promise<unknown> = Promise.resolve();

  /** Renders a template after those before it. */
  render(job: RenderJob): Promise<RenderResult> {
    const result = this.#last.then(() => this.#run(job));
    this.#last = result;
    return result;
  }

  /** Ends the process; a rendering that is under way ends with a fault. */
  close(): void {
    this.#running?.child.kill('SIGKILL');
    this.#running = null;
  }

  #run(job: RenderJob): Promise<RenderResult> {
    this.#running ??= this.#start();
    const running = this.#running;
    const { child } = running;
    // Only while it renders does it keep this process alive.
    child.ref();
    child.channel?.ref();
    return new Promise((resolve) => {
      running.settle = (result) => {
        child.unref();
        child.channel?.unref();
        resolve(result);
      };
      child.send(job);
    });
  }

  #start(): Running {
    const { url } = import.meta;
    const file = new URL(`./template-process${extname(url)}`, url); // .ts here, .js in the package
    const execArgv = [`--max-old-space-size=${MAX_HEAP_MIB}`];
    const child = fork(fileURLToPath(file), { execArgv, env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const running: Running = { child, settle: () => {} };
    const fail = (fault: string): void => {
      if (this.#running === running) this.#running = null;
      running.settle({ fault });
    };
    child.on('message', (result: RenderResult) => running.settle(result));
    child.on('error', (error) => fail(quote(error)));
    child.on('exit', () =>
      fail(`a rendering that ends its process, as one that takes more than ${MAX_HEAP_MIB} MiB does`),
    );
    return running;
  }
}
