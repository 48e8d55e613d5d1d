import { writeFile } from 'node:fs/promises';
import type { ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { watchRaw } from '../support/clients/raw-http.js';
import { callersFlag } from '../support/proxy/callers.js';
import { connectToListener, hasTls } from '../support/proxy/encrypted.js';
import { type RunningProgram, startInProcess } from '../support/proxy/in-process.js';
import type { Scope } from '../support/scope.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startStrictUpstream } from '../support/upstreams/strict-upstream.js';
import { type AttackRequest, type Leg, legs, toBytes } from './leg.js';

/** A plain request over HTTP/1.1, a request for an upgrade, or a request over HTTP/2. */
type Way = Leg | 'http2';
/** All ways that the program has. */
export const ways: readonly Way[] = [
  ...(Object.keys(legs) as Leg[]),
  ...(hasTls ? (['http2'] as const) : []),
];

/** A request, and how it is sent. */
type WayRequest = Pick<AttackRequest, 'target' | 'headers'> & { readonly way: Way };

/** The head of an answer. */
export interface AnswerHead {
  readonly code: number;
  /** Every value of a field, in order; the name in lower case. Over HTTP/2, a list is split at its commas. */
  values(name: string): readonly string[];
}

/** An API server whose answers a test writes, and programs in front of it, which serve TLS if they can. All end with the scope. */
export async function startScriptedAnswers(scope: Scope) {
  let fields: readonly string[] = [];
  const upstream = await startStrictUpstream((_request, socket) => {
    socket.write(`${['HTTP/1.1 200 OK', ...fields, 'Content-Length: 2'].join('\r\n')}\r\n\r\nok`);
  });
  const kubeconfig = await upstream.writeKubeconfig();
  const files = await createServingFiles();
  const tokens = join(temporaryFolder(), 'tokens.csv');
  await writeFile(tokens, 'alice-token,alice,,\n');
  const sessions = new Map<number, ClientHttp2Session>();
  scope.after(async () => {
    for (const session of sessions.values()) session.destroy();
    await upstream.stop();
  });
  const ca = files.authority.certificate;
  return {
    /** The flag for callers whose token is `alice-token`, which every request has. */
    authentication: callersFlag(tokens),
    /** Answers with these lines from now on. */
    answer(lines: readonly string[]) {
      fields = lines;
    },
    /** Starts a program with more flags. */
    start: (...flags: readonly string[]) =>
      startInProcess(scope, [`--kubeconfig=${kubeconfig.path}`, '--reject-paths=', ...files.flags, ...flags]),
    /** Sends a request, and returns the head of its answer. */
    async send({ port }: RunningProgram, { way, ...request }: WayRequest): Promise<AnswerHead> {
      if (way !== 'http2') return overHttp1(port, ca, { ...request, leg: way });
      const session = sessions.get(port) ?? (await connectHttp2(port, ca));
      sessions.set(port, session);
      return overHttp2(session, request);
    },
  };
}

const authorization = 'Bearer alice-token';

async function overHttp1(port: number, ca: string, request: AttackRequest): Promise<AnswerHead> {
  const connection = watchRaw(connectToListener({ port, ca }));
  try {
    const headers = [`Authorization: ${authorization}`, ...(request.headers ?? [])];
    connection.write(toBytes({ ...request, headers }));
    const [head] = await connection.until(/^[\s\S]*?\r\n\r\n/);
    const [first = '', ...lines] = head.trim().split('\r\n');
    return {
      code: Number(first.split(' ')[1]),
      values: name =>
        lines
          .filter(line => line.toLowerCase().startsWith(`${name}:`))
          .map(line => line.slice(name.length + 1).trim()),
    };
  } finally {
    connection.destroy();
  }
}

async function overHttp2(
  session: ClientHttp2Session,
  { target, headers = [] }: AttackRequest,
): Promise<AnswerHead> {
  const fields = headers.map(line => line.split(': ', 2) as [string, string]);
  const answer = await ask(session, target, { headers: { ...Object.fromEntries(fields), authorization } });
  return {
    code: answer.status,
    values(name) {
      const value = answer.headers[name];
      if (value === undefined) return [];
      return Array.isArray(value) ? value : String(value).split(', ');
    },
  };
}
