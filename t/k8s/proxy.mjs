/*
 * Between a client and the API server of a test cluster, to break what a
 * network breaks:
 *   proxy.mjs SERVER CA CERTIFICATE KEY LOG
 * It ends TLS with CERTIFICATE and passes requests on with the client's own
 * token; a client's certificate does not get through.  The first line on
 * standard output is its port on 127.0.0.1.  LOG gets a line for each request:
 * number, method, path, status, what was done; never a header or a body.
 *
 * Orders are lines of JSON on standard input, each answered by one line:
 *   {"do": "fault", "kind": KIND, ...}   {"fault": NUMBER}
 *   {"do": "heal", "fault": NUMBER}      without a number, all; also accepts
 *   {"do": "count"}     {"total", "writes", "by": {"PATCH services": 2, ...},
 *                        "watches": open now, "faults": {NUMBER: times}}
 *   {"do": "reset"}     counts anew
 * KIND is one of
 *   status   answer "status" (500), with Retry-After of "retryAfter" seconds
 *   cut      close the connection after "bytes" (20) of the answer's body
 *   stall    no more bytes, the connection stays open
 *   half     a watch: half of its next line, then the end
 *   gone     a watch: an ERROR event with code 410, then the end; another
 *            request: status 410, reason Expired
 *   delay    pass on after "ms"
 *   refuse   refuse connections, close those that are open
 * and works on requests for which all that is given is true: "method", "path"
 * (a regular expression, with the query), "watch" (true, false), "continues"
 * (true: has a continue token), "write" (true: changes something), after the
 * first "after" of them, on "percent" (100), evenly, and at most "times".
 * Stall, half and gone work on watches that are open, too.
 */

import { createWriteStream, readFileSync } from 'node:fs';
import https from 'node:https';
import { createInterface } from 'node:readline';

const [server, ca, certificate, key, log] = process.argv.slice(2);

if (log === undefined) {
    console.error('usage: proxy.mjs SERVER CA CERTIFICATE KEY LOG');
    process.exit(2);
}

const upstream = new URL(server);
const agent = new https.Agent({ ca: readFileSync(ca), keepAlive: true });
const lines = createWriteStream(log, { flags: 'a' });
const sockets = new Set();
const watches = new Set();
let faults = [];
let number = 0;
let counts = newCounts();
let port = 0;

const gate = https.createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) }, handle);

gate.keepAliveTimeout = 60000;
gate.requestTimeout = 0;
gate.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
});
gate.on('clientError', (error, socket) => socket.destroy());
gate.on('tlsClientError', () => {});

await listen();
console.log(String(port));

const orders = createInterface({ input: process.stdin });

orders.on('line', async (line) => {
    let answer;

    try {
        answer = await obey(JSON.parse(line));

    } catch (error) {
        answer = { error: error.message };
    }

    console.log(JSON.stringify(answer));
});
orders.on('close', () => process.exit(0));


function newCounts() {
    return { total: 0, writes: 0, by: {}, faults: {} };
}


function listen() {
    return new Promise((resolve, reject) => {
        gate.once('error', reject);
        gate.listen(port, '127.0.0.1', () => {
            port = gate.address().port;
            gate.off('error', reject);
            resolve();
        });
    });
}


/* Orders */

async function obey(order) {
    switch (order.do) {

    case 'fault':
        return { fault: await addFault(order) };

    case 'heal':
        faults = faults.filter((fault) => order.fault !== undefined
                                          && fault.number !== order.fault);

        if (!gate.listening && !faults.some((f) => f.kind === 'refuse')) {
            await listen();
        }

        return {};

    case 'count':
        return { ...counts, watches: watches.size };

    case 'reset':
        counts = newCounts();
        return {};

    default:
        throw new Error(`found ${JSON.stringify(order.do)} as do, expected `
                        + 'fault, heal, count or reset');
    }
}


async function addFault(order) {
    const kinds = ['status', 'cut', 'stall', 'half', 'gone', 'delay',
                   'refuse'];

    if (!kinds.includes(order.kind)) {
        throw new Error(`found ${JSON.stringify(order.kind)} as kind, `
                        + `expected one of ${kinds.join(', ')}`);
    }

    const fault = { percent: 100, times: Infinity, after: 0, ...order, met: 0,
                    number: ++number };

    if (order.path !== undefined) {
        fault.path = new RegExp(order.path);
    }

    faults.push(fault);

    if (fault.kind === 'refuse') {
        await new Promise((resolve) => {
            gate.close(resolve);
            gate.closeAllConnections();

            for (const socket of sockets) {
                socket.destroy();
            }
        });
    }

    for (const watch of [...watches]) {
        if (fault.kind === 'gone' && strikes(fault, watch)) {
            endGone(watch);
        }
    }

    return fault.number;
}


function matches(fault, request) {
    return (fault.method === undefined || fault.method === request.method)
        && (fault.path === undefined || fault.path.test(request.path))
        && (fault.watch === undefined || fault.watch === request.watch)
        && (fault.continues === undefined
            || fault.continues === request.continues)
        && (fault.write === undefined || fault.write === request.write);
}


