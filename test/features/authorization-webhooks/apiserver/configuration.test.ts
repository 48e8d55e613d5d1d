import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SubjectAccessReviewSpec } from '../../../../src/features/authorization-webhooks/review.js';
import { eventually } from '../../../support/eventually.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { conditions, specs, unsupportedConditions, verdictOf, wrongConditions } from '../conditions.js';
import { readFile, testFiles } from '../read-file.js';
import { fileOf, webhook, words, wrongFiles, yamlFileOf } from '../wrong-files.js';

/** A webhook without an opinion, which keeps what it is asked, by its path. */
async function startWebhook(t: TestContext) {
  const asked = new Map<
    string,
    { readonly request: IncomingMessage; readonly spec: SubjectAccessReviewSpec }
  >();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
      const review = JSON.parse(String(Buffer.concat(parts)));
      const [path = ''] = (request.url ?? '').split('?');
      asked.set(path, { request, spec: review.spec });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...review, status: { allowed: false } }));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function start(t: TestContext, run: ApiServer) {
  const hook = await startWebhook(t);
  const folder = temporaryFolder();
  const { kubeconfig, replaced } = testFiles(hook.url);
  const path = join(folder, 'server.json');
  const write = async (text: string) => {
    await writeFile(`${path}.new`, replaced(text));
    await rename(`${path}.new`, path);
  };
  await write(fileOf([{ type: 'Webhook', name: 'start', webhook }], true));
  const { server } = await startOwnApiServer(t, run, { authorizers: path });
  const reloads = async (status: 'success' | 'failure') => {
    const { body } = await server.admin.ask('GET', '/metrics');
    const name = 'apiserver_authorization_config_controller_automatic_reloads_total';
    return Number(new RegExp(`^${name}\\{.*status="${status}"\\} (\\d+)$`, 'm').exec(String(body))?.[1] ?? 0);
  };
  /** What the API server makes of a file. */
  const verdict = async (text: string) => {
    const before = [await reloads('success'), await reloads('failure')];
    await write(text);
    let found: string | undefined;
    await eventually('the API server has read it', async () => {
      if ((await reloads('success')) > (before[0] ?? 0)) found = 'good';
      if ((await reloads('failure')) > (before[1] ?? 0)) found = 'wrong';
      return found !== undefined;
    });
    return found;
  };
  const read = (text: string) => readFile(t, replaced(text));
  return { hook, server, verdict, read, kubeconfig };
}

test('the gateway reads the file of authorizers with the same verdicts as the API server', async (t, run) => {
  const { hook, server, verdict, read, kubeconfig } = await start(t, run);

  for (const [what, entries, more] of wrongFiles) {
    await t.test(`a file with ${what}`, async () => {
      assert.equal(await verdict(fileOf(entries, true, more)), 'wrong');
      const found = await read(fileOf(entries, false, more));
      assert.ok('problems' in found && found.problems.length > 0);
    });
  }

  for (const [index, [cacheAuthorized, value]] of words.entries()) {
    await t.test(`a file whose cacheAuthorizedRequests is ${cacheAuthorized}`, async () => {
      const text = yamlFileOf({ cacheAuthorized, name: `w${index}` }, true);
      assert.equal(await verdict(text), value === undefined ? 'wrong' : 'good');
    });
  }
  await t.test('a file whose type is on', async () => {
    assert.equal(await verdict(yamlFileOf({ cacheAuthorized: 'no', type: 'on' }, true)), 'wrong');
  });

  const condition = (expression: string) => ({
    matchConditionSubjectAccessReviewVersion: 'v1',
    matchConditions: [{ expression }],
  });
  for (const expression of wrongConditions) {
    await t.test(`a file with the condition ${expression}`, async () => {
      const entries = [{ type: 'Webhook', name: 'a', webhook: { ...webhook, ...condition(expression) } }];
      assert.equal(await verdict(fileOf(entries, true)), 'wrong');
      const found = await read(fileOf(entries, false));
      assert.ok('problems' in found && found.problems.length === 1);
    });
  }

  for (const expression of unsupportedConditions) {
    await t.test(`a file with the condition ${expression}, which only the API server takes`, async () => {
      const entries = [{ type: 'Webhook', name: 'a', webhook: { ...webhook, ...condition(expression) } }];
      assert.equal(await verdict(fileOf(entries, true)), 'good');
    });
  }

  await t.test('conditions say the same of each request', async t => {
    const entries = ['', ...conditions.map(([, expression]) => expression)].map((expression, index) => ({
      ...{ type: 'Webhook', name: `e${index}` },
      webhook: {
        ...webhook,
        ...{ cacheAuthorizedRequests: false, cacheUnauthorizedRequests: false },
        connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: kubeconfig(`e${index}`, `/e${index}`) },
        ...(expression !== '' && condition(expression)),
      },
    }));
    assert.equal(await verdict(fileOf(entries, true)), 'good');
    const found = await read(fileOf(entries, false));
    if ('problems' in found) assert.fail(found.problems.join('\n'));
    const errors = async () => {
      const { body } = await server.admin.ask('GET', '/metrics');
      const name = 'apiserver_authorization_match_condition_evaluation_errors_total';
      const lines = String(body).matchAll(
        new RegExp(`^${name}\\{name="(\\w+)",type="Webhook"\\} (\\d+)$`, 'gm'),
      );
      return new Map([...lines].map(([, entry = '', count]) => [entry, Number(count)]));
    };
    for (const spec of specs) {
      hook.asked.clear();
      const before = await errors();
      await server.admin.do('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec });
      const after = await errors();
      const sent = hook.asked.get('/e0')?.spec ?? assert.fail('the API server asks');
      for (const [index, [verdicts, expression]] of conditions.entries()) {
        const name = `e${index + 1}`;
        const hasFailed = (after.get(name) ?? 0) > (before.get(name) ?? 0);
        const said = hook.asked.has(`/${name}`) ? 't' : 'f';
        await t.test(`${expression} of ${spec.user}`, () => {
          assert.equal(hasFailed ? 'e' : said, verdicts[specs.indexOf(spec)]);
          assert.equal(
            verdictOf(found.webhooks[index + 1]?.matchConditions[0], sent),
            verdicts[specs.indexOf(spec)],
          );
        });
      }
    }
  });

  await t.test('a webhook gets the request that the API server would send', async () => {
    const asking = hook.asked.get('/e0') ?? assert.fail();
    const [first] = await read(fileOf([{ type: 'Webhook', name: 'a', webhook }], false)).then(found =>
      'problems' in found ? assert.fail() : found.webhooks,
    );
    const answer = await first?.server.post('{"spec":{}}', { timeout: 10_000 });
    assert.equal(answer?.status, 200);
    const { request } = hook.asked.get('/main') ?? assert.fail();
    const told = ({ method, url, headers }: IncomingMessage) => [
      method,
      url?.replace(/^\/\w+/, ''),
      headers['content-type'],
      headers.accept,
      headers.authorization,
    ];
    assert.deepEqual(told(request), told(asking.request));
  });
});
