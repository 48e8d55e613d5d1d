import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { parseOptions } from '../../src/options/parse.js';
import type { Options } from '../../src/options/table.js';
import { kubectl } from '../support/clients/kubectl.js';
import { projectFile } from '../support/project.js';

/** Labels, or a selector. */
export type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources: { readonly requests: Labels; readonly limits: Labels };
  readonly securityContext: object;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: {
    readonly runAsNonRoot: boolean;
    readonly runAsUser: number;
    readonly seccompProfile: object;
  };
  readonly hostNetwork?: boolean;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    readonly secret?: { readonly secretName: string };
    readonly configMap?: { readonly name: string };
  }[];
  readonly topologySpreadConstraints?: readonly {
    readonly labelSelector: { readonly matchLabels: Labels };
  }[];
}

/** What a role allows. */
export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** An object of any kind, with the fields that tests read. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly rules: readonly Rule[];
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly object[];
  readonly data: Labels;
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Labels } & Labels;
    readonly podSelector: { readonly matchLabels: Labels };
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[];
    readonly ingress: readonly { readonly from: readonly object[]; readonly ports: readonly object[] }[];
    readonly policyTypes: readonly string[];
    readonly egress?: readonly { readonly ports: readonly object[] }[];
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly minReplicas: number;
  };
}

const rendered = new Map<string, Promise<string>>();

/** The output of `kubectl kustomize` for a folder of deploy/. Each call returns new objects. */
export async function render(folder: string): Promise<Manifest[]> {
  const text = rendered.get(folder) ?? kustomize(folder);
  rendered.set(folder, text);
  return parseAllDocuments(await text).map(document => document.toJS() as Manifest);
}

async function kustomize(folder: string): Promise<string> {
  const { code, stdout, stderr } = await kubectl(['kustomize', projectFile(`deploy/${folder}`)]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout;
}

/** The only object of a kind; throws if there are more or none. */
export function only(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter(manifest => manifest.kind === kind);
  assert.equal(found.length, 1, `one ${kind}`);
  return found[0] as Manifest;
}

/** Init containers and containers, in the order in which they start. */
export function containersOf({ initContainers = [], containers }: PodSpec): Container[] {
  return [...initContainers, ...containers];
}

/** The container that runs the proxy. */
export function proxyOf(pod: PodSpec): Container {
  const found = containersOf(pod).find(({ name }) => name === 'kube-api-proxy');
  assert.ok(found, 'a container called kube-api-proxy');
  return found;
}

/** The options that the program reads from a container's arguments; throws if it would not start with them. */
export function optionsOf({ args = [] }: Container): Options {
  const { options, problems } = parseOptions({ argv: args, env: {} });
  assert.deepEqual(problems, []);
  return options;
}
