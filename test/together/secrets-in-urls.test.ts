import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { flagName } from '../../src/lib/option.js';
import { environmentName } from '../../src/options/environment.js';
import { definitionOf, optionKeys } from '../../src/options/table.js';
import { assertStatus, send } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { send as sendPlain } from '../support/clients/http-client.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { startUpProblems } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { addContext, mountOf, startManyClusters, startManyStack } from '../support/proxy/many-clusters.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { urlsWithUser } from '../support/urls-with-user.js';

const password = 'hunter2';
const urls = urlsWithUser('admin', password);
/** The password, and the digits before it that a parser takes for a port. These stand alone: request IDs, durations and metrics may contain any. */
const secret = /hunter2|(?<![-\w.])4711(?![-\w.])/;

const urlFlags = [...new Set(optionKeys.values())].filter(
  key => definitionOf(key).type.placeholder === 'URL',
);

const kubeconfig = await writeKubeconfig({ server: 'https://127.0.0.1:1', token: 'a' });
const kubeconfigFlag = `--kubeconfig=${kubeconfig.path}`;

/** What a flag with a URL needs besides. */
function flagsBesides(flag: string): readonly string[] {
  return flag === 'oidc-issuer-url' ? [kubeconfigFlag, '--oidc-client-id=kube-api-proxy'] : [kubeconfigFlag];
}

/** The same URLs for a proxy, which may have a user. None of these can be used. */
const proxyUrls = urls.filter(url => url.includes('admin')).map(url => url.replace('admin', 'a%ZZ'));

function assertHidden(text: string, what: string): void {
  assert.doesNotMatch(text, secret, what);
}

describe('the password of a URL that the program refuses is in no start-up problem:', () => {
  for (const key of urlFlags) {
    const flag = flagName(key);
    test(`that of --${flag}, ${environmentName(key)} and ${flag} in the file of --config`, async () => {
      const file = join(kubeconfig.directory, `${flag}.yaml`);
      const besides = flagsBesides(flag);
      // The URL of a proxy may have a user.
      for (const url of flag === 'proxy-url' ? proxyUrls : urls) {
        const problems = (await startUpProblems([...besides, `--${flag}=${url}`])).join('\n');
        assert.match(problems, new RegExp(`^--${flag} (?:is|has) .*$`), url);
        assertHidden(problems, url);
      }
      const url = `https://admin:4711/${password}@host.example`;
      await writeFile(file, `${flag}: ${url}\n`);
      for (const [args, env] of [
        [besides, { [environmentName(key)]: url }],
        [[...besides, `--config=${file}`], {}],
      ] as const) {
        const problems = (await startUpProblems(args, env)).join('\n');
        assert.match(problems, new RegExp(`(?:${flag}|${environmentName(key)}) (?:is|has) `));
        assertHidden(problems, args.join(' '));
      }
    });
  }

  test('the flags with a URL are those of the API server, the issuer, a proxy, the address of clients and a collector', () => {
    assert.deepEqual(urlFlags.map(flagName).sort(), [
      'oidc-issuer-url',
      'proxy-url',
      'public-url',
      'server',
      'tracing-endpoint',
    ]);
  });
});

describe('the password of a URL of the kubeconfig that cannot be used is in no answer and no log line:', () => {
  test('where its context is one of many', async t => {
    const contextOf = (index: number) => `bad-${index}`;
    const clusters = await startManyClusters(t, {
      edit: (config, { one }) => {
        for (const [index, server] of urls.entries()) {
          addContext(config, contextOf(index), one, { cluster: { server } });
        }
      },
    });
    const { proxy, port } = await startManyStack(t, {
      clusters,
      run: startProxyFor,
      flags: ['--log-level=trace'],
    });
    const files = await createServingFiles();
    const secure = await startManyStack(t, { clusters, tls: files });
    const session = await connectHttp2(secure.port, files.authority.certificate);
    t.after(() => session.destroy());
    assertHidden((await sendPlain(port, '/-/clusters')).text, 'unused clusters');
    for (const [index, url] of urls.entries()) {
      const pod = `${mountOf(contextOf(index))}/api/v1/namespaces/default/pods/web-0`;
      for (const [leg, target] of [
        ['plain', pod],
        ['websocket', `${pod}/portforward`],
        ['spdy', `${pod}/portforward`],
      ] as const) {
        const message = assertStatus(await send(port, { leg, target }), 503, `${leg} ${url}`);
        assert.match(message, /^context "bad-\d+" cannot be used: server of cluster .* has an @ in it/);
        assertHidden(message, url);
      }
      const overHttp2 = await ask(session, pod);
      assert.equal(overHttp2.status, 503);
      assertHidden(overHttp2.text, `HTTP/2 ${url}`);
    }
    for (const path of ['/-/clusters', '/-/readyz?verbose', '/-/kubeconfig', '/-/metrics', '/-/']) {
      const { text } = await sendPlain(port, path);
      // The values of metrics may contain any digits.
      assertHidden(text.replace(/ [-+.\de]+$/gm, ''), path);
    }
    const { clusters: states } = (await sendPlain(port, '/-/clusters')).json as {
      clusters: readonly { name: string; server: string; reason?: string }[];
    };
    const bad = states.filter(({ name }) => name.startsWith('bad-'));
    assert.equal(bad.length, urls.length);
    for (const { server, reason } of bad) {
      assert.equal(server, '');
      assert.match(String(reason), /has an @ in it/);
    }
    assertHidden(proxy.stderr() + proxy.stdout() + secure.proxy.stderr(), 'the log');
  });
});
