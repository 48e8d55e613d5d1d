import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { clientFile, javascriptClientTest } from '../support/clients/javascript-client.js';
import { eventually } from '../support/eventually.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { twoUsers } from '../support/identities/two-users.js';
import { freePort } from '../support/ports.js';
import { program, projectFile } from '../support/project.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startProxyFor, writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { startGateway, startStack } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface Answer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: { readonly isError?: boolean; readonly content?: readonly { readonly text?: string }[] };
}

/**
 * Starts an MCP server, a script of Node.js, and waits until it knows its client: JSON-RPC, one message a line, on standard input and output.
 * Returns what calls a tool. An error of the protocol counts as an error of the tool.
 */
async function startServer(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  t.after(() => child.kill() && exited);
  const lines = createInterface({ input: child.stdout });
  const write = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  let asked = 0;
  const ask = (method: string, params: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const id = ++asked;
      child.once('exit', () => reject(new Error(`the MCP server ended at ${method}`)));
      lines.on('line', line => {
        // A server may write other lines too.
        const answer: Answer = line.startsWith('{') ? JSON.parse(line) : {};
        if (answer.id === id) resolve(answer);
      });
      write({ id, method, params });
    });
  const clientInfo = { name: 'test', version: '1.0.0' };
  await ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
  write({ method: 'notifications/initialized' });
  return async (name: string, args: object) => {
    const { result, error } = await ask('tools/call', { name, arguments: args });
    const text = (result?.content ?? []).map(part => part.text ?? '').join('\n');
    return { isError: error !== undefined || result?.isError === true, text: text + (error?.message ?? '') };
  };
}

/** A tool and its arguments. */
type Request = readonly [tool: string, args: object];

/** Each server: its script in its package, and the tools for the same three requests. */
const servers: Readonly<
  Record<
    string,
    { readonly script: string; readonly pods: Request; readonly secrets: Request; readonly deletion: Request }
  >
> = {
  'kubernetes-mcp-server': {
    script: 'bin/index.js',
    pods: ['pods_list_in_namespace', { namespace: 'default' }],
    secrets: ['resources_list', { apiVersion: 'v1', kind: 'Secret', namespace: 'default' }],
    deletion: ['pods_delete', { name: 'web-0', namespace: 'default' }],
  },
  'mcp-server-kubernetes': {
    script: 'dist/index.js',
    pods: ['kubectl_get', { resourceType: 'pods', namespace: 'default', output: 'json' }],
    secrets: ['kubectl_get', { resourceType: 'secrets', namespace: 'default' }],
    deletion: ['kubectl_delete', { resourceType: 'pod', name: 'web-0', namespace: 'default' }],
  },
};

/** The flags for agents in deploy/agents.md; the audit log goes to standard output. */
const document = await readFile(projectFile('deploy/agents.md'), 'utf8');
const flags = (/^kube-api-proxy (--read-only (?:.*\\\n)*.*)$/m.exec(document)?.[1] ?? '')
  .split(/[\s\\]+/)
  .map(flag => flag.replace(/^(--audit-log-path)=.*/, '$1=-'));

/** The entries for an MCP client there, by their names: the arguments of the program, up to the command. */
const entries = JSON.parse(/^```json\n([\s\S]*?)^```/m.exec(document)?.[1] ?? '').mcpServers as Readonly<
  Record<string, { readonly command: string; readonly args: readonly string[] }>
>;
function runOf(server: string): readonly string[] {
  const { args = [] } = Object.values(entries).find(entry => entry.args.at(-1) === server) ?? {};
  assert.equal(args.at(-2), 'npx');
  return args.slice(0, -2);
}

interface Agent {
  readonly audit: () => string;
  /** Path of the kubeconfig; undefined if the server finds it itself. */
  readonly kubeconfig?: string;
  /** What the MCP server is started by. */
  readonly before?: readonly string[];
}

/** The proxy with the flags for agents, and the kubeconfig that an agent gets. */
const modes: Readonly<Record<string, (t: TestContext, server: string) => Promise<Agent>>> = {
  async 'a run'(t, server) {
    const api = await startFakeApiServer();
    t.after(() => api.kill());
    const { path } = await writeAdminKubeconfig(api);
    const audit = join(temporaryFolder(), 'audit.log');
    const args = runOf(server).map(arg => arg.replace(/^(--audit-log-path)=.*/, `$1=${audit}`));
    const before = [program, ...args.toSpliced(1, 0, `--kubeconfig=${path}`), process.execPath];
    return { audit: () => readFileSync(audit, 'utf8'), before };
  },
  async 'a gateway'(t) {
    const directory = temporaryFolder();
    const tokens = join(directory, 'tokens.csv');
    await writeFile(tokens, 'token-of-the-agent,agent,,\n', { mode: 0o600 });
    const { proxy, port, ca } = await startStack(t, {
      run: startProxyFor,
      server: { allow: () => true },
      flags: [...flags, `--token-auth-file=${tokens}`],
      tls: true,
    });
    const server = `https://127.0.0.1:${port}`;
    const { path } = await writeKubeconfig({ server, ca, token: 'token-of-the-agent' }, { directory });
    return { audit: proxy.stdout, kubeconfig: path };
  },
};

