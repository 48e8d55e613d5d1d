import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/lib/clock.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { eventually } from '../support/eventually.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { type NamespaceWatch, WatchedNamespace } from '../support/proxy/watched-namespace.js';

const authority = await createCertificateAuthority({ commonName: 'clients' });

/** A gateway that takes tokens and certificates. The credential in each test is of alice, in dev. */
async function start(
  t: TestContext,
  { env = {}, flags = [] }: Pick<Case, 'flags'> & { env?: Record<string, string> } = {},
) {
  const files = await createServingFiles();
  const clientCa = await files.replace('clients.crt', authority.certificate);
  const rights = { impersonates: true };
  let setForward = 0;
  const clock = { ...systemClock, now: () => Date.now() + setForward };
  // A permission to impersonate counts for ten seconds.
  const setClockForward = () => (setForward += 10_000);
  const gateway = await startGateway(t, {
    run: (scope, argv, environment) => startInProcess(scope, argv, environment, { clock }),
    env,
    tokenFile: 'one,alice,,dev\nother,alice,,dev\nlead,lead,,\ndeputy,deputy,,\n',
    flags: ['--share-watches', `--client-ca-file=${clientCa}`, ...files.flags, ...flags],
    server: {
      allow: ({ username }, { verb }) => username !== 'lead' || verb !== 'impersonate' || rights.impersonates,
    },
  });
  const stack = { server: gateway.server, proxy: { url: `https://127.0.0.1:${gateway.proxy.port}` } };
  const ca = files.authority.certificate;
  const certificate = () => authority.client({ commonName: 'alice', organizations: ['dev'] });
  return { ...{ ...gateway, stack, files, ca, rights, setClockForward, certificate } };
}

type Started = Awaited<ReturnType<typeof start>>;

function byToken(ca: string, token: string, headers = {}): NamespaceWatch {
  return { headers: { Authorization: `Bearer ${token}`, ...headers }, tls: { ca } };
}

/** A credential, how it stops being valid, and the line of the log that says that the program knows it. */
interface Case {
  question(started: Started): NamespaceWatch | Promise<NamespaceWatch>;
  takeOut(started: Started): unknown;
  readonly log?: RegExp;
  readonly flags?: readonly string[];
  /** A credential of the same user that stays valid. */
  readonly other?: NamespaceWatch['headers'];
}

const tokenFileRead = /tokens of callers reloaded/;
const asAlice = { 'Impersonate-User': 'alice', 'Impersonate-Group': 'dev' };

const cases: Readonly<Record<string, Case>> = {
  'token is no longer in the token file': {
    question: ({ ca }) => byToken(ca, 'one'),
    takeOut: ({ writeTokens }) => writeTokens('other,alice,,dev\n'),
    log: tokenFileRead,
  },
  'authority is no longer in --client-ca-file': {
    async question({ ca, certificate }) {
      const { certificate: cert, key } = await certificate();
      return { tls: { ca, cert, key } };
    },
    takeOut: async ({ files }) =>
      files.replace('clients.crt', (await createCertificateAuthority({ commonName: 'others' })).certificate),
    log: /reloaded/,
  },
  'caller may no longer act as the user': {
    question: ({ ca }) => byToken(ca, 'lead', asAlice),
    takeOut({ rights, setClockForward }) {
      rights.impersonates = false;
      setClockForward();
    },
    other: { Authorization: 'Bearer deputy', ...asAlice },
    flags: ['--allow-impersonation'],
  },
};

describe('a client of a shared watch that is lost', { concurrency: 3 }, () => {
  for (const [what, { question, takeOut, log, other = {}, flags = [] }] of Object.entries(cases)) {
    test(`ends alone, and gets nothing more, if its ${what}`, async t => {
      const started = await start(t, { env: { DISABLE_HTTP2: '1' }, flags });
      const { stack, server, ca, proxy } = started;
      const namespace = new WatchedNamespace(stack);
      const from = server.version;
      const one = await namespace.watch({ from, ...(await question(started)) });
      assert.equal(one.status, 200);
      const stays = await namespace.watch({ from, ...byToken(ca, 'other', other) });
      namespace.write('first');
      for (const watch of [one, stays]) await watch.untilNamed('first');
      assert.equal(namespace.upstream().length, 1);

      await takeOut(started);
      if (log !== undefined) await eventually('the change', () => log.test(proxy.stderr()));
      server.cut();
      namespace.write('later');
      await stays.untilNamed('later');
      assert.equal(await one.ended, 'end');
      assert.equal(one.frames.length, 1);
      assert.equal(namespace.upstream().length, 2);
    });
  }
});
