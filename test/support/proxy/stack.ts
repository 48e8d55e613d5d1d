import { createServingFiles, type ServingFiles } from '../certificates/serving-files.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  startFakeApiServer,
} from '../fake-api-server/fake-api-server.js';
import type { Scope } from '../scope.js';
import type { RunningProgram, startInProcess } from './in-process.js';
import { writeKubeconfig } from './kubeconfig-file.js';
import { type ProxyProcess, type ServerWithAdmin, startProxy } from './proxy.js';

/** Options of a stack. */
export interface StackOptions {
  /** Starts the program instead of the built one. */
  readonly run?: typeof startInProcess;
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
  /** Whether the program serves TLS, or the files for it, which the stack does not remove. */
  readonly tls?: boolean | ServingFiles;
}

/** The program with an API server, by default the built program with an embedded one. */
export interface Stack<P extends RunningProgram = ProxyProcess, S extends ServerWithAdmin = FakeApiServer> {
  readonly server: S;
  readonly proxy: P;
  /** The program's port on 127.0.0.1. */
  readonly port: number;
  /** Path of the program's kubeconfig, in its own folder. */
  readonly kubeconfig: string;
}

/** What a stack has whose program serves TLS. */
interface Tls {
  readonly files: ServingFiles;
  /** PEM of the authority of the serving certificate, for clients. */
  readonly ca: string;
}

/** A stack whose program serves TLS. */
export type TlsStack<S extends ServerWithAdmin = FakeApiServer> = Stack<ProxyProcess, S> & Tls;

/** The stack that these options make. */
type StackOf<O extends StackOptions> = Stack<
  O extends { readonly run: typeof startInProcess } ? RunningProgram : ProxyProcess,
  O extends { readonly server: infer S extends ServerWithAdmin } ? S : FakeApiServer
> &
  (O extends { readonly tls: true | ServingFiles } ? Tls : unknown);

/** Starts the API server, and then the program as its admin. Both end with the scope, the program first. */
export async function startStack<O extends StackOptions>(
  scope: Scope,
  options: O = {} as O,
): Promise<StackOf<O>> {
  const server = await serverOf(options);
  const { certificate, key } = server.clientCertificate;
  const kubeconfig = await writeKubeconfig({
    server: server.url,
    ca: server.authority.certificate,
    ...(options.user === undefined ? { certificate, key } : { user: options.user }),
    ...(options.cluster !== undefined && { cluster: options.cluster }),
  });
  const files = options.tls === true ? await createServingFiles() : options.tls || undefined;
  let proxy: RunningProgram | undefined;
  scope.after(async () => {
    await proxy?.stop('SIGKILL');
    if (server !== options.server) await (server as FakeApiServer).kill();
  });
  const flags = [`--kubeconfig=${kubeconfig.path}`, ...(files?.flags ?? []), ...(options.flags ?? [])];
  proxy = await (options.run?.(scope, flags, options.env) ?? startProxy(flags, options.env));
  const stack = { server, proxy, port: proxy.port, kubeconfig: kubeconfig.path };
  return (files === undefined ? stack : { ...stack, files, ca: files.authority.certificate }) as StackOf<O>;
}

async function serverOf({ server }: StackOptions): Promise<ServerWithAdmin> {
  return server !== undefined && 'url' in server ? server : startFakeApiServer(server);
}
