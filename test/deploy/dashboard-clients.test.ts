import assert from 'node:assert/strict';
import { after } from 'node:test';
import { parse } from 'yaml';
import { type Answer, type AttackRequest, send } from '../e2e/leg.js';
import { backstage, objectsOfComponent, startBackstage } from '../support/clients/backstage.js';
import { freelensProxy, startFreelens } from '../support/clients/freelens.js';
import { javascriptClientTest, whyNoJavascript } from '../support/clients/javascript-client.js';
import { kubectlTest } from '../support/clients/kubectl.js';
import { blocksOf, textOf } from '../support/documents/texts.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { twoUsers } from '../support/identities/two-users.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startGateway } from '../support/proxy/stack.js';

const document = textOf('deploy/clients.md');
const pod = '/api/v1/namespaces/default/pods/web-0';

/** What a page does by its dashboard, and the code of the answer if the page may. */
const requests: readonly (AttackRequest & { readonly passes: number })[] = [
  { target: '/api/v1/namespaces/default/pods', passes: 200 },
  { target: `${pod}/log`, passes: 200 },
  { leg: 'websocket', target: `${pod}/exec?command=echo&command=hello&stdout=1`, passes: 101 },
  { method: 'DELETE', target: '/api/v1/namespaces/default/pods/web-1', passes: 200 },
];

/** A gateway over TLS, with an API server of its own. */
async function startSecureGateway(flags: readonly string[] = []) {
  const server = await embeddedApiServer({ after });
  const base = { server, tokenFile: twoUsers, tls: true } as const;
  const gateway = await startGateway({ after }, { ...base, flags });
  return { ca: gateway.ca, url: `https://127.0.0.1:${gateway.port}` };
}

type Send = (request: AttackRequest) => Promise<Answer>;

async function assertPasses(sendRequest: Send): Promise<void> {
  for (const { passes, ...request } of requests) {
    const answer = await sendRequest(request);
    assert.equal(answer.code, passes, `${request.target}: ${answer.raw.slice(0, 500)}`);
  }
}

/** Asserts that the gateway refuses a page what it does, with the origin and the line that allows it. */
async function assertRefused(sendRequest: Send, origin: string, refused = requests): Promise<void> {
  const line = `--cors-allowed-origins='^${origin.replaceAll('.', '\\.')}$'`;
  for (const { passes, ...request } of refused) {
    const { code, body, raw } = await sendRequest(request);
    assert.equal(code, 403, `${request.target}: ${raw.slice(0, 500)}`);
    const text = body.replaceAll('\\\\', '\\');
    assert.ok(text.includes(`(\\"${origin}\\")`) && text.includes(`add ${line} (`), body);
  }
}

javascriptClientTest(
  'Backstage’s plugin, with the configuration of clients.md, fetches objects through a gateway; its proxy lists, reads a log, runs a command and deletes where its page is allowed, and is refused with the way out where it is not',
  async t => {
    const [flag = ''] = /--cors-allowed-origins='\^https:\/\/backstage\\\.example\$'/.exec(document) ?? [];
    const configuration = blocksOf(document, 'yaml').find(block => block.startsWith('kubernetes:')) ?? '';
    const startAt = async ({ ca, url }: { readonly ca: string; readonly url: string }) => {
      const filled = configuration
        .replace('https://gw.example', url)
        .replace(/\$\{GATEWAY_TOKEN\}/, 'alice-token')
        .replace(/\$\{GATEWAY_CA\}/, Buffer.from(ca).toString('base64'));
      const own = await startBackstage(t, (parse(filled) as { kubernetes: object }).kubernetes);
      const page = [
        ...['Origin: https://backstage.example', 'Sec-Fetch-Site: same-site', 'Cookie: session=x'],
        'Backstage-Kubernetes-Cluster: gateway',
      ];
      const sendByProxy: Send = request =>
        send(Number(new URL(own).port), {
          ...request,
          target: `/proxy${request.target}`,
          headers: [...page, ...(request.headers ?? [])],
        });
      return { own, sendByProxy };
    };
    const gateways = [[], [flag.replaceAll("'", '')], ['--accept-token-pages']].map(startSecureGateway);
    const [strict, allowing, accepting] = await Promise.all(
      gateways.map(async gateway => startAt(await gateway)),
    );
    assert.ok(strict && allowing && accepting);
    const headers = { 'Content-Type': 'application/json' };
    const fetched = await fetch(`${strict.own}/services/web`, {
      ...{ method: 'POST', headers, body: objectsOfComponent },
    });
    const { items } = (await fetched.json()) as {
      readonly items: readonly {
        readonly resources: readonly { readonly type: string; readonly resources: readonly object[] }[];
        readonly errors: readonly { readonly statusCode: number }[];
      }[];
    };
    const found = items[0]?.resources.find(({ type }) => type === 'pods')?.resources ?? [];
    assert.match(JSON.stringify(found), /"name":"web-0"/);
    // The user may see nothing else.
    assert.deepEqual([...new Set(items[0]?.errors.map(({ statusCode }) => statusCode))], [403]);
    await assertPasses(allowing.sendByProxy);
    await assertPasses(accepting.sendByProxy);
    await assertRefused(strict.sendByProxy, 'https://backstage.example');
  },
  backstage,
);

kubectlTest(
  'Freelens’ proxy sends what its page does through a gateway with --accept-token-pages, and is refused with the way out without it',
  { skip: whyNoJavascript(freelensProxy) ?? false },
  async t => {
    const origin = 'https://af13.renderer.freelens.app:4711';
    const startAt = async (flags: readonly string[]): Promise<Send> => {
      const { ca, url } = await startSecureGateway(flags);
      const { path } = await writeKubeconfig({ server: url, ca, token: 'alice-token' });
      const port = await startFreelens(t, path);
      const page = [`Origin: ${origin}`, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors'];
      return request =>
        send(port, {
          ...{ ...request, target: `/api-kube${request.target}` },
          headers: [...page, ...(request.headers ?? [])],
        });
    };
    await assertPasses(await startAt(['--accept-token-pages']));
    const strict = await startAt([]);
    const [list, log, ...others] = requests;
    for (const read of [list, log]) assert.equal((await strict(read as AttackRequest)).code, 200);
    await assertRefused(strict, origin, others);
  },
);
