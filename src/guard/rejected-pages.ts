import type { RequestHead } from '../http/request-head.js';
import { quoted } from '../kubernetes/quoted.js';
import type { Clock } from '../lib/clock.js';
import { copyOf } from '../lib/copy-of.js';
import { RecentNames } from '../lib/recent-names.js';
import type { Logger } from '../observability/log/logger.js';
import { isSerializedOrigin, pageOrigin } from './origin-list.js';
import { Rejection } from './rejection.js';

/** How many origins are remembered: any page, and any program, chooses its own. */
const most = 20;
/** Milliseconds since the last rejection after which an origin is forgotten. */
const lifetime = 60 * 60_000;
/** Characters of an origin that are shown. */
const longest = 200;

/**
 * An origin that can stand between single quotes in any shell. A host may have other characters, such as quotes and `$`, and somebody may
 * copy the line.
 */
const harmless = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:_[\]-]+$/;

/** The pages that were rejected of late. The log names the origin of each once as long as it is remembered. */
export class RejectedPages {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #origins: RecentNames;

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#origins = new RecentNames(clock, lifetime, most);
    this.#logger = logger;
  }

  /**
   * The rejection of a request that a page may not send. It names the page's origin, and the whole line that allows it.
   *
   * @param sentence What pages may not do. It gets the origin, in brackets and behind a space; empty if there is none.
   * @param otherWay What else the reader can do.
   */
  reject(head: RequestHead, reason: string, sentence: (name: string) => string, otherWay: string): Rejection {
    const origin = pageOrigin(head);
    if (origin !== undefined) this.#add(origin, reason);
    const name = origin === undefined ? '' : ` (${shown(origin)})`;
    return new Rejection(403, reason, `${sentence(name)}; ${wayOf(origin)}, or ${otherWay}`);
  }

  /** What readyz says about them: strangers must not know from where others come. */
  warnings(): readonly { readonly text: string; readonly forCallers: string }[] {
    const origins = this.#origins.list();
    if (origins.length === 0) return [];
    const rejected = 'within the last hour, requests of web pages of other origins were rejected';
    const lines = origins.map(origin => lineOf(origin) ?? shown(origin)).join(' ');
    return [
      {
        text: `${rejected}; the log, and readyz with a credential, name them`,
        forCallers: `${rejected}; if you trust these pages with all that you can do: ${lines}`,
      },
    ];
  }

  #add(text: string, reason: string): void {
    // One character more, so that what was cut gets no line.
    const origin = copyOf(text, longest + 1);
    if (this.#origins.add(origin))
      this.#logger.warn(
        { origin: origin.slice(0, longest), reason, allow: lineOf(origin) },
        'rejected a request of a web page of another origin',
      );
  }
}

function shown(origin: string): string {
  return quoted(origin.slice(0, longest));
}

/** The flag that allows an origin and no other one; undefined if no pattern can match it, or if its text is not harmless. */
function lineOf(origin: string): string | undefined {
  if (!harmless.test(origin) || origin.length > longest) return undefined;
  return `--cors-allowed-origins='^${origin.replace(/[.+[\]]/g, '\\$&')}$'`;
}

function wayOf(origin: string | undefined): string {
  if (origin === undefined) return 'allow its origin with --cors-allowed-origins';
  const line = lineOf(origin);
  if (line !== undefined)
    return `if you trust it with all that you can do, add ${line} (in the chart: to extraArgs)`;
  if (isSerializedOrigin(origin)) return 'allow its origin with --cors-allowed-origins';
  return 'no pattern of --cors-allowed-origins can name it, but there is --accept-token-pages';
}
