import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { eventually } from '../../../../support/eventually.js';
import type { ApiServer } from '../../../../support/kube-apiserver/api-server.js';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A version of a custom resource. */
interface VersionOptions {
  /** Columns of its Tables. */
  readonly columns?: readonly string[];
  readonly served?: boolean;
  readonly storage?: boolean;
  /** The fields of its spec; others are pruned. By default it has any. */
  readonly fields?: readonly string[];
}

export function version(
  name: string,
  { columns = [], served = true, storage = name === 'v1', fields }: VersionOptions = {},
) {
  const properties = fields && Object.fromEntries(fields.map(field => [field, { type: 'string' }]));
  const spec = properties === undefined ? { 'x-kubernetes-preserve-unknown-fields': true } : { properties };
  return {
    ...{ name, served, storage },
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', ...spec } } } },
    additionalPrinterColumns: columns.map(column => ({
      name: column,
      type: 'string',
      jsonPath: `.spec.${column.toLowerCase()}`,
    })),
  };
}

/** A custom resource of one test. */
export class Widgets {
  readonly group = `${randomUUID()}.example.com`;
  readonly #server: ApiServer;
  readonly #namespace: string;

  constructor(server: ApiServer, namespace: string) {
    this.#server = server;
    this.#namespace = namespace;
  }

  path(of: string): string {
    return `/apis/${this.group}/${of}/namespaces/${this.#namespace}/widgets`;
  }

  /** Makes it, or changes its versions, and waits until they are served. */
  async define(...versions: readonly ReturnType<typeof version>[]): Promise<void> {
    const name = `widgets.${this.group}`;
    const { admin } = this.#server;
    const spec = {
      group: this.group,
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions,
    };
    const change = await admin.ask('PATCH', this.#definition, { spec: { versions } });
    if (change.status === 404) await admin.do('POST', definitions, { metadata: { name }, spec });
    else assert.equal(change.status, 200, JSON.stringify(change.body));
    await eventually('each version', async () => {
      const answers = await Promise.all(versions.map(each => admin.ask('GET', this.path(each.name))));
      return answers.every(({ status }, index) => (status === 200) === versions[index]?.served);
    });
  }

  /** Deletes the definition, and all objects with it. */
  async remove(): Promise<void> {
    const { admin } = this.#server;
    await admin.do('DELETE', this.#definition);
    const paths = [this.#definition, this.path('v1'), this.path('v2')];
    await eventually('the end of the resource', async () => {
      const answers = await Promise.all(paths.map(path => admin.ask('GET', path)));
      return answers.every(({ status }) => status === 404);
    });
  }

  get #definition(): string {
    return `${definitions}/widgets.${this.group}`;
  }

  async create(name: string, of: string): Promise<void> {
    await this.#server.admin.do('POST', this.path(of), {
      ...{ apiVersion: `${this.group}/${of}`, kind: 'Widget', metadata: { name } },
      spec: { colour: 'blue', size: '3' },
    });
  }
}
