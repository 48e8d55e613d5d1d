import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { PbfReader } from 'pbf';
import type { Scope } from '../scope.js';

/** A span as a collector gets it (opentelemetry-proto, trace.proto). Numbers of kinds are those of the enumeration: 1 internal, 2 server, 3 client. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentId: string;
  name: string;
  kind: number;
  /** Nanoseconds since 1970. */
  from: bigint;
  to: bigint;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
  /** 2 is an error. */
  status: number;
  state: string;
  resource: Record<string, unknown>;
}

type Read<T> = (tag: number, result: T, pbf: PbfReader) => void;

/** A collector of OpenTelemetry that a test asks. */
export class Collector {
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  /** All spans so far. */
  readonly spans: ReceivedSpan[] = [];
  readonly headers: http.IncomingHttpHeaders[] = [];
  readonly paths: (string | undefined)[] = [];
  /** How it answers; undefined if it takes a request and says nothing. */
  status: number | undefined = 200;
  url = '';

  static async start(scope: Scope): Promise<Collector> {
    const collector = new Collector();
    const server = collector.#server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    scope.after(() => collector.close());
    return collector;
  }

  close(): void {
    this.#server.close().closeAllConnections();
  }

  /** The spans of this name. */
  named(name: string): ReceivedSpan[] {
    return this.spans.filter(span => span.name === name);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.paths.push(request.url);
    this.headers.push(request.headers);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (this.status === undefined) return;
    if (this.status === 200) this.spans.push(...readExport(Buffer.concat(chunks)));
    response.writeHead(this.status, { 'content-type': 'application/x-protobuf' }).end();
  }
}

/** A collector that takes spans by gRPC without TLS, as an API server sends them. Its spans come into the list. */
export async function startGrpcCollector(scope: Scope): Promise<{ address: string; spans: ReceivedSpan[] }> {
  const spans: ReceivedSpan[] = [];
  const server = http2.createServer().listen(0, '127.0.0.1');
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', session => sessions.add(session));
  server.on('stream', async stream => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    // One message, with its compression (none) and its length in front.
    spans.push(...readExport(Buffer.concat(chunks).subarray(5)));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  await once(server, 'listening');
  scope.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, spans };
}

/** The spans of an ExportTraceServiceRequest. */
function readExport(bytes: Uint8Array): ReceivedSpan[] {
  return read<ReceivedSpan[]>(new PbfReader(bytes), [], (tag, spans, pbf) => {
    if (tag !== 1) return;
    const own: ReceivedSpan[] = [];
    const resource: Record<string, unknown> = {};
    nested(pbf, resource, (tag, _, pbf) => {
      if (tag === 1) nested(pbf, resource, readAttribute);
      else if (tag === 2) nested(pbf, own, (tag, own, pbf) => tag === 2 && own.push(readSpan(pbf, resource)));
    });
    spans.push(...own);
  });
}

function readSpan(pbf: PbfReader, resource: Record<string, unknown>): ReceivedSpan {
  const span: ReceivedSpan = {
    ...{ traceId: '', spanId: '', parentId: '', name: '', kind: 0, from: 0n, to: 0n },
    ...{ attributes: {}, links: [], status: 0, state: '', resource },
  };
  return nested(pbf, span, (tag, span, pbf) => {
    if (tag === 1) span.traceId = hex(pbf);
    else if (tag === 2) span.spanId = hex(pbf);
    else if (tag === 3) span.state = pbf.readString();
    else if (tag === 4) span.parentId = hex(pbf);
    else if (tag === 5) span.name = pbf.readString();
    else if (tag === 6) span.kind = pbf.readVarint();
    else if (tag === 7) span.from = fixed64(pbf);
    else if (tag === 8) span.to = fixed64(pbf);
    else if (tag === 9) readAttribute(1, span.attributes, pbf);
    else if (tag === 13) {
      const link = { traceId: '', spanId: '' };
      nested(pbf, link, (tag, link, pbf) => {
        if (tag === 1) link.traceId = hex(pbf);
        else if (tag === 2) link.spanId = hex(pbf);
      });
      span.links.push(link);
    } else if (tag === 15) {
      nested(pbf, span, (tag, span, pbf) => {
        if (tag === 3) span.status = pbf.readVarint();
      });
    }
  });
}

/** A KeyValue, whose value has one of several types. */
const readAttribute: Read<Record<string, unknown>> = (tag, attributes, pbf) => {
  if (tag !== 1) return;
  let key = '';
  let value: unknown;
  nested(pbf, undefined, (tag, _, pbf) => {
    if (tag === 1) key = pbf.readString();
    else if (tag === 2) {
      nested(pbf, undefined, (tag, _, pbf) => {
        if (tag === 1) value = pbf.readString();
        else if (tag === 2) value = pbf.readBoolean();
        else if (tag === 3) value = pbf.readVarint();
        else if (tag === 4) value = pbf.readDouble();
      });
    }
  });
  attributes[key] = value;
};

function read<T>(pbf: PbfReader, result: T, field: Read<T>): T {
  return pbf.readFields(field, result);
}

/** Reads a message that is a field of another one. */
function nested<T>(
  pbf: PbfReader,
  result: T,
  field: Read<T> | ((tag: number, result: T, pbf: PbfReader) => unknown),
): T {
  return pbf.readMessage(field as Read<T>, result);
}

function hex(pbf: PbfReader): string {
  return Buffer.from(pbf.readBytes()).toString('hex');
}

/** pbf reads it as a number, which has too few digits. */
function fixed64(pbf: PbfReader): bigint {
  const low = BigInt(pbf.readFixed32());
  return (BigInt(pbf.readFixed32()) << 32n) | low;
}
