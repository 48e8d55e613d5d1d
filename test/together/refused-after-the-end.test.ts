import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { connectHttp2 } from '../support/clients/http2-client.js';
import { openWatch, openWatchStream, type WatchClient } from '../support/clients/watch-client.js';
import type { Policy } from '../support/fake-api-server/authorization.js';
import { ManualClock } from '../support/manual-clock.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { WatchedNamespace } from '../support/proxy/watched-namespace.js';

const files = await createServingFiles();
const ca = files.authority.certificate;
const users = ['ann', 'bob'];

/** Users who have lost the right to watch. */
const denied = new Set<string>();
const allow: Policy = ({ username }, { verb }) =>
  username === 'proxy' ? verb === 'impersonate' : verb !== 'watch' || !denied.has(username);

/** A gateway that asks about open streams every 15 s of this clock. */
async function start(flags: readonly string[]) {
  const clock = new ManualClock(Date.now());
  const gateway = await startGateway(
    { after },
    {
      run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
      tokenFile: users.map(user => `${user}-token,${user},,\n`).join(''),
      flags: [...files.flags, ...flags, '--recheck-streams=15s'],
      server: { allow },
    },
  );
  return { ...gateway, clock, session: await connectHttp2(gateway.proxy.port, ca) };
}

const clients: WatchClient[] = [];
const gateways = {
  'within one user': await start(['--share-watches']),
  'across users': await start(['--share-watches', '--share-watches-across-users']),
};
after(() => {
  for (const client of clients) client.close();
  for (const { session } of Object.values(gateways)) session.destroy();
});

for (const [sharing, { server, proxy, clock, session }] of Object.entries(gateways))
  for (const version of ['HTTP/1.1', 'HTTP/2'])
    test(`a client whose stream has ended by access gets a 403 at once over ${version}, with watches that are shared ${sharing}, and other users go on`, async t => {
      t.after(() => denied.clear());
      const namespace = new WatchedNamespace({ server, proxy });
      const from = server.version;
      const open = async (user: string): Promise<WatchClient> => {
        const headers = { authorization: `Bearer ${user}-token` };
        const target = namespace.target({ from });
        const client =
          version === 'HTTP/1.1'
            ? await openWatch(`${proxy.url.replace('http:', 'https:')}${target}`, { headers, ca })
            : await openWatchStream(session, target, headers);
        clients.push(client);
        return client;
      };
      const [first, other] = [await open('ann'), await open('bob')];
      const pass = async (seconds: number) => {
        for (let second = 0; second < seconds; second += 1) {
          clock.advance(1_000);
          // What is sent now arrives in a few turns of the event loop, which both programs share, however busy the machine is.
          for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
        }
      };
      const reviews = () =>
        server.requests.filter(
          ({ rawUrl, impersonated }) =>
            rawUrl.endsWith('/selfsubjectaccessreviews') && impersonated?.username === 'ann',
        ).length;
      const before = reviews();
      for (let second = 0; reviews() === before; second += 1) {
        assert.ok(second < 20, 'nobody asks');
        await pass(1);
      }
      // The next question about the stream comes soon, and what is remembered of this client would count for 10 s.
      await pass(12);
      const joined = await open('ann');
      assert.deepEqual(
        [first, joined].map(({ status }) => status),
        [200, 200],
      );
      denied.add('ann');
      for (let second = 0; second < 6 && first.state() === 'open'; second += 1) await pass(1);
      assert.equal(await first.ended, 'end');
      assert.equal((await open('ann')).status, 403);
      namespace.write('after-the-end');
      await other.untilNamed('after-the-end');
    });
