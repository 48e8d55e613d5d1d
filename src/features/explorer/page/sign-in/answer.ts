import { browser } from '../api/browser.js';

/** How this document was reached. */
export interface Arrival {
  /** The address at which it was loaded, without its query and fragment. */
  readonly address: string;
  /** The answer with which an issuer sent the browser back; undefined without one. */
  readonly answer: URLSearchParams | undefined;
}

/**
 * Removes the answer of an issuer from the address bar, and the last segment of the issuer's redirect URI: an answer contains a code. Has to
 * be called before any other code of the page runs.
 */
export function takeArrival(): Arrival {
  const { location, history } = browser;
  const query = new URLSearchParams(location.search);
  const page = location.pathname.replace(/[^/]*$/, '');
  const address = location.origin + location.pathname;
  if (location.search !== '' || location.pathname !== page)
    history.replaceState(null, '', page + location.hash);
  return { address, answer: ['code', 'state', 'error'].some(name => query.has(name)) ? query : undefined };
}

/** That of this document. */
export const arrival = takeArrival();
