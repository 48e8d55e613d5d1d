import { Readable } from 'node:stream';
import { type PodProcess, podCommands } from './pod-commands.js';

class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}

const word = /'([^']*)'|"((?:\\.|[^"\\])*)"|[^\s'"]+/g;

/** Runs commands that `;` separates, as sh does: words with quotes, and `>&2`. */
async function runScript(script: string, process: PodProcess): Promise<number> {
  let code = 0;
  for (const text of script.match(/(?:'[^']*'|"(?:\\.|[^"\\])*"|[^;\n])+/g) ?? []) {
    const all = [...text.matchAll(word)].map(([whole, single, double]) => single ?? double ?? whole);
    const [name = '', ...args] = all.filter(item => !/^1?>&2$/.test(item));
    if (name === 'exit') throw new Exit(Number(args[0] ?? 0) & 0xff);
    const out = args.length + 1 < all.length ? process.err : process.out;
    if (name !== '') code = await runCommand([name, ...args], { ...process, out });
  }
  return code;
}

/** What a terminal's line discipline does with one key: the text to show, and whether the line is complete. */
function typed(key: string, line: string): { line: string; show: string; done: boolean; end: boolean } {
  if (key === '\r' || key === '\n') return { line, show: '\r\n', done: true, end: false };
  if (key === '\x03') return { line: '', show: '^C\r\n', done: true, end: false };
  if (key === '\x04') return { line, show: '', done: false, end: line === '' };
  if (key === '\x7f')
    return { line: line.slice(0, -1), show: line === '' ? '' : '\b \b', done: false, end: false };
  return { line: line + key, show: key, done: false, end: false };
}

async function* readLines(process: PodProcess): AsyncGenerator<string> {
  let line = '';
  for await (const chunk of process.stdin) {
    for (const key of chunk.toString()) {
      const next = process.tty
        ? typed(key, line)
        : { line: key === '\n' ? line : line + key, show: '', done: key === '\n', end: false };
      if (next.show) await process.out(next.show);
      if (next.end) return;
      line = next.done ? '' : next.line;
      if (next.done) yield next.line;
    }
  }
  if (line !== '') yield line;
}

/** A terminal writes CR LF where a program writes LF. */
function cooked(write: PodProcess['out']): PodProcess['out'] {
  return data => write(typeof data === 'string' ? data.replaceAll('\n', '\r\n') : data);
}

async function runInteractive(process: PodProcess): Promise<number> {
  const prompt = async () => {
    if (process.tty) await process.out('$ ');
  };
  const inner = process.tty ? { ...process, out: cooked(process.out), err: cooked(process.out) } : process;
  let code = 0;
  await prompt();
  for await (const line of readLines(process)) {
    code = await runScript(line, { ...inner, stdin: Readable.from([]) });
    await prompt();
  }
  return code;
}

async function runShell(args: readonly string[], process: PodProcess): Promise<number> {
  try {
    return await (args[0] === '-c' ? runScript(args[1] ?? '', process) : runInteractive(process));
  } catch (error) {
    if (error instanceof Exit) return error.code;
    throw error;
  }
}

/** Runs a command line in a pod and resolves with its exit code. It starts no other process. */
export async function runCommand(words: readonly string[], process: PodProcess): Promise<number> {
  const [path = '', ...args] = words;
  const name = path.replace(/^(?:\/usr)?\/bin\//, '');
  if (name === 'sh' || name === 'bash') return runShell(args, process);
  const command = podCommands[name];
  if (command) return command(args, process);
  await process.err(`sh: ${path}: not found\n`);
  return 127;
}
