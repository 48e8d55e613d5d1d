import { X509Certificate } from 'node:crypto';
import type { PemSource } from '../kubeconfig/pem-source.js';
import { describeFileError, type ReadFile } from '../lib/read-file.js';

/** One block of a PEM document (RFC 7468). `text` includes the BEGIN and END lines. */
interface PemBlock {
  /** The label after BEGIN, such as `CERTIFICATE` or `EC PRIVATE KEY`. */
  readonly type: string;
  readonly text: string;
}

/** The blocks in their order. Text around them is ignored, as in Go. */
export interface PemDocument {
  /** The document's name in messages: `client-key-data of user "x" in FILE`, or the file's name. */
  readonly name: string;
  readonly blocks: readonly PemBlock[];
}

/** Reads a PEM document. `field` says in messages what the file is for, such as `client-key`. */
export async function readPem(
  source: PemSource,
  field: string,
  read: ReadFile,
): Promise<PemDocument | { readonly problem: string }> {
  if ('data' in source) return { name: source.origin ?? field, blocks: blocksOf(source.data) };
  const name = `${field} ${source.file}`;
  try {
    return { name, blocks: blocksOf(await read(source.file)) };
  } catch (error) {
    return { problem: `${name}: ${describeFileError(error)}` };
  }
}

/** The certificates of a PEM document that has nothing else, in their order. */
export function certificatesIn(pem: Buffer): X509Certificate[] {
  return blocksOf(pem).map(({ text }) => new X509Certificate(text));
}

/** Reads each line once: a block that another one begins or ends in is none. */
function blocksOf(content: Buffer): PemBlock[] {
  const text = content.toString('latin1');
  const blocks: PemBlock[] = [];
  let open: { readonly type: string; readonly start: number } | undefined;
  for (const { 0: line, 1: edge, 2: type = '', index } of text.matchAll(boundary)) {
    if (edge === 'END' && open?.type === type) {
      blocks.push({ type, text: `${text.slice(open.start, index + line.length)}\n` });
    }
    open = edge === 'BEGIN' ? { type, start: index } : undefined;
  }
  return blocks;
}

const boundary = /-----(BEGIN|END) ([^\r\n-]+)-----/g;
