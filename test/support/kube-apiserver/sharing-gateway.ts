import { type Clock, systemClock } from '../../../src/lib/clock.js';
import { openWatch, type WatchClient, type WatchQuestion } from '../clients/watch-client.js';
import { patientClock } from '../patient-clock.js';
import { startInProcess } from '../proxy/in-process.js';
import { scrapeOwn } from '../proxy/own-metric.js';
import { startGateway } from '../proxy/stack.js';
import { forms } from '../proxy/watched-namespace.js';
import type { Scope } from '../scope.js';
import type { ApiServer } from './api-server.js';

const tokenOf = (user: string) => `token-of-${user}`;

/** A patient clock that a test sets forward, for what counts as settled or remembered. */
class ForwardClock implements Clock {
  #passed = 0;
  readonly now = () => systemClock.now() + this.#passed;
  readonly monotonic = () => systemClock.monotonic() + this.#passed;
  readonly schedule = patientClock.schedule;

  pass(milliseconds: number): void {
    this.#passed += milliseconds;
  }
}

/** A gateway in front of a real API server whose users share watches, and the same watches at the API server itself. */
export async function startSharingGateway(t: Scope, server: ApiServer, users: readonly string[]) {
  const clock = new ForwardClock();
  const { certificate: cert, key } = await server.authority.client({});
  const admin = { ca: server.authority.certificate, cert, key };
  const inBase64 = (text: string) => Buffer.from(text).toString('base64');
  const gateway = await startGateway(t, {
    server: { url: server.url, authority: server.authority } as never,
    user: { 'client-certificate-data': inBase64(cert), 'client-key-data': inBase64(key) },
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    tokenFile: users.map(user => `${tokenOf(user)},${user},,\n`).join(''),
    flags: ['--share-watches', '--share-watches-across-users'],
  });
  const open = async (url: string, question: WatchQuestion) => {
    const watch = await openWatch(url, question);
    t.after(() => watch.close());
    return watch;
  };
  const shared = (user: string, target: string, Accept: string = forms.json) =>
    open(gateway.proxy.url + target, { headers: { Accept, Authorization: `Bearer ${tokenOf(user)}` } });
  const direct = (user: string, target: string, Accept: string = forms.json) => {
    const as = { 'Impersonate-User': user, 'Impersonate-Group': 'system:authenticated' };
    return open(server.url + target, { headers: { Accept, ...as }, ...admin });
  };
  return {
    clock,
    ...{ shared, direct },
    /** Both, opened at the same moment. */
    async both(user: string, target: string, { accept }: { readonly accept?: string } = {}): Promise<Pair> {
      const both = await Promise.all([shared(user, target, accept), direct(user, target, accept)]);
      return { shared: both[0], direct: both[1] };
    },
    /** How clients came to their watches. */
    async joins(): Promise<Readonly<Record<string, number>>> {
      const headers = { Authorization: `Bearer ${tokenOf(users[0] as string)}` };
      const samples = await scrapeOwn(gateway.proxy.port, headers);
      return Object.fromEntries(
        samples
          .filter(({ name }) => name === 'kube_api_proxy_shared_watch_joins_total')
          .map(({ labels, value }) => [labels['how'], value]),
      );
    },
  };
}

/** One watch through the gateway, and the same at the API server itself. */
export type Pair = Readonly<Record<'shared' | 'direct', WatchClient>>;

/** Creates a config map, whose label `app` is `one` if its name ends with 1. Returns its version. */
export async function createConfigMap(server: ApiServer, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const labels = { app: name.endsWith('1') ? 'one' : 'other' };
  const { metadata } = (await server.admin.do('POST', path, { metadata: { name, labels } })) as {
    readonly metadata: { readonly resourceVersion: string };
  };
  return metadata.resourceVersion;
}

/** The events byte for byte, but for bookmarks, whose versions depend on the moment. */
export function changes(watch: WatchClient): string {
  const frames = watch.frames.map(frame => frame.toString('latin1'));
  return frames
    .map(frame => (frame.includes('initial-events-end') ? 'END' : frame))
    .filter(frame => !frame.includes('BOOKMARK'))
    .join('');
}