/* Whether a fault is for this request, which it then counts. */
function strikes(fault, request) {
    if (fault.times <= 0 || !matches(fault, request)) {
        return false;
    }

    if (fault.after > 0) {
        fault.after--;
        return false;
    }

    const before = Math.floor(fault.met * fault.percent / 100);

    fault.met++;

    if (Math.floor(fault.met * fault.percent / 100) === before) {
        return false;
    }

    fault.times--;
    counts.faults[fault.number] = (counts.faults[fault.number] ?? 0) + 1;
    return true;
}


function struck(request, ...kinds) {
    return faults.find((fault) => kinds.includes(fault.kind)
                                  && strikes(fault, request));
}


/* Requests */

function handle(incoming, response) {
    const url = new URL(incoming.url, server);
    const request = {
        number: ++counts.total,
        method: incoming.method,
        path: incoming.url,
        watch: /^(1|true)$/.test(url.searchParams.get('watch') ?? ''),
        continues: url.searchParams.has('continue'),
        write: !['GET', 'HEAD'].includes(incoming.method),
        incoming,
        response,
    };

    count(request, url.pathname);

    const fault = struck(request, 'status', 'delay', 'gone', 'stall', 'cut');

    request.fault = fault;

    switch (fault?.kind) {

    case 'status':
        incoming.resume();
        refuse(request, fault.status ?? 500, 'InternalError',
               fault.retryAfter);
        return;

    case 'gone':
        if (!request.watch) {
            incoming.resume();
            refuse(request, 410, 'Expired');
            return;
        }

        response.writeHead(200, { 'Content-Type': 'application/json' });
        endGone(request);
        write(request, 200);
        return;

    case 'delay':
        setTimeout(pass, fault.ms ?? 1000, request);
        return;

    default:
        pass(request);
    }
}


function count(request, path) {
    const parts = path.split('/').filter((part) => part !== '');
    const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
    const inside = rest[0] === 'namespaces' && rest.length > 2;
    const [kind, , sub] = inside ? rest.slice(2) : rest;
    const method = request.watch ? 'WATCH' : request.method;
    const name = `${method} ${kind ?? path}${sub ? `/${sub}` : ''}`;

    counts.by[name] = (counts.by[name] ?? 0) + 1;

    if (request.write) {
        counts.writes++;
    }
}


function refuse(request, code, reason, retryAfter) {
    const headers = { 'Content-Type': 'application/json' };

    if (retryAfter !== undefined) {
        headers['Retry-After'] = String(retryAfter);
    }

    request.response.writeHead(code, headers);
    request.response.end(JSON.stringify(statusObject(code, reason)));
    write(request, code);
}


function statusObject(code, reason) {
    return {
        kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure',
        message: `the test's proxy says ${code}`, reason, code,
    };
}


function pass(request) {
    const { incoming, response } = request;
    const headers = { ...incoming.headers, host: upstream.host };

    delete headers.connection;

    const outgoing = https.request({
        host: upstream.hostname, port: upstream.port, agent,
        method: incoming.method, path: incoming.url, headers,
    });

    outgoing.on('response', (answer) => passBack(request, answer));
    outgoing.on('error', () => {
        if (response.headersSent) {
            response.destroy();
            return;
        }

        write(request, 0);
        incoming.socket.destroy();
    });
    response.on('close', () => {
        watches.delete(request);
        outgoing.destroy();
    });
    incoming.pipe(outgoing);
}


function passBack(request, answer) {
    const { response } = request;
    const headers = { ...answer.headers };
    const kind = request.fault?.kind;

    delete headers.connection;
    response.writeHead(answer.statusCode, headers);
    write(request, answer.statusCode);

    if (kind === 'stall') {
        response.flushHeaders();
        answer.resume();
        return;
    }

    if (kind === 'cut') {
        passPart(request, answer, request.fault.bytes ?? 20);
        return;
    }

    if (!request.watch || answer.statusCode !== 200) {
        answer.pipe(response);
        answer.on('aborted', () => response.destroy());
        return;
    }

    response.flushHeaders();
    watches.add(request);
    passLines(request, answer);
}


function passPart(request, answer, bytes) {
    let left = bytes;

    const { socket } = request.response;

    answer.on('data', (chunk) => {
        if (left <= 0) {
            return;
        }

        request.response.write(chunk.subarray(0, left), () => {
            if (left <= 0) {
                socket.end();
            }
        });
        left -= chunk.length;
    });
    answer.on('end', () => socket.end());
}


/* A watch goes line by line, so that a fault can come between any two. */
function passLines(request, answer) {
    const { response } = request;
    let rest = Buffer.alloc(0);

    answer.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);

        for (let end; (end = rest.indexOf(10)) >= 0;) {
            const line = rest.subarray(0, end + 1);

            rest = rest.subarray(end + 1);

            if (request.stalled || struck(request, 'stall')) {
                request.stalled = true;
                continue;
            }

            if (struck(request, 'half')) {
                response.end(line.subarray(0, line.length >> 1));
                return;
            }

            if (!response.writableEnded) {
                response.write(line);
            }
        }
    });
    answer.on('end', () => {
        if (!request.stalled) {
            response.end();
        }
    });
    answer.on('aborted', () => response.destroy());
}


function endGone(request) {
    const event = { type: 'ERROR', object: statusObject(410, 'Expired') };

    watches.delete(request);
    request.response.end(`${JSON.stringify(event)}\n`);
}


function write(request, status) {
    lines.write(`${request.number} ${request.method} ${request.path} `
                + `${status} ${request.fault?.kind ?? '-'}\n`);
}
