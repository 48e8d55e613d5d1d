import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { percentDecoded } from '../../../src/http/percent-encoding.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { eventually } from '../../support/eventually.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { AuditLog, type ServerEvent } from '../../support/kube-apiserver/audit-log.js';
import { tokens } from '../../support/kube-apiserver/authority-files.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { createRandom } from '../../support/random.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { type GeneratedRequest, generateRequest } from './same-reading/generated-request.js';
import { type Answer, RequestClients } from './same-reading/request-clients.js';

/** READING_SEED and READINGS select other requests, or repeat a run. */
const seed = Number(process.env['READING_SEED'] ?? 20_261);
const count = Number(process.env['READINGS'] ?? 20_000);
const parallel = 24;

/** Callers of the gateway, by their tokens. None has a right at the API server. */
const callers = ['alice-token', 'bob-token', 'carol-token'] as const;
const tokenFile = `alice-token,anna,1001,"dev,test"
bob-token,bob größe,,
carol-token,"c,d %41",u:1,"größe,a b"
`;

/** Both proxies may impersonate anybody. Whom they impersonate has no rights. */
const impersonation = [
  { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts'], verbs: ['impersonate'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['*'], verbs: ['impersonate'] },
];

const kindsCompared = [
  ...['compared: ResponseStarted 400', 'compared: gateway over HTTP/1.1'],
  ...['compared: gateway over HTTP/1.1, upgrade', 'compared: gateway over HTTP/2', 'compared: open'],
  'compared: open, upgrade',
];

/** What the API server answers before it makes an event. */
const knownWithoutEvent = [
  // The path ends with watch or proxy. The answer to a HEAD does not say so.
  'without event: 500 unable to determine kind and namespace from url',
  'without event: 500 ',
];

interface Sent {
  readonly id: string;
  readonly request: GeneratedRequest;
  readonly answer: Answer;
}

/** How the request of an event was read, in one form for both logs. */
function readingOf({ verb, objectRef, userAgent, requestURI }: ServerEvent) {
  const { apiGroup, apiVersion, resource, subresource, namespace, name } = objectRef ?? {};
  const reference = { apiGroup, apiVersion, resource, subresource, namespace, name };
  return {
    verb,
    ...(objectRef === undefined ? {} : { objectRef: reference }),
    userAgent,
    path: pathOf(requestURI),
  };
}

/** The path of a logged URI, decoded: the two programs may encode it differently. */
function pathOf(uri: string): string {
  return percentDecoded(uri.replace(/\?.*/s, '')).toString('latin1');
}

/** As whom a request acts: the impersonated user, or else the caller if the proxy knows one. */
function actorOf({ user, impersonatedUser }: ServerEvent) {
  return impersonatedUser ?? (user.username === undefined ? undefined : user);
}

/** What became of a request. Throws if the two logs contradict each other. */
function outcomeOf(
  { request, answer }: Sent,
  own: readonly ServerEvent[],
  theirs: readonly ServerEvent[],
): string {
  const last = own.at(-1);
  if (last === undefined) {
    // HTTP/2 resets the stream. The answer to a HEAD has a body, because its method is not known.
    assert.ok(answer.status === 400 || answer.status === undefined, `${answer.status} without an event`);
    assert.deepEqual(theirs, []);
    return 'refused: not valid HTTP';
  }
  if (last.responseStatus?.status === 'Failure') {
    assert.deepEqual(theirs, []);
    return `refused: ${last.responseStatus.code} ${last.responseStatus.message?.slice(0, 50)}`;
  }
  assert.equal(answer.status, last.responseStatus?.code);
  const [first] = theirs;
  if (first === undefined) {
    const text = request.method === 'HEAD' ? '' : answer.text;
    return `without event: ${answer.status} ${text.replace(/^.*: (?=unable)|, \/.*/gs, '').trim()}`;
  }
  for (const event of own) assert.deepEqual(readingOf(event), readingOf(first));
  // Its options are not valid. This event is made before authentication.
  if (first.stage !== 'RequestReceived') return `compared: ${first.stage} ${answer.status}`;
  const complete = theirs.at(-1) as ServerEvent;
  assert.equal(complete.stage, 'ResponseComplete');
  assert.equal(complete.user.username, request.route === 'open' ? 'impersonator' : 'proxy');
  assert.deepEqual(actorOf(last), complete.impersonatedUser);
  return `compared: ${request.route}${request.isUpgrade ? ', upgrade' : ''}`;
}

async function start(t: TestContext, server: ApiServer) {
  const folder = temporaryFolder();
  const serving = await createServingFiles();
  await Promise.all(['impersonator', 'proxy'].map(user => server.grant(user, impersonation)));
  const callersFile = join(folder, 'tokens.csv');
  await writeFile(callersFile, tokenFile);
  const startOne = async (name: string, kubeconfig: string, flags: readonly string[]) => {
    const path = join(folder, `${name}.log`);
    const common = [`--kubeconfig=${kubeconfig}`, '--reject-paths=', `--audit-log-path=${path}`];
    const proxy = await startProxy([...common, ...flags]);
    t.after(() => proxy.stop('SIGKILL'));
    return { proxy, log: new AuditLog(path) };
  };
  const [open, gateway] = await Promise.all([
    startOne('open', await server.kubeconfig({ commonName: 'impersonator', organizations: [] }), []),
    startOne('gateway', await server.kubeconfig({ token: tokens.proxy }), [
      `--token-auth-file=${callersFile}`,
      ...serving.flags,
    ]),
  ]);
  return { open, gateway, ca: serving.authority.certificate };
}

/** Sends generated requests, several at a time. */
async function sendAll(clients: RequestClients): Promise<Sent[]> {
  const random = createRandom(seed);
  const sent: Sent[] = [];
  let next = 0;
  const sendSome = async () => {
    for (let index = next++; index < count; index = next++) {
      const request = generateRequest(random);
      const id = `reading-${seed}-${index}`;
      const token = random.pick(callers);
      const answer = await clients.send(request, {
        'Audit-Id': id,
        ...(request.route !== 'open' && { Authorization: `Bearer ${token}` }),
      });
      sent.push({ id, request, answer });
    }
  };
  await Promise.all(Array.from({ length: parallel }, sendSome));
  return sent;
}

test(`${count} generated requests (seed ${seed}) are refused by the proxy, or read by the API server as the proxy reads them`, async (t, server) => {
  const { open, gateway, ca } = await start(t, server);
  const ports = { openPort: open.proxy.port, gatewayPort: gateway.proxy.port };
  const began = performance.now();
  const sent = await sendAll(await RequestClients.connect(t, { ...ports, ca }));
  const seconds = Math.round((performance.now() - began) / 1000);
  // A proxy that ends writes the last lines of its log.
  await Promise.all([open.proxy.stop(), gateway.proxy.stop()]);
  const serverLog = new AuditLog(server.location.auditLog);
  for (const log of [open.log, gateway.log]) await log.read();
  // The API server writes the last event of a request after its answer.
  const isOver = ({ id }: Sent) => {
    const stages = serverLog.events(id).map(({ stage }) => stage);
    return !stages.includes('RequestReceived') || stages.includes('ResponseComplete');
  };
  let unfinished = sent;
  await eventually('the last events of the API server', async () => {
    await serverLog.read();
    unfinished = unfinished.filter(one => !isOver(one));
    return unfinished.length === 0;
  });

  const outcomes = new Map<string, number>();
  for (const one of sent) {
    const own = (one.request.route === 'open' ? open : gateway).log.events(one.id);
    const theirs = serverLog.events(one.id);
    try {
      const outcome = outcomeOf(one, own, theirs);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      const shown = [one, own, theirs].map(value => JSON.stringify(value)).join('\n');
      throw new Error(`READING_SEED=${seed}: ${(error as Error).message}\n${shown}`, { cause: error });
    }
  }
  const counts = [...outcomes].sort().map(([outcome, times]) => `${times} ${outcome}`);
  t.diagnostic(`sent in ${seconds} s:\n${counts.join('\n')}`);
  const compared = [...outcomes].filter(([outcome]) => outcome.startsWith('compared'));
  assert.deepEqual(compared.map(([outcome]) => outcome).sort(), kindsCompared, `READING_SEED=${seed}`);
  assert.ok(
    compared.reduce((sum, [, times]) => sum + times, 0) > 0.9 * count,
    `READING_SEED=${seed}: too few requests reached the API server\n${counts.join('\n')}`,
  );
  const withoutEvent = [...outcomes.keys()].filter(outcome => outcome.startsWith('without event'));
  assert.deepEqual(
    withoutEvent.filter(outcome => !knownWithoutEvent.includes(outcome)),
    [],
    `READING_SEED=${seed}`,
  );
});
