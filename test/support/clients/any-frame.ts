/** A frame of a WebSocket with this opcode. Each byte of its mask and its payload could begin a close frame. */
export function anyFrame(opcode: number, length: number, { isMasked = false } = {}): Buffer {
  const mask = isMasked ? 0x80 : 0;
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length));
  const short = [126, length, 127][extended.length === 0 ? 1 : extended.length === 2 ? 0 : 2] as number;
  const rest = Buffer.alloc(length + (isMasked ? 4 : 0), 0x88);
  return Buffer.concat([Buffer.from([opcode, mask | short]), extended, rest]);
}
