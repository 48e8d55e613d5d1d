import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { eventuallyPasses } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { WatchedNamespace } from '../support/proxy/watched-namespace.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const auditLog = join(temporaryFolder(), 'audit.log');
const { server, proxy, tokens } = await startGateway(
  { after },
  {
    run: startInProcess,
    flags: [
      ...['--authentication-token-webhook', '--allow-impersonation', '--share-watches'],
      `--audit-log-path=${auditLog}`,
    ],
    server: { allow: () => true },
  },
);
const credentialId = 'authentication.kubernetes.io/credential-id';
for (const id of ['one', 'two']) tokens[id] = { username: 'ann', extra: { [credentialId]: [id] } };
tokens['lead'] = { username: 'lead' };

interface User {
  readonly username: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

interface AuditEvent {
  readonly stage: string;
  readonly requestURI: string;
  readonly userAgent: string;
  readonly user: User;
  readonly impersonatedUser?: User;
}

function named(user: User | undefined): string | undefined {
  return user && [user.username, ...(user.extra?.[credentialId] ?? [])].join(' ');
}

/** The events of one stage: for each client, who it is and as whom it acts. */
function told(path: string, stage: string): unknown[] {
  return jsonLines<AuditEvent>(readFileSync(auditLog, 'utf8'))
    .filter(event => event.stage === stage && event.requestURI.startsWith(path))
    .sort((one, other) => (one.userAgent < other.userAgent ? -1 : 1))
    .map(({ user, impersonatedUser }) => [named(user), named(impersonatedUser)]);
}

describe('the audit events of the clients of a shared watch', { concurrency: false }, () => {
  for (const initial of [false, true]) {
    test(`name each client, and as whom it acts itself, from the start of its answer${initial ? ', if it begins with the objects too' : ''}`, async () => {
      const namespace = new WatchedNamespace({ server, proxy });
      const from = initial ? undefined : server.version;
      const clients = [
        ['one', {}],
        ['two', {}],
        ['lead', { 'Impersonate-User': 'ann' }],
        [
          'lead',
          { 'Impersonate-User': 'ann', [`Impersonate-Extra-${encodeURIComponent(credentialId)}`]: 'x' },
        ],
        [
          'lead',
          { 'Impersonate-User': 'ann', [`Impersonate-Extra-${encodeURIComponent(credentialId)}`]: 'y' },
        ],
      ] as const;
      const watches = [];
      for (const [index, [token, fields]] of clients.entries()) {
        const headers = { Authorization: `Bearer ${token}`, 'User-Agent': String(index), ...fields };
        const watch = await namespace.watch({ initial, ...(from !== undefined && { from }), headers });
        assert.equal(watch.status, 200);
        watches.push(watch);
      }
      const expected = [
        ['ann one', undefined],
        ['ann two', undefined],
        ['lead', 'ann'],
        ['lead', 'ann x'],
        ['lead', 'ann y'],
      ];
      await eventuallyPasses(() => assert.deepEqual(told(namespace.path, 'ResponseStarted'), expected));
      for (const watch of watches) watch.close();
      await eventuallyPasses(() => assert.deepEqual(told(namespace.path, 'ResponseComplete'), expected));
    });
  }
});
