import type { Parsed, ValueType } from '../../lib/value-type.js';

/** The kinds of objects that define clusters. */
const kindNames = ['cluster-api', 'cluster-profile'] as const;
/** What `--clusters-from` calls a kind. */
export type KindName = (typeof kindNames)[number];

/** Where clusters are found: the kind of objects, and their namespace; undefined for the gateway's own. */
interface ClustersFrom {
  readonly kind: KindName;
  readonly namespace: string | undefined;
}

/** The name of a namespace (apimachinery `ValidateNamespaceName`: an RFC 1123 label). */
const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** As `--clusters-from`. */
export const clustersFromList: ValueType<readonly ClustersFrom[]> = {
  placeholder: 'KIND[:NAMESPACE]',
  separator: '\n',
  parse(text, where): Parsed<readonly ClustersFrom[]> {
    const value: ClustersFrom[] = [];
    const problems: string[] = [];
    for (const line of text.split('\n').filter(line => line !== '')) {
      const [, name = '', namespace] = /^([^:]*)(?::(.*))?$/.exec(line) ?? [];
      const kind = kindNames.find(known => known === name);
      const problem = (what: string) => problems.push(`${where}: ${JSON.stringify(line)} ${what}`);
      if (kind === undefined) problem(`begins with no kind of objects: ${kindNames.join(', ')}`);
      else if (namespace !== undefined && !namespaceName.test(namespace))
        problem('does not end with the name of a namespace');
      else value.push({ kind, namespace });
    }
    return problems.length > 0 ? { problems } : { value };
  },
};
