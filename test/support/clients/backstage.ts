import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { listenFor } from '../ports.js';
import type { Scope } from '../scope.js';
import { clientFile } from './javascript-client.js';

/** The package that is Backstage's plugin for Kubernetes. */
export const backstage = '@backstage/plugin-kubernetes-backend';

interface Plugin {
  getRegistrations(): readonly [{ readonly init: { func(services: object): Promise<void> } }];
}

/** What the plugin asks of Backstage's catalog: the component whose Kubernetes objects are shown. */
const component = {
  ...{ apiVersion: 'backstage.io/v1alpha1', kind: 'Component' },
  metadata: { name: 'web', annotations: { 'backstage.io/kubernetes-label-selector': 'app=web' } },
};

/** The body of `POST /services/web`, which asks for the objects of the component. */
export const objectsOfComponent = JSON.stringify({ entity: component, auth: {} });

/**
 * Starts the whole plugin, as its package has it, on a port of 127.0.0.1. Its services, which Backstage's backend has, allow everything.
 * Returns its URL. Every user of this Backstage may use its proxy.
 *
 * @param kubernetes The part `kubernetes` of Backstage's configuration.
 */
export async function startBackstage(scope: Scope, kubernetes: object): Promise<string> {
  const load = createRequire(clientFile(backstage, 'package.json'));
  const { default: plugin } = load(backstage) as { default: Plugin };
  const { ConfigReader } = load('@backstage/config') as { ConfigReader: new (data: object) => object };
  const app = (load('express') as () => RequestListener & { use(router: unknown): void })();
  const nothing = async () => ({});
  const log = () => {};
  const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const allow = async (requests: readonly unknown[]) => requests.map(() => ({ result: 'ALLOW' }));
  await plugin
    .getRegistrations()[0]
    .init.func({
      ...{ logger, config: new ConfigReader({ kubernetes }), http: app },
      ...{ discovery: {}, auth: { getOwnServiceCredentials: nothing }, httpAuth: { credentials: nothing } },
      catalog: { getEntityByRef: async () => component },
      permissions: { authorize: allow },
      permissionsRegistry: { addPermissions: log },
      auditor: { createEvent: async () => ({ success: nothing, fail: nothing }) },
      actionsRegistry: { register: log },
    });
  return `http://127.0.0.1:${await listenFor(scope, createServer(app))}`;
}
