/*
 * Sessions of two tenants, each with replicas of its server, while files are
 * rewritten, NGINX is reloaded and workers are killed: requests of a session
 * reach the replica that opened it, and none opens for another tenant.
 */

import { call, Connection, end, listen, post } from './client.mjs';
import { gateway, sleep, tenant, until } from './gateway.mjs';
import { random } from './load.mjs';
import { read, serve, stop } from './upstream.mjs';

const TENANTS = ['a', 'b'];
const REPLICAS = 3;

/* connections of each tenant, and sessions of each of them */
const CALLERS = 20;
const SESSIONS = 20;


/* Answers with the session that it was asked in. */
class Replica {

    constructor(name) {
        this.name = name;
        this.own = new Set();
        this.strays = 0;
        this.next = random(name.charCodeAt(0));
    }

    async listen() {
        this.server = await serve((req, res) => {
            read(req, (text) => this.request(req, res, text));
        });
        this.url = `http://127.0.0.1:${this.server.address().port}/mcp`;

        return this;
    }

    request(req, res, text) {
        let session = req.headers['mcp-session-id'];

        if (text && JSON.parse(text).method === 'initialize') {
            session = `${this.name}-${this.own.size}`;
            this.own.add(session);
        }

        /* not 404, which the gateway says; one may be ended again */

        if (!this.own.has(session)) {
            this.strays++;
            res.writeHead(400).end();
            return;
        }

        setTimeout(() => this.answer(req, res, session), this.next() * 5);
    }

    answer(req, res, session) {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1,
                                      result: { session } });

        res.setHeader('Mcp-Session-Id', session);

        if (req.method === 'GET') {
            res.setHeader('Content-Type', 'text/event-stream');
            res.end(`data: ${body}\n\n`);
            return;
        }

        res.setHeader('Content-Type', 'application/json');
        res.end(body);
    }
}


/* One connection at a time, with sessions of its own. */
class Caller {

    constructor(run, tenant, seed) {
        this.run = run;
        this.tenant = tenant;
        this.next = random(seed);
        this.connection = { closed: true };
        this.sessions = [];
        this.done = this.loop();
    }

    async loop() {
        while (this.run.running) {
            await this.step();
        }

        this.connection.close?.();
    }

    async step() {
        const { sessions } = this;
        const kind = this.next();

        if (sessions.length < SESSIONS) {
            await this.open();

        } else if (kind < 0.05) {
            await this.trespass();

        } else if (kind < 0.15) {
            await this.ask(this.any(sessions), listen);

        } else if (kind < 0.2) {
            const at = Math.floor(this.next() * sessions.length);

            await this.ask(sessions.splice(at, 1)[0], end);

        } else {
            await this.ask(this.any(sessions), (one) => call(one, 'where'));
        }
    }

    any(list) {
        return list[Math.floor(this.next() * list.length)];
    }

    async open() {
        const { status, headers, body } = await this.send(
            post(this.tenant, 'initialize', {
                protocolVersion: '2025-11-25', capabilities: {},
                clientInfo: { name: 'soak', version: '1' },
            }));
        const token = headers?.['mcp-session-id'];
        const id = /"session":"([^"]+)"/.exec(body)?.[1];

        this.run.count('opened', status === 200 && token && token !== id
                                 ? 'own' : status);

        if (status === 200) {
            this.sessions.push({ token, id });
        }
    }

    /* In a session of its own; what(tenant) is the request. */
    async ask({ token, id }, what) {
        const { status, headers, body } = await this.send(
            what({ ...this.tenant, session: token }));

        this.run.count(what.name || 'call', status !== 200 ? status
            : body.includes(`"session":"${id}"`)
              && headers['mcp-session-id'] === token ? 'own' : 'mixed');
    }

    /* With the token of a session of another tenant. */
    async trespass() {
        const { tenant, run } = this;
        const other = this.any(run.callers.filter((one) =>
            one.tenant !== tenant && one.sessions.length));
        const what = this.any([listen, end, (one) => call(one, 'where')]);

        if (other) {
            const { status } = await this.send(
                what({ ...tenant, session: this.any(other.sessions).token }));

            run.count('foreign', status === 404 ? 'refused' : status);
        }
    }

    /*
     * An answer, of status 0 when the connection ended without one, and had
     * no right to: see mayEnd().
     */
    async send(text) {
        const { run } = this;

        for ( ;; ) {
            const kills = run.killed.size;

            if (this.connection.closed) {
                this.connection = new Connection(run.gate.port);
            }

            try {
                return await this.connection.request(text);

            } catch (error) {
                if (!this.mayEnd(error, kills)) {
                    return { status: 0 };
                }
            }
        }
    }

    /*
     * With a worker that was killed (nobody knows whose a connection is before
     * its first answer), or idle, with one that a reload has sent away.
     */
    mayEnd({ started }, kills) {
        const { run, connection: { worker, used } } = this;

        if (worker ? run.killed.has(worker) : run.killed.size > kills) {
            run.cut++;

            return true;
        }

        if (used > 1 && !started && run.retired.has(worker)) {
            run.late++;

            return true;
        }

        return false;
    }
}


/* What all callers count. */
class Run {

