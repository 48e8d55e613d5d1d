import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { listen } from '../ports.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { replaceFile } from '../replaced-file.js';
import type { Scope } from '../scope.js';
import { temporaryFolder } from '../temporary-folder.js';

/** A selector, as authorizers see it. */
interface AskedSelector {
  readonly requirements?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** `SubjectAccessReviewSpec` of authorization.k8s.io/v1. */
export interface AskedSpec {
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly resourceAttributes?: Readonly<Record<'verb' | 'resource', string>> & {
    readonly subresource?: string;
    readonly namespace?: string;
    readonly fieldSelector?: AskedSelector;
    readonly labelSelector?: AskedSelector;
  };
  readonly nonResourceAttributes?: Readonly<Record<'verb' | 'path', string>>;
}

/** What a webhook answers: a status of a review, the code of an error, or a body as it is. */
type Decision = object | number | string;

/** A webhook, and a file that names it. */
export class AskedWebhook {
  readonly file: string;
  readonly #kubeconfig: string;
  readonly asked: AskedSpec[] = [];
  decide: (spec: AskedSpec) => Decision = () => ({ allowed: false });

  private constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
    this.file = join(temporaryFolder(), 'authorization.yaml');
  }

  /** @param more Fields of its entry in the file. */
  static async start(scope: Scope, more: object = {}): Promise<AskedWebhook> {
    const server = createServer((request, response) => {
      // It rejects if the program leaves in the middle of its question.
      webhook.#serve(request, response).catch(() => response.destroy());
    });
    scope.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { path } = await writeKubeconfig({ server: `http://127.0.0.1:${await listen(server)}` });
    const webhook: AskedWebhook = new AskedWebhook(path);
    await webhook.write(more);
    return webhook;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { spec } = (await json(request)) as { spec: AskedSpec };
    this.asked.push(spec);
    const decision = this.decide(spec);
    if (typeof decision === 'number') response.writeHead(decision).end();
    else response.end(typeof decision === 'string' ? decision : JSON.stringify({ status: decision }));
  }

  /** Writes the file, in one step. */
  async write(more: object): Promise<void> {
    const webhook = {
      ...{ authorizedTTL: '5m', unauthorizedTTL: '5m', timeout: '5s', subjectAccessReviewVersion: 'v1' },
      ...{ matchConditionSubjectAccessReviewVersion: 'v1', failurePolicy: 'Deny' },
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: this.#kubeconfig },
      ...more,
    };
    const kind = 'AuthorizationConfiguration';
    const authorizers = [{ type: 'Webhook', name: 'policy', webhook }];
    const content = JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, authorizers });
    await replaceFile(this.file, content);
  }

  /** What it was asked since the last call: user, verb and resource, or the path. */
  take(): string[] {
    return this.asked
      .splice(0)
      .map(({ user, resourceAttributes: resource, nonResourceAttributes: other }) =>
        resource === undefined
          ? `${user} ${other?.verb} ${other?.path}`
          : `${user} ${resource.verb} ${resource.resource}${resource.subresource ? `/${resource.subresource}` : ''}`,
      );
  }
}
