import { join } from 'node:path';
import type { AnyApiServer } from '../any-api-server.js';
import type { KnownUser } from '../fake-api-server/authentication.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  type Interceptor,
  startFakeApiServer,
} from '../fake-api-server/fake-api-server.js';
import { proxyToken, twoUsersPolicy } from '../identities/two-users.js';
import { replaceFile } from '../replaced-file.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import { callersFlag } from './callers.js';
import type { RunningProgram, startInProcess } from './in-process.js';
import { writeKubeconfig } from './kubeconfig-file.js';
import { type ProxyProcess, startProxyFor } from './proxy.js';

/** The program as a gateway to an API server, by default the built program and an embedded one. */
export interface Gateway<
  P extends RunningProgram = ProxyProcess,
  S extends AnyApiServer | FakeApiServer = FakeApiServer,
> {
  readonly server: S;
  /** The users that the gateway's own API server knows, by token; a test may add some. */
  readonly tokens: Record<string, KnownUser>;
  readonly proxy: P;
  /** The program's kubeconfig. */
  readonly kubeconfig: string;
  /** The file of the callers’ tokens. */
  readonly tokenFile: string;
  /** Replaces its content in one step. */
  writeTokens(content: string): Promise<void>;
}

/** Options of a gateway. */
export interface GatewayOptions {
  /** Starts the program instead of the built one. */
  readonly run?: typeof startInProcess;
  /** Content of the file of callers; without it nobody authenticates. */
  readonly tokenFile?: string;
  readonly args?: readonly string[];
  /** Options of the embedded API server, or a running one of any kind. */
  readonly server?: FakeApiServerOptions | AnyApiServer;
  /** Intercepts requests to the embedded API server from the start, because the program checks its rights as soon as it starts. */
  readonly intercept?: Interceptor;
  /** More environment variables for the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Path of the kubeconfig's server URL. */
  readonly serverPath?: string;
  /** Fields of the kubeconfig's user. */
  readonly user?: Readonly<Record<string, unknown>>;
}

/** The gateway that these options make. */
type GatewayOf<O extends GatewayOptions> = Gateway<
  O extends { readonly run: typeof startInProcess } ? RunningProgram : ProxyProcess,
  O extends { readonly server: AnyApiServer } ? AnyApiServer : FakeApiServer
>;

/** Starts both, and stops what it has started after the test. */
export async function startGateway<O extends GatewayOptions>(
  t: Scope,
  options: O = {} as O,
): Promise<GatewayOf<O>> {
  const folder = temporaryFolder();
  const tokens: Record<string, KnownUser> = { [proxyToken]: { username: 'proxy' } };
  const server = await serverOf(t, tokens, options);
  const { path: kubeconfig } = await writeKubeconfig(
    {
      server: server.url + (options.serverPath ?? ''),
      ca: server.authority.certificate,
      user: options.user ?? ('proxyUser' in server ? server.proxyUser : { token: proxyToken }),
    },
    { directory: folder },
  );
  const tokenFile = join(folder, 'tokens.csv');
  const writeTokens = (content: string) => replaceFile(tokenFile, content);
  if (options.tokenFile !== undefined) await writeTokens(options.tokenFile);
  const args = [
    `--kubeconfig=${kubeconfig}`,
    '--reject-paths=',
    ...(options.tokenFile === undefined ? [] : [callersFlag(tokenFile)]),
    ...(options.args ?? []),
  ];
  const proxy = await (options.run ?? startProxyFor)(t, args, options.env);
  return { server, tokens, proxy, kubeconfig, tokenFile, writeTokens } as GatewayOf<O>;
}

async function serverOf(
  t: Scope,
  tokens: Record<string, KnownUser>,
  { server: given = {}, intercept }: GatewayOptions,
): Promise<AnyApiServer | FakeApiServer> {
  if ('url' in given) return given;
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens,
    allow: twoUsersPolicy,
    ...given,
  });
  t.after(() => server.kill());
  if (intercept !== undefined) server.intercept(intercept);
  return server;
}
