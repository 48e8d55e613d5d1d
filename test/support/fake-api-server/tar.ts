/** One member of an archive; only files and directories are kept. */
export interface TarEntry {
  readonly name: string;
  readonly type: 'file' | 'directory';
  readonly mode: number;
  readonly content: Buffer;
}

const blockSize = 512;

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function octal(header: Buffer, start: number, length: number): number {
  return Number.parseInt(text(header, start, length).trim() || '0', 8);
}

/** Reads a ustar archive. Names fit into its header. */
export function readTar(archive: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; at + blockSize <= archive.length; ) {
    const header = archive.subarray(at, at + blockSize);
    if (header.every(byte => byte === 0)) break;
    const size = octal(header, 124, 12);
    const content = archive.subarray(at + blockSize, at + blockSize + size);
    at += blockSize + Math.ceil(size / blockSize) * blockSize;
    const flag = String.fromCharCode(header[156] ?? 0);
    const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : '';
    const name = prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100);
    if (!['0', '\0', '5'].includes(flag)) continue;
    const type = flag === '5' || name.endsWith('/') ? 'directory' : 'file';
    entries.push({ name, type, mode: octal(header, 100, 8) & 0o7777, content: Buffer.from(content) });
  }
  return entries;
}

function member(name: string, flag: string, mode: number, content: Buffer): Buffer {
  const header = Buffer.alloc(blockSize);
  header.write(name, 0, 100);
  header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  header.write('0000000\0'.repeat(2), 108);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write(
    `${Math.floor(Date.now() / 1000)
      .toString(8)
      .padStart(11, '0')}\0`,
    136,
  );
  header.write(' '.repeat(8), 148);
  header.write(flag, 156);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((blockSize - (content.length % blockSize)) % blockSize);
  return Buffer.concat([header, content, padding]);
}

/** Writes an archive. Names fit into its header. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const members = entries.map(({ name, type, mode, content }) =>
    member(name, type === 'directory' ? '5' : '0', mode, content),
  );
  return Buffer.concat([...members, Buffer.alloc(2 * blockSize)]);
}
