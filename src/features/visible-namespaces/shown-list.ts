import type { Answering } from './filtered-trip.js';
import { type NamespaceList, nameOfId } from './namespace-rows.js';
import type { Ids } from './shown-versions.js';

/** The most namespaces that a list names: names have at most 63 characters, and some load balancers take only 8 KB of a request's head. */
const mostNamed = 50;

/** A list that has the namespaces that its user may get, and perhaps others. */
interface ShownList {
  readonly list: NamespaceList;
  /** The namespaces that the client is shown, as far as it selects them. */
  readonly visible: Ids;
}

type Asking = Pick<Answering, 'asked' | 'own' | 'viewer' | 'filtered'>;

/**
 * Reads the list that a client asks for. If its user may get few namespaces, the API server is asked for these by their names, because to
 * receive a thousand takes more time than all else. Any other list comes whole; then its rows are what is asked about.
 */
export async function readShownList({ asked, own, viewer, filtered }: Asking): Promise<ShownList> {
  const seesFew = () => viewer.visible.size <= mostNamed;
  if (!asked.selectsSome && seesFew()) {
    await viewer.judge(filtered.namespaces);
    const { visible } = viewer;
    const names = [...visible].map(nameOfId);
    if (seesFew() && filtered.canName(names)) return { list: await own.list(names), visible };
  }
  const list = await own.list();
  await viewer.judge(list.rows);
  return { list, visible: viewer.visible };
}
