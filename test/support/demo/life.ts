import { setTimeout as delay } from 'node:timers/promises';
import type { FakeApiServer } from '../fake-api-server/fake-api-server.js';
import type { KubeObject } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';
import { ago, event, podOf, startEvents, suffix } from './objects.js';

/** What happens in the demo's cluster as long as it runs: Pods write logs, start and end, and a backup goes on. */
export class ClusterLife {
  readonly #server: FakeApiServer;
  readonly #random: Random;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(server: FakeApiServer, random: Random) {
    this.#server = server;
    this.#random = random;
  }

  start(): void {
    for (const pod of this.#server.list('v1', 'Pod')) for (let at = 0; at < 40; at++) this.#log(pod);
    this.#every(700, () => this.#log(this.#random.pick(this.#server.list('v1', 'Pod'))));
    for (const [at, namespace] of ['shop', 'default'].entries())
      this.#every(8_000 + 1_000 * at, () => this.#scale(namespace));
    this.#every(2_000, () => this.#copy());
    this.#every(60_000, () => this.#forget());
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(milliseconds: number, run: () => void | Promise<void>): void {
    this.#timers.push(setInterval(() => void run(), milliseconds));
  }

  /** Writes the object with another status, unless it has been deleted in the meantime. */
  #update({ apiVersion, kind, metadata }: KubeObject, status: object, spec: object = {}): void {
    const now = this.#server.read(apiVersion, kind, metadata);
    if (now === undefined) return;
    this.#server.write({
      ...now,
      spec: { ...(now['spec'] as object), ...spec },
      status: { ...(now['status'] as object), ...status },
    });
  }

  #log({ metadata: { namespace = '', name = '' } }: KubeObject): void {
    const path = this.#random.pick(['/', '/cart', '/search?q=shoes', '/items/4711', '/ready', '/api/orders']);
    const took = 1 + this.#random.below(90);
    const line = `level=info msg="request" method=GET path="${path}" status=200 duration=${took}ms`;
    this.#server.appendLog(namespace, name, line);
  }

  /** Adds or removes one Pod of a ReplicaSet, with the changes that controllers make on the way. */
  async #scale(namespace: string): Promise<void> {
    const set = this.#random.pick(this.#server.list('apps/v1', 'ReplicaSet', namespace));
    const name = set.metadata.labels?.['app'] ?? '';
    const deployment = this.#server.read('apps/v1', 'Deployment', { namespace, name });
    if (deployment === undefined) return;
    const before = (set['spec'] as { replicas: number }).replicas;
    const isUp = before < 3 || (before < 7 && this.#random.chance(0.5));
    const replicas = before + (isUp ? 1 : -1);
    const message = `Scaled ${isUp ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.#server.write(event(deployment, 'ScalingReplicaSet', message));
    await (isUp ? this.#startPod(name, set) : this.#endPod(name, namespace));
    const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas };
    this.#update(deployment, { ...counts, updatedReplicas: replicas }, { replicas });
    this.#update(set, counts, { replicas });
  }

  async #startPod(app: string, set: KubeObject): Promise<void> {
    const pod = podOf(this.#random, set, app, `${set.metadata.name}-${suffix(this.#random, 5)}`, 0);
    this.#server.write({ ...pod, status: { phase: 'Pending' } });
    for (const own of startEvents(pod, 0)) this.#server.write(own);
    await delay(2_000, undefined, { ref: false });
    this.#update(pod, pod['status'] as object);
  }

  async #endPod(app: string, namespace: string): Promise<void> {
    const pods = this.#server.list('v1', 'Pod', namespace);
    const pod = pods.findLast(({ metadata }) => metadata.labels?.['app'] === app);
    if (pod === undefined) return;
    this.#server.write({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: ago(0) } });
    this.#server.write(event(pod, 'Killing', `Stopping container ${app}`));
    await delay(2_500, undefined, { ref: false });
    this.#server.remove(pod);
  }

  /** Copies some more of a volume, and begins again when all is copied. */
  #copy(): void {
    const [backup] = this.#server.list('storage.example.com/v1', 'Backup', 'shop');
    if (backup === undefined) return;
    const { progress } = backup['status'] as { readonly progress: string };
    const done = progress === '100%' ? 0 : Math.min(100, Number.parseInt(progress, 10) + 4);
    this.#update(backup, { phase: done === 100 ? 'Completed' : 'Running', progress: `${done}%` });
  }

  /** Deletes Events after an hour, like the API server with its default `--event-ttl`. */
  #forget(): void {
    for (const own of this.#server.list('v1', 'Event')) {
      if (String(own['lastTimestamp']) < ago(3_600)) this.#server.remove(own);
    }
  }
}
