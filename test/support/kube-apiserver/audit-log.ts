import { createReadStream } from 'node:fs';
import { eventuallyPasses } from '../eventually.js';

/** The fields of an audit event that tests compare. Those that do not apply are missing. */
export interface ServerEvent {
  readonly auditID: string;
  readonly stage: 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';
  readonly requestURI: string;
  readonly verb: string;
  readonly user: EventUser;
  readonly impersonatedUser?: EventUser;
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: Readonly<Record<string, string>>;
  readonly responseStatus?: {
    readonly status?: string;
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The user of an audit event. */
export interface EventUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Finds the events of an audit log, of an API server or of the program, by their Audit-ID. */
export class AuditLog {
  readonly #path: string;
  #read = 0;
  #reading = Promise.resolve();
  #rest = Buffer.alloc(0);
  readonly #lines = new Map<string, string[]>();

  constructor(path: string) {
    this.#path = path;
  }

  /** The events of a request, in their order, as of the last `read`. */
  events(auditId: string): readonly ServerEvent[] {
    return (this.#lines.get(auditId) ?? []).map(line => JSON.parse(line) as ServerEvent);
  }

  /** Waits for the event of a request at a stage. An API server writes RequestReceived before it answers. */
  event(auditId: string, stage: ServerEvent['stage']): Promise<ServerEvent> {
    return eventuallyPasses(async () => {
      await this.read();
      const found = this.events(auditId).find(event => event.stage === stage);
      if (found === undefined) throw new Error(`${this.#path} has no event ${stage} with auditID ${auditId}`);
      return found;
    });
  }

  /** Reads what was written since the last time. Calls at the same time take turns. */
  read(): Promise<void> {
    const read = this.#reading.then(() => this.#readOn());
    this.#reading = read.catch(() => {});
    return read;
  }

  async #readOn(): Promise<void> {
    for await (const chunk of createReadStream(this.#path, { start: this.#read }) as AsyncIterable<Buffer>) {
      this.#read += chunk.length;
      const bytes = Buffer.concat([this.#rest, chunk]);
      const end = bytes.lastIndexOf('\n') + 1;
      this.#rest = bytes.subarray(end);
      for (const line of bytes.toString('utf8', 0, end).split('\n')) this.#keep(line);
    }
  }

  #keep(line: string): void {
    const id = /"auditID":"([^"]*)"/.exec(line)?.[1];
    if (id === undefined) return;
    const lines = this.#lines.get(id);
    if (lines === undefined) this.#lines.set(id, [line]);
    else lines.push(line);
  }
}
