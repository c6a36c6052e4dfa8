/*
 * Streams with lists among their events, from a server with rules: what the
 * rules hide never passes, all else does, and memory stays flat.
 */

import { listen, Stream } from './client.mjs';
import { gateway, sleep, tenant, until, usage } from './gateway.mjs';
import { serve, stop } from './upstream.mjs';

const STREAMS = 20;

/* milliseconds between two events of a stream */
const TICK = 10;

/* The events in turn: what is sent, or, with hide, what is to arrive. */
const KINDS = [
    (n) => data(n, JSON.stringify({ jsonrpc: '2.0', params: { n },
                                    method: 'notifications/message' })),
    (n, hide) => data(n, JSON.stringify(list(n, n % 7, hide))),
    (n) => `: ping ${n}`,
    (n, hide) => data(n, JSON.stringify(list(n, 9, hide), null, 1)),
    (n, hide) => data(n, JSON.stringify(list(n, 100, hide))),
    (n) => data(n, `text ${n}`),
    (n, hide) => data(n, JSON.stringify([
        list(n, 5, hide), { jsonrpc: '2.0', id: -n, result: {} },
    ])),
    (n, hide) => data(n, JSON.stringify(list(n, 3, hide, 10000))),
];


/* An event, with each line of the text in a line of its own. */
function data(n, text) {
    return `id: ${n}\n${text.replace(/^/mg, 'data: ')}`;
}


/* A list of that many tools, described at that length. */
function list(n, count, hide, length = 20) {
    const tools = Array.from({ length: count }, (_, i) => ({
        name: `${(n + i * i) % 3 ? 'read' : 'drop'}_${n}_${i}`,
        description: '],{}"'.repeat(length / 5),
    }));

    return {
        jsonrpc: '2.0', id: n, result: {
            tools: tools.filter(({ name }) => !hide || /^read/.test(name)),
            cacheScope: hide ? 'private' : 'public',
        },
    };
}


function event(n, hide) {
    return KINDS[n % KINDS.length](n, hide);
}


/* The same text for the same event, however its JSON is laid out. */
function normal(text) {
    const lines = text.split('\n');
    const body = lines.filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5)).join('\n').trim();
    const others = lines.filter((line) => !line.startsWith('data:'));

    return [...others, /^[[{]/.test(body) ? JSON.stringify(JSON.parse(body))
                                          : body].join('\n');
}


class Filtered extends Stream {

    leaks = 0;

    onEvent(text) {
        this.leaks += text.includes('drop_') ? 1 : 0;

        try {
            if (normal(text) === normal(event(this.events, true))) {
                return;
            }

        } catch {
            /* not JSON any more */
        }

        this.fault(`event ${this.events} differs`);
    }
}


/* Sends events on each stream, in pieces, until it is told to end. */
class Source {

    constructor() {
        this.running = true;
        this.sent = 0;
        this.feeds = [];
    }

    async listen() {
        this.server = await serve((req, res) => {
            this.feeds.push(this.feed(res));
        });
        this.port = this.server.address().port;

        return this;
    }

    url() {
        return `http://127.0.0.1:${this.port}/mcp`;
    }

    async feed(res) {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.flushHeaders();

        for (let n = 0; this.running && !res.destroyed; n++) {
            const text = `${event(n, false)}\n\n`;
            const at = n * 31 % text.length;

            res.write(text.slice(0, at));
            await new Promise(setImmediate);
            res.write(text.slice(at));
            this.sent++;

            do {
                await sleep(TICK);
            } while (res.writableNeedDrain && !res.destroyed);
        }
    }

    async stop() {
        this.running = false;
        await Promise.all(this.feeds);
    }
}


export async function filter(t) {
    const ms = t.long ? 600000 : 6000;
    const source = await new Source().listen();
    const one = tenant('t0', { max_concurrent_requests: 1000 });
    const gate = await gateway('filter', source, [one], {
        prepare(gate_) {
            gate_.catalog('t0', [source.url()],
                          '    tools: {deny: ["drop_*"]}\n');
        },
    });
    const streams = [];

    const sum = (field) => streams.reduce((n, stream) => n + stream[field], 0);

    try {
        for (let i = 0; i < STREAMS; i++) {
            streams.push(new Filtered(gate.port, listen(one)));
            await streams[i].opened;
        }

        const workers = gate.workers();

        await sleep(ms / 3);

        const before = workers.map(usage);
        const warm = sum('events');

        await sleep(ms * 2 / 3);

        const after = workers.map(usage);
        const events = sum('events') - warm;
        const grown = Math.max(...after.map(({ own }, i) =>
            own - before[i].own));

        await source.stop();

        const arrived = await until(10000, () =>
            sum('events') === source.sent);
        const faults = streams.flatMap((stream) => stream.faults);
        const limit = t.long ? 1024 : 2048;

        streams.forEach((stream) => {
            stream.leaks += stream.text.includes('drop_') ? 1 : 0;
        });

        t.figure('streams', streams.length);
        t.figure('events sent', source.sent);
        t.figure('events arrived', sum('events'), source.sent);
        t.figure('events that showed what is hidden', sum('leaks'), 0);
        t.figure('events changed or out of order, streams cut', faults.length,
                 0);
        t.figure('KiB of a worker\'s own memory', after[0].own);
        t.figure('KiB grown in one worker', grown, `<= ${limit}`);
        t.figure('events meanwhile', events);

        t.is(sum('leaks'), 0, 'what is hidden never passes');
        t.is(faults.join('\n'), '', 'the rest arrives as it is, in order');
        t.ok(arrived < Infinity && sum('events') > KINDS.length * STREAMS,
             'all of it');
        t.is(gate.workers().join(), workers.join(), 'no worker ends');
        t.ok(grown <= limit, 'memory stays flat');
        t.is(gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        streams.forEach((stream) => stream.close());
        source.running = false;
        await gate.stop();
        stop(source.server);
    }
}
