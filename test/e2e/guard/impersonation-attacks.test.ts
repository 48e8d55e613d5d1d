import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { leadPolicy, leadTokens, startLeadGateway, targets } from '../../support/proxy/lead-gateway.js';
import { mountOf, startManyStack } from '../../support/proxy/many-clusters.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { bothLegs, passed, probe } from '../credential-probe.js';
import { assertStatus, type Leg, send, toBytes } from '../leg.js';

const asAlice = 'Impersonate-User: alice';
const by = (token: string) => `Authorization: Bearer ${token}`;

function reviewsOf(server: FakeApiServer) {
  return server.requests.filter(
    ({ rawUrl, impersonated }) => rawUrl.endsWith('/selfsubjectaccessreviews') && impersonated !== undefined,
  );
}

describe('what the API server has said about one caller', () => {
  test('lets no other caller act as the same user, not even one that differs in a group or a uid', async t => {
    const { proxy, server } = await startLeadGateway(t);
    for (const leg of bothLegs) {
      for (const token of ['lead-token', 'lead-again']) {
        const { code } = await probe(proxy, server, leg, { headers: [by(token), asAlice] });
        assert.equal(code, passed(leg), token);
      }
      for (const token of ['peer-token', 'lead-in-ops', 'lead-with-uid', 'alice-token']) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers: [by(token), asAlice] });
        assert.match(assertStatus(answer, 403, token), /^users "alice" is forbidden: User "/);
        assert.equal(arrived.length, 0, token);
      }
    }
    const asked = reviewsOf(server).map(({ impersonated }) => impersonated?.username);
    assert.equal(
      asked.filter(name => name === 'lead').length,
      5,
      'one for lead-token and lead-again, four refusals',
    );
  });

  test('counts for one cluster alone', async t => {
    targets.add('alice');
    const folder = temporaryFolder();
    const file = join(folder, 'tokens.csv');
    await writeFile(file, leadTokens);
    const many = await startManyStack(t, {
      server: { allow: leadPolicy },
      flags: ['--allow-impersonation', '--reject-paths=', callersFlag(file)],
    });
    many.two.setPolicy((user, asked) => asked.verb !== 'impersonate' && leadPolicy(user, asked));
    let marks = 0;
    const ask = async (mount: string, leg: Leg) => {
      marks += 1;
      const pod = '/api/v1/namespaces/default/pods/web-0';
      const target = leg === 'plain' ? `${pod}?` : `${pod}/exec?command=true&stdout=true&`;
      const headers = [by('lead-token'), asAlice];
      const { code } = await send(many.port, { leg, target: `${mount}${target}mark=${marks}.`, headers });
      const arrived = many.arrivals(`mark=${marks}.`);
      return [code, ...arrived.map(({ server, record }) => `${server} ${record.impersonated?.username}`)];
    };
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      const code = leg === 'plain' ? 200 : 101;
      assert.deepEqual(await ask('', leg), [code, 'one alice']);
      assert.deepEqual(await ask(mountOf('one'), leg), [code, 'one alice']);
      assert.deepEqual(await ask(mountOf('two'), leg), [403]);
      assert.deepEqual(await ask(mountOf('a'), leg), [code, 'one alice']);
      assert.deepEqual(await ask(mountOf('b'), leg), [403]);
    }
  });

  test('counts for no API server behind another path than that of the server’s URL', async t => {
    const { proxy, server } = await startLeadGateway(t, { serverPath: '/c1' });
    const arrived: string[] = [];
    server.intercept(request => {
      const { url = '' } = request;
      // Several clusters behind one host; only the first one lets lead act as alice.
      const path = url.replace(/\/(?:api|apis|version)(?:\/.*)?$/, '');
      request.url = url.slice(path.length);
      if (path === '/c1') targets.add('alice');
      else targets.delete('alice');
      if (request.headers['impersonate-user'] === 'alice') arrived.push(path);
      return false;
    });
    const pod = '/api/v1/namespaces/default/pods/web-0';
    for (const leg of bothLegs) {
      const ask = (path: string) => {
        const target = `${path}${pod}${leg === 'plain' ? '' : '/exec?command=true&stdout=true'}`;
        return send(proxy.port, { leg, target, headers: [by('lead-token'), asAlice] });
      };
      assert.equal((await ask('/c1')).code, passed(leg));
      for (const path of ['/c2', '', '/c1x', '/C1', '/%631', '//c1', '/c1;x', '/c2/c1']) {
        assert.match(assertStatus(await ask(path), 403, path), /--append-server-path/);
      }
      for (const path of ['/c1/../c2', '/c1/%2e%2e/c2']) assertStatus(await ask(path), 400, path);
    }
    assert.deepEqual(arrived, ['/c1', '/c1']);
    const root = await send(proxy.port, { target: '/c1', headers: [by('lead-token')] });
    assert.doesNotMatch(root.body, /--append-server-path/);
  });
});

for (const leg of bothLegs) {
  test(`a client that leaves while the API server is asked sends nothing: ${leg}`, async t => {
    const { proxy, server } = await startLeadGateway(t);
    const release: (() => void)[] = [];
    server.intercept(async ({ url, headers }) => {
      if (!url?.endsWith('/selfsubjectaccessreviews') || headers['impersonate-user'] !== 'lead') return false;
      await new Promise<void>(resolve => release.push(resolve));
      return false;
    });
    const connection = await connectRaw(proxy.port);
    const path = `/api/v1/namespaces/default/pods/left${leg === 'plain' ? '' : '/exec'}`;
    connection.write(toBytes({ leg, target: path, headers: [by('lead-token'), 'Impersonate-User: alice'] }));
    await eventually('the review', () => release.length === 1);
    // A client that only ends its side may still read the answer.
    connection.socket.resetAndDestroy();
    await eventually('the line', () => proxy.log().some(line => line['path'] === path && line['code'] === 0));
    const second = probe(proxy, server, leg, { headers: [by('lead-token'), 'Impersonate-User: bob'] });
    await eventually('the second review', () => release.length === 2);
    for (const answer of release) answer();
    assert.equal((await second).code, passed(leg));
    assert.ok(!server.requests.some(({ rawUrl }) => rawUrl === path));
  });
}
