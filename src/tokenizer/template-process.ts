// Program of a process that renders chat templates: they are foreign code, which may loop for ever or take all memory. The time
// of a rendering is bounded here; memory is bounded by the process, as V8 ends all threads where one asks for too much at once.
import { createContext, Script } from 'node:vm';
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import type { RenderJob, RenderResult } from './template-renderer.ts';

/** Longest list that `range` makes. */
const MAX_RANGE = 100_000;

/** Runs `action` for at most `timeoutMs`; V8 stops it wherever it is. */
function runWithin<T>(timeoutMs: number, action: () => T): T | undefined {
  let result: T | undefined;
  const run = () => {
    result = action();
  };
  new Script('run()').runInContext(createContext({ run }), { timeout: timeoutMs });
  return result;
}

function render({ template, variables, date, maxLength, timeoutMs }: RenderJob): RenderResult {
  let refusal: string | undefined;
  try {
    const text = runWithin(timeoutMs, () => {
      const environment = new Environment();
      const globals = {
        true: true,
        false: false,
        none: null,
        True: true,
        False: false,
        None: null,
        range,
        strftime_now: (format: unknown) => strftime(new Date(date), String(format)),
        raise_exception: (message: unknown) => {
          refusal = String(message);
          throw new Error(refusal);
        },
      };
      for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
      const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
      return String(new Interpreter(environment).run(program).value);
    });
    if (text !== undefined && text.length <= maxLength) return { text };
    return { fault: `a text of ${text?.length} characters` };
  } catch (error) {
    if (refusal !== undefined) return { refusal };
    return { fault: isTimeout(error) ? 'a rendering without end' : `${String(error)}` };
  }
}

/** The code is all that can be trusted: an error that V8 makes in the script's context is of another class here. */
function isTimeout(error: unknown): boolean {
  return Reflect.get(Object(error), 'code') === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Lists integers as Python's `range` does. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(Math.ceil((stop - start) / step), 0);
  if (!(length <= MAX_RANGE)) throw new Error(`range of ${length} integers, expected at most ${MAX_RANGE}`);
  return Array.from({ length }, (_, index) => start + index * step);
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** Writes a date as Python's `strftime` does in the C locale. */
function strftime(date: Date, format: string): string {
  const pad = (value: number) => String(value).padStart(2, '0');
  const [month, day] = [MONTHS[date.getMonth()] ?? '', DAYS[date.getDay()] ?? ''];
  const directives: Readonly<Record<string, string>> = {
    '%Y': String(date.getFullYear()),
    '%y': pad(date.getFullYear() % 100),
    '%m': pad(date.getMonth() + 1),
    '%d': pad(date.getDate()),
    '%B': month,
    '%b': month.slice(0, 3),
    '%A': day,
    '%a': day.slice(0, 3),
    '%H': pad(date.getHours()),
    '%M': pad(date.getMinutes()),
    '%S': pad(date.getSeconds()),
    '%%': '%',
  };
  return format.replaceAll(/%./gs, (directive) => {
    const written = directives[directive];
    if (written === undefined)
      throw new Error(`strftime_now of ${directive}, expected ${Object.keys(directives).join(' ')}`);
    return written;
  });
}

process.on('message', (job: RenderJob) => process.send?.(render(job)));
