import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { environmentName } from '../../src/options/environment.js';
import { definitionOf, flagName, optionKeys } from '../../src/options/table.js';
import { health } from '../e2e/credential-probe.js';
import { assertStatus, send } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { send as sendPlain } from '../support/clients/http-client.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { eventually } from '../support/eventually.js';
import { createIdToken } from '../support/identities/oidc-issuer.js';
import { editKubeconfig } from '../support/proxy/edited-kubeconfig.js';
import { startInProcess, startUpProblems } from '../support/proxy/in-process.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { addContext, mountOf, startManyClusters, startManyStack } from '../support/proxy/many-clusters.js';
import { runProgram } from '../support/proxy/proxy.js';
import { startStack } from '../support/proxy/stack.js';
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

  test('the flags with a URL are those of the API server, the issuer, a proxy and the address of clients', () => {
    assert.deepEqual(urlFlags.map(flagName).sort(), ['oidc-issuer-url', 'proxy-url', 'public-url', 'server']);
  });

  test('those of the kubeconfig: server, proxy-url and idp-issuer-url', async () => {
    const idToken = createIdToken(new Date(Date.now() + 3_600_000));
    const withIssuer = (url: string) => ({
      'auth-provider': {
        name: 'oidc',
        config: { 'idp-issuer-url': url, 'client-id': 'kubernetes', 'id-token': idToken },
      },
    });
    for (const contents of [
      ...urls.map(server => ({ server })),
      ...proxyUrls.map(url => ({ server: 'https://127.0.0.1:1', cluster: { 'proxy-url': url } })),
      ...urls.map(url => ({ server: 'https://127.0.0.1:1', user: withIssuer(url) })),
    ]) {
      const file = await writeKubeconfig({ token: 'a', ...contents });
      const problems = await startUpProblems([`--kubeconfig=${file.path}`]);
      assertHidden(problems.join('\n'), JSON.stringify(contents));
    }
  });

  test('that of HTTPS_PROXY', async () => {
    for (const HTTPS_PROXY of proxyUrls) {
      const problems = await startUpProblems([kubeconfigFlag, '--server=https://api.example'], {
        HTTPS_PROXY,
      });
      assertHidden(problems.join('\n'), HTTPS_PROXY);
    }
  });
});

test('an argument that belongs to no flag is not printed, and neither is a URL', async () => {
  const url = `https://admin:4711/${password}@host.example`;
  const flags = [kubeconfigFlag, `--server=${url}`, '--token', 'Bearer', password];
  const { code, stdout, stderr } = await runProgram(flags, { KUBE_API_PROXY_PUBLIC_URL: url });
  assert.equal(code, 1);
  for (const problem of [
    /argument \d+, after --token, is not a flag/,
    /--server has /,
    /KUBE_API_PROXY_PUBLIC_URL /,
  ])
    assert.match(stderr, problem);
  assertHidden(stdout + stderr, 'the problem');
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
    const { proxy, port } = await startManyStack(t, { clusters, flags: ['--log-level=trace'] });
    const files = await createServingFiles();
    const secure = await startManyStack(t, { clusters, run: startInProcess, tls: files });
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

  test('where it comes into the kubeconfig later', async t => {
    const { proxy, kubeconfig: path } = await startStack(t, {
      run: startInProcess,
      flags: ['--log-level=trace'],
    });
    for (const edit of [
      { cluster: { server: `https://admin:4711/${password}@host.example` } },
      {
        cluster: { server: 'https://127.0.0.1:1', 'proxy-url': `http://admin:4711/${password}@host.example` },
      },
    ]) {
      const before = proxy.log().length;
      await editKubeconfig(path, edit);
      await eventually('a line in the log', () =>
        proxy
          .log()
          .slice(before)
          .some(({ msg }) => String(msg).startsWith('configuration cannot be used')),
      );
      for (const answer of [await health(proxy, 'readyz'), await sendPlain(proxy.port, '/-/clusters')]) {
        assertHidden(answer.text, JSON.stringify(edit));
      }
    }
    assertHidden(proxy.stderr(), 'the log');
  });
});