for (const [server, { script, pods, secrets, deletion }] of Object.entries(servers)) {
  for (const [mode, start] of Object.entries(modes)) {
    javascriptClientTest(
      `${server} lists Pods through ${mode} with the flags for agents, and cannot read Secrets or delete a Pod`,
      async t => {
        const { audit, kubeconfig, before = [] } = await start(t, server);
        const HOME = temporaryFolder();
        const own = kubeconfig !== undefined && server === 'kubernetes-mcp-server';
        const args = own ? ['--kubeconfig', kubeconfig] : [];
        const call = await startServer(t, [...before, clientFile(server, script), ...args], {
          ...{ PATH: process.env['PATH'] ?? '', HOME },
          ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig, KUBECONFIG_PATH: kubeconfig }),
        });
        const listed = await call(...pods);
        assert.ok(!listed.isError, listed.text);
        assert.match(listed.text, /\bweb-0\b/);
        for (const [request, reason] of [
          [secrets, /secrets is refused by --reject-resources/],
          [deletion, /refused by --read-only/],
        ] as const) {
          const refused = await call(...request);
          assert.ok(refused.isError, refused.text);
          assert.match(refused.text, reason);
        }
        assert.match((await call(...pods)).text, /\bweb-0\b/);
        await eventually('the audit log has the refused requests', () =>
          [
            /"verb":"list".*"resource":"secrets".*"code":403/,
            /"verb":"delete".*"name":"web-0".*"code":403/,
          ].every(event => event.test(audit())),
        );
      },
      server,
    );
  }
}

javascriptClientTest(
  'kubernetes-mcp-server over HTTP, with the file of deploy/agents.md, lets each caller act as themselves through a gateway',
  async t => {
    const files = await createServingFiles();
    const ca = files.authority.certificate;
    const { port } = await startGateway(t, { tokenFile: twoUsers, tls: files });
    const directory = temporaryFolder();
    const server = `https://127.0.0.1:${port}`;
    const { path } = await writeKubeconfig({ server, ca }, { directory });
    const [, line = ''] = /^echo '(cluster_auth_mode.*)' > mcp\.toml$/m.exec(document) ?? [];
    await writeFile(join(directory, 'mcp.toml'), line);
    const own = await freePort();
    const args = ['--config', 'mcp.toml', '--kubeconfig', path, '--bind-address', '127.0.0.1'];
    const script = clientFile('kubernetes-mcp-server', 'bin/index.js');
    const env = { PATH: process.env['PATH'] ?? '', HOME: directory };
    const child = spawn(process.execPath, [script, ...args, '--port', String(own)], {
      ...{ cwd: directory, env, stdio: 'ignore', detached: true },
    });
    const exited = once(child, 'exit');
    // The script starts the server itself, which is in its group.
    t.after(() => process.kill(-(child.pid as number)) && exited);
    const url = `http://127.0.0.1:${own}/mcp`;
    await eventually('the server listens', () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    );
    const podsAs = async (name: string): Promise<string> => {
      const post = async (message: object, session?: string) => {
        const headers = {
          Authorization: `Bearer ${name}-token`,
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          ...(session !== undefined && { 'Mcp-Session-Id': session }),
        };
        const body = JSON.stringify({ jsonrpc: '2.0', ...message });
        return fetch(url, { method: 'POST', headers, body });
      };
      const clientInfo = { name: 'test', version: '1.0.0' };
      const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
      const begun = await post({ id: 1, method: 'initialize', params });
      const session = begun.headers.get('mcp-session-id') ?? undefined;
      await begun.text();
      await (await post({ method: 'notifications/initialized' }, session)).text();
      const [tool, tools] = servers['kubernetes-mcp-server']?.pods ?? [];
      const call = { id: 2, method: 'tools/call', params: { name: tool, arguments: tools } };
      return (await post(call, session)).text();
    };
    assert.match(await podsAs('alice'), /\bweb-0\b/);
    assert.match(await podsAs('bob'), /User \\+"bob\\+" cannot list resource/);
    assert.doesNotMatch(await podsAs('nobody'), /\bweb-0\b/);
  },
  'kubernetes-mcp-server',
);
