import { setTimeout as delay } from 'node:timers/promises';
import type { FakeApiServer } from '../fake-api-server/fake-api-server.js';
import type { KubeObject } from '../fake-api-server/objects.js';
import type { Random } from '../random.js';
import { ago, event, make, suffix } from './shapes.js';
import { type App, apps, imageOf, nodeNames, podOf, startEvents } from './workloads.js';

/** What happens in the demo's cluster as long as it runs: Pods write logs, scale, fail and start again, and nodes renew their leases. */
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
    this.#every(10_000, () => this.#renewLeases());
    for (const [at, app] of apps.filter(({ scales }) => scales).entries())
      this.#every(12_000 + 1_000 * at, () => this.#scale(app));
    this.#every(9_000, () => this.#crash());
    this.#every(2_000, () => this.#copy());
    this.#every(5_000, () => this.#measure());
    this.#every(60_000, () => this.#forget());
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(milliseconds: number, run: () => void | Promise<void>): void {
    this.#timers.push(setInterval(() => void run(), milliseconds));
  }

  async #wait(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { ref: false });
  }

  /** Writes the object with another status, unless it has been deleted in the meantime. */
  #update({ apiVersion, kind, metadata }: KubeObject, status: object, spec: object = {}): void {
    const now = this.#server.read(apiVersion, kind, metadata);
    if (now === undefined || now.metadata.uid !== metadata.uid) return;
    this.#server.write({
      ...now,
      ...(now['spec'] !== undefined && { spec: { ...(now['spec'] as object), ...spec } }),
      status: { ...(now['status'] as object), ...status },
    });
  }

  #log({ metadata: { namespace = '', name = '', labels } }: KubeObject): void {
    const random = this.#random;
    const path = random.pick(['/', '/cart', '/search?q=shoes', '/items/4711', '/ready', '/api/orders']);
    const took = 1 + random.below(90);
    const line = random.pick([
      `level=info msg="request" method=GET path="${path}" status=200 duration=${took}ms`,
      `level=info msg="request" method=POST path="/api/orders" status=201 duration=${took}ms`,
      `level=warn msg="slow query" duration=${took + 400}ms query="SELECT * FROM ${labels?.['app']}"`,
      `level=info msg="cache refreshed" entries=${1_000 + random.below(9_000)}`,
    ]);
    this.#server.appendLog(namespace, name, line);
  }

  #renewLeases(): void {
    for (const name of nodeNames) {
      const lease = this.#server.read('coordination.k8s.io/v1', 'Lease', {
        namespace: 'kube-node-lease',
        name,
      });
      if (lease === undefined) continue;
      this.#server.write({ ...lease, spec: { ...(lease['spec'] as object), renewTime: ago(0) } });
    }
  }

  /** Adds or removes one Pod, with the changes that controllers make on the way. */
  async #scale(app: App): Promise<void> {
    const { namespace, name } = app;
    const deployment = this.#server.read('apps/v1', 'Deployment', { namespace, name });
    const set = this.#server
      .list('apps/v1', 'ReplicaSet', namespace)
      .find(own => own.metadata.labels?.['app'] === name && replicasOf(own) > 0);
    if (deployment === undefined || set === undefined) return;
    const before = replicasOf(set);
    const isUp = before < 3 || (before < 7 && this.#random.chance(0.5));
    const replicas = before + (isUp ? 1 : -1);
    const pods = this.#podsOf(set);
    const message = `Scaled ${isUp ? 'up' : 'down'} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.#server.write(
      event(deployment, { reason: 'ScalingReplicaSet', message }, { from: 'deployment-controller' }),
    );
    const settle = () => {
      const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas };
      this.#update(deployment, { ...counts, updatedReplicas: replicas }, { replicas });
      this.#update(set, counts, { replicas });
    };
    const scaler = this.#server.read('autoscaling/v2', 'HorizontalPodAutoscaler', { namespace, name });
    if (scaler !== undefined) this.#update(scaler, { currentReplicas: replicas, desiredReplicas: replicas });
    if (isUp) await this.#startPod(app, set);
    else await this.#endPod(pods.at(-1));
    settle();
  }

  #podsOf(set: KubeObject): readonly KubeObject[] {
    return this.#server
      .list('v1', 'Pod', set.metadata.namespace)
      .filter(({ metadata }) =>
        JSON.stringify(metadata['ownerReferences'])?.includes(set.metadata.uid ?? '-'),
      );
  }

  async #startPod(app: App, set: KubeObject): Promise<void> {
    const image = imageOf(app);
    const name = `${set.metadata.name}-${suffix(this.#random, 5)}`;
    const pod = podOf(this.#random, set, { app: app.name, image, name }, 0);
    const running = pod['status'] as { containerStatuses: readonly object[] };
    const created = { ...pod, status: { phase: 'Pending' } };
    this.#server.write(created);
    await this.#wait(1_000);
    const waiting = { ready: false, started: false, state: { waiting: { reason: 'ContainerCreating' } } };
    this.#update(pod, { containerStatuses: running.containerStatuses.map(own => ({ ...own, ...waiting })) });
    for (const own of startEvents(pod, image, 0)) this.#server.write(own);
    await this.#wait(2_000);
    this.#update(pod, running);
  }

  async #endPod(pod: KubeObject | undefined): Promise<void> {
    if (pod === undefined) return;
    this.#server.write({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: ago(0) } });
    const name = pod.metadata.labels?.['app'];
    this.#server.write(event(pod, { reason: 'Killing', message: `Stopping container ${name}` }));
    await this.#wait(2_500);
    this.#server.remove(pod);
  }

  /** Lets the one failing Pod try again. */
  async #crash(): Promise<void> {
    const pod = this.#server
      .list('v1', 'Pod', 'payments')
      .find(({ metadata }) => metadata.labels?.['app'] === 'fraud-check');
    if (pod === undefined) return;
    const [status] = (pod['status'] as { containerStatuses: readonly { restartCount: number }[] })
      .containerStatuses;
    const restartCount = (status?.restartCount ?? 0) + 1;
    const terminated = { exitCode: 1, reason: 'Error', finishedAt: ago(0) };
    const failed = { ready: false, started: false, restartCount, lastState: { terminated } };
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' };
    this.#server.appendLog('payments', pod.metadata.name ?? '', 'level=fatal msg="no model in /models"');
    this.#update(pod, {
      containerStatuses: [{ ...status, ...failed, state: { waiting } }],
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: pod.metadata.creationTimestamp },
        ...['Ready', 'ContainersReady'].map(type => ({
          ...{ type, status: 'False', reason: 'ContainersNotReady', lastTransitionTime: ago(0) },
          message: 'containers with unready status: [fraud-check]',
        })),
      ],
    });
    const known = this.#server
      .list('v1', 'Event', 'payments')
      .find(own => own['reason'] === 'BackOff' && JSON.stringify(own).includes(pod.metadata.uid ?? '-'));
    const message = `Back-off restarting failed container fraud-check in pod ${pod.metadata.name}`;
    if (known === undefined) {
      this.#server.write(event(pod, { type: 'Warning', reason: 'BackOff', message }));
    } else {
      const count = Number(known['count']) + 1;
      this.#server.write({ ...known, count, lastTimestamp: ago(0) });
    }
  }

  /** Continues the running backup, or now and then starts another one. */
  #copy(): void {
    const backups = this.#server.list('storage.example.com/v1', 'Backup', 'shop');
    const running = backups.find(own => (own['status'] as { phase?: string }).phase === 'Running');
    if (running !== undefined) {
      const { progress = '0%' } = running['status'] as { progress?: string };
      const done = Math.min(100, Number.parseInt(progress, 10) + 3 + this.#random.below(9));
      const phase = done === 100 ? 'Completed' : 'Running';
      this.#update(running, { phase, progress: `${done}%`, size: `${(done * 0.14).toFixed(1)} GiB` });
      return;
    }
    if (this.#random.chance(0.8)) return;
    const old = backups.filter(({ metadata }) => metadata.name?.includes('-manual-'));
    if (old[2] !== undefined) this.#server.remove(old[2]);
    const claim = this.#random.pick(['data-postgres-0', 'data-postgres-1', 'data-postgres-2']);
    const name = `${claim}-manual-${suffix(this.#random, 4)}`;
    const rest = { spec: { claim, keep: 7 }, status: { phase: 'Running', progress: '0%' } };
    this.#server.write(make('storage.example.com/v1', 'Backup', { namespace: 'shop', name, age: 0 }, rest));
  }

  /** Deletes Events after an hour, like the API server with its default `--event-ttl`. */
  #forget(): void {
    for (const own of this.#server.list('v1', 'Event')) {
      if (String(own['lastTimestamp']) < ago(3_600)) this.#server.remove(own);
    }
  }

  /** Changes the load for the autoscalers. */
  #measure(): void {
    for (const scaler of this.#server.list('autoscaling/v2', 'HorizontalPodAutoscaler')) {
      const current = { averageUtilization: 40 + this.#random.below(50) };
      this.#update(scaler, { currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current } }] });
    }
  }
}

function replicasOf({ spec }: KubeObject): number {
  return Number((spec as { replicas?: number }).replicas ?? 0);
}
