import { randomUUID } from 'node:crypto';
import {
  type FakeApiServer,
  type RequestRecord,
  startFakeApiServer,
} from '../fake-api-server/fake-api-server.js';
import type { KubeObject } from '../fake-api-server/objects.js';
import { splitTarget } from '../fake-api-server/request-attributes.js';
import type { Scope } from '../scope.js';
import type { ApiServer } from './api-server.js';

/** The first segment of a kubelet's path, and the subresource that the same request has at an API server. */
const subresources: Readonly<Record<string, string>> = {
  exec: 'exec',
  attach: 'attach',
  portForward: 'portforward',
  containerLogs: 'log',
};

/** A kubelet's names for parameters of exec and attach, and an API server's. */
const parameters: Readonly<Record<string, string>> = { input: 'stdin', output: 'stdout', error: 'stderr' };

/**
 * A node of a real API server, with a kubelet of its own that accepts that API server alone. It runs Pods as the embedded API server does:
 * `sh`, `cat` and a few more commands, files in memory, and ports that echo.
 */
export class Kubelet {
  readonly #apiServer: ApiServer;
  readonly #runtime: FakeApiServer;
  readonly #node: string;

  private constructor(apiServer: ApiServer, runtime: FakeApiServer, node: string) {
    this.#apiServer = apiServer;
    this.#runtime = runtime;
    this.#node = node;
  }

  /** Starts a kubelet that ends with the scope, and registers its node. */
  static async start(
    scope: Scope,
    apiServer: ApiServer,
    node: string = `node-${randomUUID()}`,
  ): Promise<Kubelet> {
    const runtime = await startFakeApiServer({ authority: apiServer.authority, seed: false });
    scope.after(() => runtime.kill());
    runtime.intercept((request, response) => {
      const target = apiTarget(request.url ?? '');
      if (target === undefined) response.writeHead(404).end();
      else request.url = target;
      return target === undefined;
    });
    await apiServer.admin.do('POST', '/api/v1/nodes', {
      metadata: { name: node },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: runtime.port } },
      },
    });
    return new Kubelet(apiServer, runtime, node);
  }

  /** The requests of the API server, with a kubelet's paths. */
  get requests(): readonly RequestRecord[] {
    return this.#runtime.requests;
  }

  /**
   * Creates a Pod with one container on this node, and reports that it is running. The annotation `port-forward.test/PORT: "N"` leads
   * connections to its port PORT to port N of 127.0.0.1.
   */
  async run(
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    await this.#apiServer.admin.do('POST', pods, {
      metadata: { name, annotations },
      spec: { nodeName: this.#node, containers: [{ name: 'main', image: 'main' }] },
    });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    this.adopt((await this.#apiServer.admin.do('PATCH', `${pods}/${name}/status`, { status })) as KubeObject);
  }

  /** Runs a Pod of the API server that is on this node. */
  adopt(pod: KubeObject): void {
    this.#runtime.write(pod);
  }

  /** Adds a line to a Pod's log. */
  log(namespace: string, pod: string, line: string): void {
    this.#runtime.appendLog(namespace, pod, line);
  }

  /** Stops listening, and cuts every connection immediately. */
  kill(): Promise<void> {
    return this.#runtime.kill();
  }
}

/** The target that a kubelet's target has at an API server; undefined for other paths. */
function apiTarget(target: string): string | undefined {
  const { path, query } = splitTarget(target);
  const [, first = '', namespace, pod, container] = path.split('/');
  const subresource = subresources[first];
  if (subresource === undefined) return undefined;
  const asked = new URLSearchParams();
  for (const [name, value] of query) asked.append(parameters[name] ?? name, value);
  if (container !== undefined) asked.set('container', container);
  return `/api/v1/namespaces/${namespace}/pods/${pod}/${subresource}?${asked}`;
}
