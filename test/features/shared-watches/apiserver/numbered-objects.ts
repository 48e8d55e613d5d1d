import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';

/** The config maps of a namespace of its own: `object-0`, `object-1` and so on, in the order in which they are created. */
export class NumberedObjects {
  /** The path of the collection. */
  readonly path: string;
  #count = 0;

  private constructor(namespace: string) {
    this.path = `/api/v1/namespaces/${namespace}/configmaps`;
  }

  static async in(server: ApiServer): Promise<NumberedObjects> {
    return new NumberedObjects(await server.createNamespace());
  }

  /** Creates more objects at this API server, and returns the version of the last one. */
  async create(server: ApiServer, number: number): Promise<string> {
    let version = '';
    for (const end = this.#count + number; this.#count < end; this.#count++) {
      const object = { metadata: { name: `object-${this.#count}` } };
      const created = (await server.admin.do('POST', this.path, object)) as {
        readonly metadata: { readonly resourceVersion: string };
      };
      version = created.metadata.resourceVersion;
    }
    return version;
  }
}
