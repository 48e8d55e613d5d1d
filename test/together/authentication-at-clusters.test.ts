import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Answer, assertStatus, type Leg, send } from '../e2e/leg.js';
import { send as sendPlain } from '../support/clients/http-client.js';
import { callersFlag } from '../support/proxy/callers.js';
import { arn, mountOf, startManyClusters, startManyStack, which } from '../support/proxy/many-clusters.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];
const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true';
const folder = temporaryFolder();
const tokenFile = join(folder, 'tokens.csv');
await writeFile(tokenFile, 'file-token,fiona,,"dev"\n');

const clusters = await startManyClusters({ after }, { server: { allow: () => true } });
for (const at of ['one', 'two'] as const) {
  clusters.tokens[at][`only-${at}`] = { username: `user-of-${at}` };
  clusters.tokens[at]['same-token'] = { username: `somebody-of-${at}`, groups: [`group-of-${at}`] };
}

const common = { clusters };
const [byReview, byFile] = await Promise.all([
  startManyStack({ after }, { ...common, flags: ['--authentication-token-webhook', '--reject-paths='] }),
  startManyStack({ after }, { ...common, flags: [callersFlag(tokenFile), '--reject-paths='] }),
]);

let marks = 0;

/** With which context and user the requests with this mark arrived. */
const arrivedAs = (mark: string): string[] =>
  clusters
    .arrivals(mark)
    .map(({ context, record }) => `${context} as ${record.headers['impersonate-user'] ?? 'itself'}`);

/** Sends a request with a token to a mount. Returns the code, and the context and the user with which it arrived. */
async function ask(
  { port }: { readonly port: number },
  mount: string,
  token: string | undefined,
  leg: Leg = 'plain',
): Promise<{ readonly answer: Answer; readonly code: number; readonly as: string[] }> {
  marks += 1;
  const mark = `caller=${marks}.`;
  const target = leg === 'plain' ? `${mount}${which}?${mark}` : `${mount}${exec}&${mark}`;
  const headers = token === undefined ? [] : [`Authorization: Bearer ${token}`];
  const answer = await send(port, { leg, target, headers });
  return { answer, code: answer.code, as: arrivedAs(mark) };
}

const passed = (leg: Leg) => (leg === 'plain' ? 200 : 101);

describe('a stranger', () => {
  test('gets a 401 from /-/clusters, and no answer contains the name of a context', async () => {
    for (const stack of [byReview, byFile]) {
      for (const path of [
        ...['/-/clusters', '/-/', '/-/metrics', '/clusters/nope', '/-/kubeconfig', '/-/readyz?verbose'],
        '/-/livez?verbose',
      ]) {
        const { status, text, headers } = await sendPlain(stack.port, path);
        if (path === '/-/clusters') assert.equal(status, 401);
        for (const name of ['two', arn, 'rancher', 'broken']) {
          assert.ok(
            !`${text}${JSON.stringify(headers)}`.includes(`${name}`),
            `${path} tells ${name}: ${text}`,
          );
        }
      }
    }
  });
});

describe('a caller', () => {
  test('of the token file acts under its name on every mount', async () => {
    for (const leg of legs) {
      for (const [mount, context] of [
        ['', 'one'],
        ['/clusters/a', 'a'],
        ['/clusters/two', 'two'],
        [mountOf(arn), arn],
        ['/clusters/rancher', 'rancher'],
      ] as const) {
        const { code, as, answer } = await ask(byFile, mount, 'file-token', leg);
        assert.equal(code, passed(leg), answer.raw);
        assert.deepEqual(as, [`${context} as fiona`]);
      }
    }
  });

  test('gets a 404 with the existing names', async () => {
    const { answer } = await ask(byFile, '/clusters/nope', 'file-token');
    const message = assertStatus(answer, 404, 'nope');
    for (const name of clusters.contexts()) assert.ok(message.includes(name), message);
  });
});

describe('a token that a cluster accepts', () => {
  test('counts only in that cluster', async () => {
    const askOn = async (leg: Leg) => {
      for (const [token, mount, result] of [
        ['only-two', '/clusters/b', 'b as user-of-two'],
        ['only-two', '/clusters/a', undefined],
        ['only-two', '', undefined],
        ['only-two', '/clusters/b', 'b as user-of-two'],
        ['only-one', '', 'one as user-of-one'],
        ['only-one', '/clusters/a', 'a as user-of-one'],
        ['only-one', '/clusters/b', undefined],
        ['only-one', mountOf(arn), undefined],
        ['only-one', '', 'one as user-of-one'],
        ['only-two', mountOf(arn), `${arn} as user-of-two`],
      ] as const) {
        const { answer, as } = await ask(byReview, mount, token, leg);
        if (result === undefined) assertStatus(answer, 401, `${token} at ${mount}`);
        else assert.equal(answer.code, passed(leg), answer.raw);
        assert.deepEqual(as, result === undefined ? [] : [result], `${token} at ${mount}`);
      }
    };
    await Promise.all(legs.map(askOn));
  });

  test('is reviewed with the credential of the mount’s own context', () => {
    for (const server of [clusters.one, clusters.two]) {
      const reviews = server.requests.filter(({ rawUrl }) => rawUrl.endsWith('/tokenreviews'));
      assert.ok(reviews.length > 0);
      const known = server === clusters.one ? ['one', 'a'] : ['b', arn];
      for (const { headers, tlsSubject } of reviews) {
        const hex = /token-of-([0-9a-f]+)/.exec(headers['authorization']?.toString() ?? '')?.[1];
        const context = hex === undefined ? tlsSubject?.commonName : Buffer.from(hex, 'hex').toString();
        assert.ok([...known, 'admin'].includes(context ?? ''), context);
      }
    }
  });
});

describe('/-/clusters with token reviews', () => {
  const get = (port: number, token: string) =>
    sendPlain(port, '/-/clusters', { headers: { authorization: `Bearer ${token}` } });

  test('says that a token is not valid in all clusters, even if a file has others, which are valid in a cluster that is down', async t => {
    const flags = [callersFlag(tokenFile), '--authentication-token-webhook'];
    const byBoth = await startManyStack(t, { ...common, flags });
    for (const [token, code] of [
      ['file-token', 503],
      ['only-one', 401],
    ] as const)
      assertStatus((await ask(byBoth, '/clusters/down', token)).answer, code, token);
    assert.deepEqual((await ask(byBoth, '/clusters/b', 'file-token')).as, ['b as fiona']);
    for (const [{ port }, token] of [
      [byReview, 'only-one'],
      [byBoth, 'file-token'],
    ] as const) {
      const { sharesTokens, sandboxesProxiedPages } = (await get(port, token)).json as Record<
        string,
        unknown
      >;
      assert.deepEqual([sharesTokens, sandboxesProxiedPages], [false, true], token);
    }
  });

  test('accepts a token that the current cluster accepts, and not one of another cluster', async () => {
    for (const [token, code, atNobody] of [
      ['only-one', 200, 404],
      ['only-two', 401, 401],
    ] as const) {
      assert.equal((await get(byReview.port, token)).status, code);
      assertStatus((await ask(byReview, '/clusters/nope', token)).answer, atNobody, token);
    }
  });
});
