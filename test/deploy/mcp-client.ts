import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What a tool answers. */
export interface ToolResult {
  readonly isError: boolean;
  readonly text: string;
}

interface Answer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] };
}

/** An MCP server as a child process, and its client: JSON-RPC, one message a line, on standard input and output. */
export class McpClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // A server may write other lines too.
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line => {
      if (!line.startsWith('{')) return;
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id ?? 0)?.(answer);
    });
  }

  /** Starts a script of Node.js, and waits until it knows its client. */
  static async start(args: readonly string[], env: Readonly<Record<string, string>>): Promise<McpClient> {
    const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const client = new McpClient(child);
    await client.#ask('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1.0.0' },
    });
    client.#write({ method: 'notifications/initialized' });
    return client;
  }

  /** Calls a tool. An error of the protocol counts as an error of the tool. */
  async call(name: string, args: object): Promise<ToolResult> {
    const { result, error } = await this.#ask('tools/call', { name, arguments: args });
    const text = (result?.content ?? []).map(part => part.text ?? '').join('\n');
    return { isError: error !== undefined || result?.isError === true, text: text + (error?.message ?? '') };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill();
    await exited;
  }

  #write(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #ask(method: string, params: object): Promise<Answer> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.once('exit', () => reject(new Error(`the MCP server ended at ${method}`)));
      this.#write({ id, method, params });
    });
  }
}
