/*
 * HTTP/1.1 clients on sockets of their own: what each connection meets, and
 * which worker serves it, is known; nothing is retried behind one's back.
 */

import { connect } from 'node:net';

const host = '127.0.0.1';


/* Reads one answer after the other; text is latin1, a byte a character. */
class Reader {

    constructor(owner) {
        this.owner = owner;
        this.text = '';
        this.step = this.head;
        this.left = 0;
        this.started = false;
    }

    feed(chunk) {
        this.started = true;
        this.text += chunk.latin1Slice(0, chunk.length);

        while (this.step()) {
            /* void */
        }
    }

    head() {
        const end = this.text.indexOf('\r\n\r\n');

        if (end < 0) {
            return false;
        }

        const [first, ...lines] = this.text.slice(0, end).split('\r\n');
        const headers = {};

        for (const line of lines) {
            const colon = line.indexOf(':');

            headers[line.slice(0, colon).toLowerCase()] =
                line.slice(colon + 1).trim();
        }

        this.text = this.text.slice(end + 4);
        this.closes = headers.connection === 'close';
        this.owner.onHead(Number(first.split(' ')[1]), headers);

        if (headers['transfer-encoding'] === 'chunked') {
            this.step = this.chunkSize;

        } else {
            this.left = Number(headers['content-length'] ?? 0);
            this.step = this.fixed;
        }

        return true;
    }

    fixed() {
        if (!this.take()) {
            return false;
        }

        this.done();

        return false;
    }

    chunkSize() {
        const end = this.text.indexOf('\r\n');

        if (end < 0) {
            return false;
        }

        this.left = parseInt(this.text, 16);
        this.text = this.text.slice(end + 2);
        this.step = this.left ? this.chunk : this.trailer;

        return true;
    }

    chunk() {
        if (!this.take()) {
            return false;
        }

        this.step = this.chunkEnd;

        return true;
    }

    chunkEnd() {
        if (this.text.length < 2) {
            return false;
        }

        this.text = this.text.slice(2);
        this.step = this.chunkSize;

        return true;
    }

    trailer() {
        if (this.text.length >= 2) {
            this.text = this.text.slice(2);
            this.done();
        }

        return false;
    }

    take() {
        const part = this.text.slice(0, this.left);

        this.text = this.text.slice(part.length);
        this.left -= part.length;
        this.owner.onData(part);

        return this.left === 0;
    }

    done() {
        const { closes } = this;

        this.step = this.head;
        this.started = false;
        this.owner.onEnd(closes);
    }
}


/* One connection; one request at a time. */
export class Connection {

    constructor(port) {
        this.port = port;
        this.reader = new Reader(this);
        this.used = 0;
        this.closed = false;
        this.waiting = null;
        this.worker = 0;
        this.socket = connect({ port, host, noDelay: true });
        this.socket.on('data', (chunk) => this.reader.feed(chunk));
        this.socket.on('error', () => {});
        this.socket.on('close', () => this.onClose());
    }

    /*
     * Resolves to {status, headers, body}.  An error tells in "started"
     * whether a byte of an answer had come.
     */
    request(text) {
        return new Promise((resolve, reject) => {
            this.waiting = { resolve, reject };
            this.used++;

            if (this.closed) {
                this.onClose();

            } else {
                this.socket.write(text);
            }
        });
    }

    onHead(status, headers) {
        this.answer = { status, headers, body: '' };
        this.worker = Number(headers['x-worker']);
    }

    onData(part) {
        this.answer.body += part;
    }

    onEnd(closes) {
        const { resolve } = this.waiting;

        this.waiting = null;

        if (closes) {
            this.close();
        }

        resolve(this.answer);
    }

    onClose() {
        this.closed = true;

        if (this.waiting) {
            const { reject } = this.waiting;
            const error = new Error('the connection was closed');

            error.started = this.reader.started;
            this.waiting = null;
            reject(error);
        }
    }

    close() {
        this.closed = true;
        this.socket.destroy();
    }
}


/*
 * Keeps a connection alive as HTTP/1.1 clients do: a request that meets one
 * which was closed while idle, before any answer, goes out again on a new one.
 */