    constructor(gate) {
        this.gate = gate;
        this.running = true;
        this.requests = 0;
        this.cut = 0;
        this.late = 0;
        this.killed = new Set();
        this.retired = new Set();
        this.outcomes = new Map();
        this.callers = [];
        this.callers.push(...gate.tenants.flatMap((one, i) =>
            Array.from({ length: CALLERS }, (_, j) =>
                new Caller(this, one, 1000 * i + j))));
    }

    count(kind, outcome) {
        const name = `${kind} ${outcome}`;

        this.requests++;
        this.outcomes.set(name, this.of(name) + 1);
    }

    of(name) {
        return this.outcomes.get(name) ?? 0;
    }

    /* Outcomes that are not wanted: [[name, how many]]. */
    faults() {
        return [...this.outcomes].filter(([name]) =>
            !/ own$| refused$/.test(name));
    }

    sum(pattern) {
        return this.faults().filter(([name]) => pattern.test(name))
            .reduce((n, [, more]) => n + more, 0);
    }

    async stop() {
        this.running = false;
        await Promise.all(this.callers.map((one) => one.done));
    }
}


export async function sessions(t) {
    const requests = t.long ? 100000 : 5000;
    const rounds = t.long ? 200 : 12;
    const replicas = await Promise.all(TENANTS.flatMap((id) =>
        Array.from({ length: REPLICAS }, (_, i) =>
            new Replica(`${id}${i}`).listen())));
    const urls = Object.fromEntries(TENANTS.map((id) =>
        [id, replicas.filter(({ name }) => name[0] === id)
            .map(({ url }) => url)]));
    const gate = await gateway('sessions', { url: (id) => urls[id][0] },
        TENANTS.map((id) => tenant(id, { max_concurrent_requests: 1000 })),
        { prepare(one) {
            TENANTS.forEach((id) => one.catalog(id, urls[id]));
        } });

    try {
        const run = new Run(gate);
        const figures = await disturb(run, urls, requests, rounds);

        await run.stop();

        const idle = await gate.idle();
        const strays = replicas.reduce((n, one) => n + one.strays, 0);
        const fewest = Math.min(...replicas.map((one) => one.own.size));
        const faults = run.faults().map(([name, n]) => `${name}: ${n}`);
        const foreign = run.of('foreign refused');

        t.figure('requests', run.requests, `>= ${requests}`);
        t.figure('sessions opened', run.of('opened own'));
        t.figure('fewest sessions opened by a replica', fewest);
        t.figure('GET / DELETE', `${run.of('listen own')} / `
                                 + run.of('end own'));
        t.figure('files rewritten and taken', figures.taken, rounds);
        t.figure('reloads', figures.reloads, rounds / 4);
        t.figure('workers killed', run.killed.size, rounds / 4);
        t.figure('requests on a wrong replica', strays, 0);
        t.figure('answers of another session', run.sum(/ mixed$/), 0);
        t.figure('tokens of another tenant refused', foreign);
        t.figure('tokens of another tenant not refused', run.sum(/^foreign/),
                 0);
        t.figure('requests failed', run.sum(/ \d+$/), 0);
        t.figure('requests repeated, cut by a kill', run.cut);
        t.figure('requests repeated, late for an old worker', run.late);
        t.figure('ms until every gauge was 0', Math.round(idle), '<= 1000');

        t.is(strays, 0, 'each request reaches the replica of its session');
        t.is(faults.join('\n'), '', 'each answer is of its own session, or a '
             + '404 for one of another tenant');
        t.ok(run.requests >= requests && foreign > 0 && fewest > 0,
             'all replicas have sessions, and all tokens were tried');
        t.is(figures.taken, rounds, 'files are taken meanwhile');
        t.ok(idle <= (t.long ? 1000 : 10000), 'every gauge is 0 in the end');
        t.is(gate.alarms(/exited on signal 9/).join('\n'), '',
             'the error log tells of the kills alone');

    } finally {
        await gate.stop();
        replicas.forEach((one) => stop(one.server));
    }
}


/* In even steps, while the callers make that many requests. */
async function disturb(run, urls, requests, rounds) {
    const { gate } = run;
    const figures = { taken: 0, reloads: 0 };

    for (let i = 0; i < rounds && figures.taken === i; i++) {
        await until(600000, () => run.requests >= i / rounds * requests);

        if (await rewrite(gate, urls, i) < Infinity) {
            figures.taken++;
        }

        if (i % 4 === 1) {
            gate.workers().forEach((one) => run.retired.add(one));
            figures.reloads += await gate.reload() < Infinity ? 1 : 0;
        }

        if (i % 4 === 3) {
            const [one] = gate.workers();

            run.killed.add(one);
            process.kill(one, 'SIGKILL');
            await gate.renewed([one]);
        }
    }

    while (run.requests < requests) {
        await sleep(5);
    }

    return figures;
}


/*
 * A limit, or the order of a server's endpoints; milliseconds until that is
 * served.
 */
function rewrite(gate, urls, n) {
    const size = gate.logSize();
    const { id, quotas } = gate.tenants[n % 4 < 2 ? 0 : 1];

    if (n % 2) {
        quotas.max_concurrent_requests++;
        gate.write();

    } else {
        urls[id].push(urls[id].shift());
        gate.catalog(id, urls[id]);
    }

    return until(10000, () =>
        gate.log().slice(size).includes(' serves as generation '));
}
