import { join } from 'node:path';
import { createServingFiles, type ServingFiles } from '../certificates/serving-files.js';
import type { KnownUser } from '../fake-api-server/authentication.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  startFakeApiServer,
} from '../fake-api-server/fake-api-server.js';
import { proxyToken, twoUsersPolicy } from '../identities/two-users.js';
import { replaceFile } from '../replaced-file.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';
import { callersFlag } from './callers.js';
import { type RunningProgram, startInProcess } from './in-process.js';
import { writeKubeconfig } from './kubeconfig-file.js';
import type { ProxyProcess, ServerWithAdmin, startProxyFor } from './proxy.js';

/** Starts the program with these arguments and environment variables. It ends with the scope. */
export type Run = (
  scope: Scope,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<RunningProgram>;

/** Options of a stack. */
export interface StackOptions {
  /** Starts the program: in this process, or as the built one, for tests of signals, exit codes and what a process has. */
  readonly run?: Run;
  /** Options of the embedded API server, or a running one of any kind, which the stack does not stop. */
  readonly server?: ServerWithAdmin | FakeApiServerOptions;
  /** The program's flags besides --kubeconfig. */
  readonly flags?: readonly string[];
  /** More environment variables for the program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Fields of the kubeconfig's cluster besides the server and its authority. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** Fields of the kubeconfig's user, instead of the admin's client certificate. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** Whether the program serves TLS, or the files for it. */
  readonly tls?: boolean | ServingFiles;
}

/** The program with an API server, by default in this process and with an embedded one. */
export interface Stack<P extends RunningProgram = RunningProgram, S = FakeApiServer> {
  readonly server: S;
  readonly proxy: P;
  /** The program's port on 127.0.0.1. */
  readonly port: number;
  /** Path of the program's kubeconfig. */
  readonly kubeconfig: string;
}

/** What a stack has whose program serves TLS. */
interface Tls {
  readonly files: ServingFiles;
  /** PEM of the authority of the serving certificate, for clients. */
  readonly ca: string;
}

/** A stack whose program serves TLS. */
export type TlsStack<P extends RunningProgram = RunningProgram> = Stack<P> & Tls;

/** The program that these options start. */
export type ProgramOf<O> = O extends { readonly run: typeof startProxyFor } ? ProxyProcess : RunningProgram;

/** The stack that these options make. */
type StackOf<O extends StackOptions> = Stack<
  ProgramOf<O>,
  O extends { readonly server: infer S extends ServerWithAdmin } ? S : FakeApiServer
> &
  (O extends { readonly tls: true | ServingFiles } ? Tls : unknown);

/** Starts the API server, and then the program as its admin. Both end with the scope, the program first. */
export async function startStack<O extends StackOptions>(
  scope: Scope,
  options: O = {} as O,
): Promise<StackOf<O>> {
  const { user, flags = [], env, cluster = {} }: StackOptions = options;
  const server = await serverOf(options);
  const kubeconfig = await writeKubeconfig({
    ...{ server: server.url, ca: server.authority.certificate, cluster },
    ...(user === undefined ? server.clientCertificate : { user }),
  });
  const files = options.tls === true ? await createServingFiles() : options.tls || undefined;
  let proxy: RunningProgram | undefined;
  scope.after(async () => {
    await proxy?.stop('SIGKILL');
    if (server !== options.server) await (server as FakeApiServer).kill();
  });
  const all = [`--kubeconfig=${kubeconfig.path}`, ...(files?.flags ?? []), ...flags];
  proxy = await (options.run ?? startInProcess)(scope, all, env);
  const stack = { server, proxy, port: proxy.port, kubeconfig: kubeconfig.path };
  return (files === undefined ? stack : { ...stack, files, ca: files.authority.certificate }) as StackOf<O>;
}

async function serverOf({ server }: StackOptions): Promise<ServerWithAdmin> {
  return server !== undefined && 'url' in server ? server : startFakeApiServer(server);
}

/** Options of a gateway. Its kubeconfig has a user who may impersonate and review tokens, and nothing else. */
export interface GatewayOptions extends Omit<StackOptions, 'cluster' | 'tls'> {
  /** Content of the file of callers; without it nobody authenticates. */
  readonly tokenFile?: string;
  /** Path of the kubeconfig's server URL. */
  readonly serverPath?: string;
}

/** A stack that authenticates its callers. */
export type Gateway<P extends RunningProgram = RunningProgram, S = FakeApiServer> = Stack<P, S> & Callers;

interface Callers {
  /** The users that the gateway's own API server knows, by token; a test may add some. */
  readonly tokens: Record<string, KnownUser>;
  /** The file of the callers’ tokens. */
  readonly tokenFile: string;
  /** Replaces its content in one step. */
  writeTokens(content: string): Promise<void>;
}

/** Starts a stack with callers, and without rules about paths. It ends with the scope. */
export async function startGateway<O extends GatewayOptions>(
  scope: Scope,
  options: O = {} as O,
): Promise<StackOf<O> & Callers> {
  const { server: given = {}, tokenFile: content, serverPath, flags = [] }: GatewayOptions = options;
  const tokens: Record<string, KnownUser> = { [proxyToken]: { username: 'proxy' } };
  const own = { clientCertificates: 'optional', tokens, allow: twoUsersPolicy } as const;
  const server = 'url' in given ? given : await startFakeApiServer({ ...own, ...given });
  if (server !== given) scope.after(() => (server as FakeApiServer).kill());
  const tokenFile = join(temporaryFolder(), 'tokens.csv');
  const writeTokens = (text: string) => replaceFile(tokenFile, text);
  if (content !== undefined) await writeTokens(content);
  const stack = await startStack(scope, {
    user: 'proxyUser' in server ? (server.proxyUser as object) : { token: proxyToken },
    ...{ ...options, server },
    ...(serverPath !== undefined && { cluster: { server: server.url + serverPath } }),
    flags: ['--reject-paths=', ...(content === undefined ? [] : [callersFlag(tokenFile)]), ...flags],
  });
  return { ...stack, tokens, tokenFile, writeTokens } as unknown as StackOf<O> & Callers;
}