export class Client {

    constructor(port) {
        this.port = port;
        this.connection = null;
        this.retries = 0;
    }

    async request(text) {
        for ( ;; ) {
            if (!this.connection || this.connection.closed) {
                this.connection = new Connection(this.port);
            }

            try {
                return await this.connection.request(text);

            } catch (error) {
                if (this.connection.used === 1 || error.started) {
                    throw error;
                }

                this.retries++;
            }
        }
    }

    close() {
        this.connection?.close();
    }
}


/*
 * An event stream that must neither end nor skip: each event is a number, one
 * more than the one before.
 */
export class Stream {

    constructor(port, text) {
        this.events = 0;
        this.faults = [];
        this.text = '';
        this.closing = false;
        this.reader = new Reader(this);
        this.opened = new Promise((resolve) => {
            this.onOpen = resolve;
        });
        this.socket = connect({ port, host, noDelay: true });
        this.socket.on('data', (chunk) => this.reader.feed(chunk));
        this.socket.on('error', () => {});
        this.socket.on('close', () => this.fault('closed'));
        this.socket.write(text);
    }

    fault(what) {
        if (!this.closing) {
            this.faults.push(what);
        }

        this.onOpen();
    }

    onHead(status, headers) {
        this.worker = Number(headers['x-worker']);

        if (status !== 200) {
            this.fault(`status ${status}`);
        }

        this.onOpen();
    }

    onData(part) {
        this.text += part;

        for ( ;; ) {
            const end = this.text.indexOf('\n\n');

            if (end < 0) {
                return;
            }

            this.onEvent(this.text.slice(0, end));
            this.events++;
            this.text = this.text.slice(end + 2);
        }
    }

    onEvent(text) {
        const number = text.match(/^data: (\d+)$/)?.[1];

        if (Number(number) !== this.events) {
            this.fault(`event ${number} instead of ${this.events}`);
        }
    }

    onEnd() {
        this.fault('ended');
    }

    close() {
        this.closing = true;
        this.socket.destroy();
    }
}


/* n connections to each of the workers. */
export async function connectToAll(port, workers, n) {
    const found = new Map(workers.map((worker) => [worker, []]));
    const spare = [];

    for (let i = 0; i < 200; i++) {
        const tries = Array.from({ length: workers.length },
                                 () => new Connection(port));

        await Promise.all(tries.map((one) => one.request(get('/'))));

        for (const one of tries) {
            const list = found.get(one.worker);

            /* the others stay open for now: a worker that is busy with
               more connections leaves new ones to the rest */

            if (list && list.length < n && !one.closed) {
                list.push(one);

            } else {
                spare.push(one);
            }
        }

        if ([...found.values()].every((list) => list.length === n)) {
            break;
        }
    }

    spare.forEach((one) => one.close());

    if ([...found.values()].some((list) => list.length < n)) {
        throw new Error('a worker takes no connections');
    }

    return [...found.values()];
}


export function get(path, key) {
    return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`
           + (key ? `Authorization: Bearer ${key}\r\n` : '') + '\r\n';
}


/* session: the token of one, where the request is part of it. */
function head(method, { id, key, server = 's', session }) {
    return `${method} /tenant/${id}/servers/${server}/mcp HTTP/1.1\r\n`
           + 'Host: localhost\r\n'
           + `Authorization: Bearer ${key}\r\n`
           + (session ? `Mcp-Session-Id: ${session}\r\n` : '');
}


export function listen(tenant) {
    return `${head('GET', tenant)}Accept: text/event-stream\r\n\r\n`;
}


/* Asks to end a session. */
export function end(tenant) {
    return `${head('DELETE', tenant)}\r\n`;
}


export function post(tenant, method, params) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });

    return head('POST', tenant)
           + 'Accept: application/json, text/event-stream\r\n'
           + 'Content-Type: application/json\r\n'
           + `Content-Length: ${body.length}\r\n\r\n${body}`;
}


/* A call of a tool; what the tool does is told in upstream.mjs. */
export function call(tenant, name, args = {}) {
    return post(tenant, 'tools/call', { name, arguments: args });
}
