/*
 * The tenants' MCP server.  It counts from outside what the gateway lets
 * through: the calls of a tenant that are open here at one time.
 *
 * Tools: "wait" answers after arguments.ms; "hold" when somebody says so.
 * GET is a stream of numbered events.
 */

import { createServer } from 'node:http';

/* what a killed worker left open is closed by then */
const FREEZE_MS = 250;


/* Resolves to a server that listens on a port of its own. */
export function serve(handler) {
    const server = createServer(handler);

    /* a test that is busy elsewhere must not look like a dead server */

    server.keepAliveTimeout = 600000;
    server.requestTimeout = 0;
    server.headersTimeout = 0;

    return new Promise((resolve) => {
        server.listen(0, '127.0.0.1', 4096, () => resolve(server));
    });
}


export function stop(server) {
    server.close();
    server.closeAllConnections();
}


/* Calls then() with the body, "" where there is none. */
export function read(req, then) {
    let text = '';

    req.setEncoding('latin1');
    req.on('data', (part) => {
        text += part;
    });
    req.on('end', () => then(text));
}


class Call {

    constructor(upstream, tenant, res) {
        this.upstream = upstream;
        this.tenant = tenant;
        this.res = res;
    }

    /* Counted down before a byte of the answer can reach the gateway. */
    answer() {
        if (this.upstream.frozen.has(this.tenant)) {
            this.upstream.delayed.push(this);
            return;
        }

        this.end();
        this.res.end('{"jsonrpc":"2.0","id":1,"result":{}}');
    }

    end() {
        this.upstream.open(this.tenant).delete(this);
    }
}


export class Upstream {

    constructor() {
        this.calls = new Map();
        this.streams = new Map();
        this.frozen = new Set();
        this.delayed = [];
        this.total = 0;
        this.over = 0;
        this.excused = 0;
        this.aborted = 0;
        this.limit = () => Infinity;
        this.onHold = () => {};
        this.onCall = () => {};
    }

    /* tick: milliseconds between two events of a stream */
    async listen(tick = 50) {
        this.server = await serve((req, res) => this.request(req, res));
        this.port = this.server.address().port;
        this.ticker = setInterval(() => this.tick(), tick);

        return this;
    }

    url(tenant) {
        return `http://127.0.0.1:${this.port}/${tenant}/mcp`;
    }

    open(tenant) {
        let open = this.calls.get(tenant);

        if (!open) {
            open = new Set();
            this.calls.set(tenant, open);
        }

        return open;
    }

    request(req, res) {
        const tenant = req.url.split('/')[1];

        if (req.method === 'GET') {
            this.stream(res);
            return;
        }

        read(req, (text) => {
            this.begin(new Call(this, tenant, res), JSON.parse(text).params);
        });
    }

    begin(call, { name, arguments: args }) {
        const open = this.open(call.tenant);

        if (call.res.destroyed) {
            return;
        }

        call.args = args;
        open.add(call);
        this.total++;
        this.onCall(call, open.size);

        if (open.size > this.limit(call.tenant)) {
            this.suspect(call.tenant);
        }

        call.res.on('close', () => {
            if (open.delete(call)) {
                this.aborted++;
            }
        });

        call.res.setHeader('Content-Type', 'application/json');

        if (name === 'hold') {
            this.onHold(call);

        } else {
            setTimeout(() => call.answer(), args.ms ?? 0);
        }
    }

    /*
     * More calls are open than may be.  The kernel tells of a worker's death
     * a moment before it closes the worker's connections, and they may be
     * reported here after a call that got one of the dead one's slots: those
     * calls have nobody behind them any more, and are not in flight.  So what
     * is open now is kept open until all that is dead has been closed (nobody
     * is killed meanwhile: see settled()).  What is still too much then was
     * too much from the start.
     */
    suspect(tenant) {
        const suspects = [...this.open(tenant)];
        const limit = this.limit(tenant);

        if (this.frozen.has(tenant)) {
            return;
        }

        this.frozen.add(tenant);

        setTimeout(() => {
            const open = this.open(tenant);

            if (suspects.filter((call) => open.has(call)).length > limit) {
                this.over++;

            } else {
                this.excused++;
            }

            this.frozen.delete(tenant);
            this.delayed.splice(0).forEach((call) => call.answer());
        }, FREEZE_MS);
    }

    async settled() {
        while (this.frozen.size) {
            await new Promise((resolve) => setTimeout(resolve, 10));
        }
    }

    stream(res) {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.flushHeaders();
        this.streams.set(res, 0);
        res.on('close', () => this.streams.delete(res));
    }

    tick() {
        for (const [res, n] of this.streams) {
            res.write(`data: ${n}\n\n`);
            this.streams.set(res, n + 1);
        }
    }

    close() {
        clearInterval(this.ticker);
        stop(this.server);
    }
}
