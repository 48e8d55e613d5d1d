import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KnownUser } from './fake-api-server/authentication.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  type Interceptor,
  startFakeApiServer,
} from './fake-api-server.js';
import type { RunningProgram, startInProcess } from './in-process.js';
import { writeKubeconfig } from './kubeconfig-file.js';
import { type ProxyProcess, startProxy } from './proxy.js';
import type { Scope } from './scope.js';

/** A token of the proxy's own identity: it may impersonate and review tokens, and nothing else. */
export const proxyToken = 'token-of-the-proxy';

/** The program as a gateway to an embedded API server; by default the built program. */
export interface Gateway<P extends RunningProgram = ProxyProcess> {
  readonly server: FakeApiServer;
  /** The users that the API server knows, by token; a test may add some. */
  readonly tokens: Record<string, KnownUser>;
  readonly proxy: P;
  /** The program's kubeconfig. */
  readonly kubeconfig: string;
  /** The file of --token-auth-file. */
  readonly tokenFile: string;
  /** Replaces its content in one step. */
  writeTokens(content: string): Promise<void>;
}

/** Options of a gateway. */
export interface GatewayOptions {
  /** Starts the program instead of the built one. */
  readonly run?: typeof startInProcess;
  /** Content of --token-auth-file; without it there is no such flag. */
  readonly tokenFile?: string;
  readonly args?: readonly string[];
  readonly server?: FakeApiServerOptions;
  /** Intercepts requests to the API server from the start, because the program checks its rights as soon as it starts. */
  readonly intercept?: Interceptor;
  /** More environment variables for the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Path of the kubeconfig's server URL. */
  readonly serverPath?: string;
  /** Fields of the kubeconfig's user. */
  readonly user?: Readonly<Record<string, unknown>>;
}

/** Users of the tests: alice-token is alice's, in group dev, and bob-token is bob's. */
export const twoUsers = 'alice-token,alice,,"dev"\nbob-token,bob,,\n';

/** The rights: alice may use pods, bob may use config maps, and the proxy may only impersonate. */
export const twoUsersPolicy: NonNullable<FakeApiServerOptions['allow']> = (user, attributes) => {
  const { verb, resource, isResourceRequest } = attributes;
  if (!isResourceRequest) return attributes.verb === 'get';
  if (/^self/.test(resource)) return true;
  if (user.username === 'proxy') return verb === 'impersonate' || resource === 'tokenreviews';
  if (user.username === 'alice') return resource === 'pods';
  return user.username === 'bob' && resource === 'configmaps';
};

/** Starts both, and stops them after the test. */
export async function startGateway(
  t: Scope,
  options: GatewayOptions & { readonly run: typeof startInProcess },
): Promise<Gateway<RunningProgram>>;
export async function startGateway(t: Scope, options?: Omit<GatewayOptions, 'run'>): Promise<Gateway>;
export async function startGateway(t: Scope, options: GatewayOptions = {}): Promise<Gateway<RunningProgram>> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const tokens: Record<string, KnownUser> = { [proxyToken]: { username: 'proxy' } };
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens,
    allow: twoUsersPolicy,
    ...options.server,
  });
  t.after(() => server.kill());
  if (options.intercept !== undefined) server.intercept(options.intercept);
  const { path: kubeconfig } = await writeKubeconfig(
    {
      server: server.url + (options.serverPath ?? ''),
      ca: server.authority.certificate,
      user: options.user ?? { token: proxyToken },
    },
    { directory: folder },
  );
  const tokenFile = join(folder, 'tokens.csv');
  const writeTokens = async (content: string) => {
    await writeFile(`${tokenFile}.new`, content);
    await rename(`${tokenFile}.new`, tokenFile);
  };
  if (options.tokenFile !== undefined) await writeTokens(options.tokenFile);
  const args = [
    `--kubeconfig=${kubeconfig}`,
    '--reject-paths=',
    ...(options.tokenFile === undefined ? [] : [`--token-auth-file=${tokenFile}`]),
    ...(options.args ?? []),
  ];
  const proxy = await (options.run ?? runBuilt)(t, args, options.env);
  return { server, tokens, proxy, kubeconfig, tokenFile, writeTokens };
}

async function runBuilt(t: Scope, args: readonly string[], env?: Readonly<Record<string, string>>) {
  const proxy = await startProxy(args, env);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}
