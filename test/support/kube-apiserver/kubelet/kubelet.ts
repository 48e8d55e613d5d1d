import { randomUUID } from 'node:crypto';
import {
  type FakeApiServer,
  type RequestRecord,
  startFakeApiServer,
} from '../../fake-api-server/fake-api-server.js';
import type { KubeObject } from '../../fake-api-server/objects.js';
import { splitTarget } from '../../fake-api-server/request-attributes.js';
import type { Scope } from '../../scope.js';
import type { ApiServer } from '../api-server.js';
import { Containers } from './containers.js';

/**
 * A node of a real API server, with a kubelet of its own that accepts that API server alone. What its Pods run are processes of this
 * machine, which the tests name; their ports echo.
 */
export class Kubelet {
  readonly #apiServer: ApiServer;
  /** Keeps the logs of the Pods, and a record of the requests. */
  readonly #runtime: FakeApiServer;
  readonly #containers = new Containers();
  readonly #node: string;

  private constructor(apiServer: ApiServer, runtime: FakeApiServer, node: string) {
    this.#apiServer = apiServer;
    this.#runtime = runtime;
    this.#node = node;
    runtime.intercept((request, response) => {
      const [, first, namespace, pod] = splitTarget(request.url ?? '').path.split('/');
      if (first === 'containerLogs') {
        const { search } = new URL(request.url ?? '', runtime.url);
        request.url = `/api/v1/namespaces/${namespace}/pods/${pod}/log${search}`;
        return false;
      }
      response.writeHead(404).end();
      return true;
    });
    runtime.interceptUpgrade(({ url = '', headers }, socket, head) => {
      const { path, query } = splitTarget(url);
      const [, kind = '', namespace = '', name = ''] = path.split('/');
      const pod = runtime.read('v1', 'Pod', { namespace, name });
      if (pod === undefined) return false;
      const offered = `${headers['x-stream-protocol-version']}`.split(/, */);
      this.#containers.serve({ kind, pod, query, offered }, socket, head);
      return true;
    });
  }

  /** Starts a kubelet that ends with the scope, and registers its node. */
  static async start(
    scope: Scope,
    apiServer: ApiServer,
    node: string = `node-${randomUUID()}`,
  ): Promise<Kubelet> {
    const runtime = await startFakeApiServer({ authority: apiServer.authority, seed: false });
    scope.after(() => runtime.kill());
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

  /** Adds a line to a Pod's log, which those who are attached to the Pod see too. */
  log(namespace: string, name: string, line: string): void {
    this.#runtime.appendLog(namespace, name, line);
    const pod = this.#runtime.read('v1', 'Pod', { namespace, name });
    if (pod !== undefined) this.#containers.print(pod.metadata, line);
  }
}
