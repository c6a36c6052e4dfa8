/*
 * A process of a whole nginx dies at each crash point of the source in turn,
 * under load: nobody waits for it, nothing that it held stays taken, and
 * configurations are still taken up.
 */

import { existsSync, mkdirSync, openSync, readFileSync, readSync, readdirSync,
         writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { makeKey } from '../interop/gateway.mjs';
import { repo } from '../interop/processes.mjs';
import { Burst } from './burst.mjs';
import { Client, call } from './client.mjs';
import { everywhere, gateway, Probe, sleep, tenant, until }
    from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const SOURCE = join(repo, 'ngx_mcp_tenant_module');
const MODULE = join(repo, 'build/crash/ngx_http_mcp_tenant_module.so');

const LIMIT = 3;

/* as many as have a cell of their own, and one that has none */
const CROWD = 65;

/* how long a process may take to meet a point that something leads to */
const PATIENCE = { nothing: 60, death: 400, leave: 400, change: 2000,
                   crowd: 400, reload: 2000 };


/* The points of the source; "broken" ones are in broken builds alone. */
function points() {
    const names = ['.', 'core'].flatMap((folder) =>
        readdirSync(join(SOURCE, folder)).filter((file) => /\.c$/.test(file))
            .flatMap((file) =>
                [...readFileSync(join(SOURCE, folder, file), 'latin1')
                    .matchAll(/\bmcp_crash_point\("([^"]+)"\)/g)]
                    .map((match) => match[1])));

    return [...new Set(names)].filter((name) => !name.endsWith('-broken'));
}


/* The mcp_crash_t of core/mcp_crash.h that the processes share with us. */
class Trap {

    constructor(name) {
        const folder = join(repo, 'build/soak');

        mkdirSync(folder, { recursive: true });
        this.path = join(folder, `${name}.point`);
        writeFileSync(this.path, Buffer.alloc(64));
        this.fd = openSync(this.path, 'r+');
    }

    set(name, countdown) {
        const text = Buffer.alloc(56);

        text.write(name, 'latin1');
        this.put(0, 0);
        writeSync(this.fd, text, 0, text.length, 8);
        this.put(countdown, 0);
    }

    put(countdown, victim) {
        const words = new Uint32Array([countdown, victim]);

        writeSync(this.fd, new Uint8Array(words.buffer), 0, 8, 0);
    }

    off() {
        this.put(0, 0);
    }

    /* Who died, or 0. */
    get victim() {
        const words = new Uint32Array(2);

        readSync(this.fd, new Uint8Array(words.buffer), 0, 8, 0);

        return words[1];
    }
}


/* A gateway whose processes die at points. */
class Crashes {

    static async start(name, workers, seed) {
        const one = new Crashes();

        one.trap = new Trap(name);
        one.next = random(seed);
        one.upstream = await new Upstream().listen();
        one.upstream.limit = (id) => (/^t\d/.test(id) ? LIMIT : Infinity);

        /* limited ones; one without a limit whose rate changes; one to ask */

        one.limited = Array.from({ length: 4 }, (_, i) =>
            tenant(`t${i}`, { max_concurrent_requests: LIMIT }));
        one.rated = tenant('rated', { requests_per_second: 5000, burst: 5000 });
        one.other = tenant('other', { max_concurrent_requests: 1000 });
        one.toggle = { name: 'toggle', ...makeKey('other', 'toggle') };
        one.other.keys.push(one.toggle);
        one.changes = 0;
        one.pending = false;

        one.gate = await gateway(name, one.upstream,
            [...one.limited, one.rated, one.other],
            { workers, module: MODULE,
              env: { MCP_CRASH_FILE: one.trap.path } });
        one.burst = new Burst(one.upstream);

        /* which of the ways led to a point, by its name */

        one.ways = workers === CROWD ? ['nothing', 'crowd', 'death']
                 : ['nothing', 'death', 'leave', 'change', 'reload'];
        one.led = new Map();
        one.figures = { deaths: 0, loaders: 0, answers: 0, resets: 0,
                        shared: 0, idle: 0, enforced: 0, changes: 0 };
        one.wrong = [];
        one.unmet = [];

        return one;
    }

    async stop() {
        await this.gate.stop();
        this.upstream.close();
    }

    /* Something that leads to points which calls alone do not meet. */
    async provoke(way) {
        const { gate } = this;

        await gate.whole();
        await this.upstream.settled();

        const workers = gate.workers();
        const one = workers[Math.floor(this.next() * workers.length)];

        switch (way) {
        case 'death':
            await this.end(one, 'SIGKILL');
            break;

        case 'leave':
            await this.end(one, 'SIGQUIT');
            break;

        case 'crowd':
            for (const pid of this.crowded()) {
                await this.end(pid, 'SIGKILL');
            }

            break;

        case 'change':
            this.change();
            break;

        case 'reload':
            process.kill(gate.process.child.pid, 'SIGHUP');
            await until(10000, () =>
                !gate.workers().some((pid) => workers.includes(pid)));
            break;
        }
    }

    async end(pid, signal) {
        process.kill(pid, signal);
        await this.gone(pid);
    }

    gone(pid) {
        const { gate } = this;

        return until(10000, () =>
            ![...gate.workers(), ...gate.loaders()].includes(pid));
    }

    /* Workers that count in the cell that several share. */
    crowded() {
        const said = this.gate.log().matchAll(
            /\[warn\] (\d+)#.* processes use the zone/g);
        const pids = new Set([...said].map((match) => Number(match[1])));

        return this.gate.workers().filter((pid) => pids.has(pid));
    }

    /* What moves rows, settles a rate anew, and can be seen. */
    change() {
        const { gate, other, toggle, rated } = this;

        this.changes++;
        this.pending = true;
        toggle.enabled = !(toggle.enabled ?? true);
        rated.quotas.requests_per_second = 5000 + this.changes % 1000;
        gate.tenants = [...this.limited, rated, other, {
            id: `passing-${this.changes}`, keys: [], empty: true,
            quotas: { max_concurrent_requests: 1 },
        }];
        this.written = gate.write();
    }

    /* Somebody dies at the point, the countdown-th that meets it. */
    async die(name, countdown) {
        const { trap, led } = this;
        const known = led.get(name);
        const ways = known ? [known, known, known, ...this.ways] : this.ways;

        trap.set(name, known ? countdown : 1);

        for (const way of [...ways, ...ways]) {
            await this.provoke(way);

            if (await until(PATIENCE[way], () => trap.victim) < Infinity) {
                await this.gone(trap.victim);
                trap.off();
                led.set(name, way);
                this.figures.deaths++;

                return true;
            }
        }

        trap.off();

        return false;
    }

    /* One death, and what must be true afterwards; false ends the scenario. */
    async round(name, countdown, change) {
        const { gate, upstream, figures } = this;
        const load = new Load(gate.port, [...this.limited, this.rated],
                              LIMIT + 2, 20);
        const fault = (what) => this.wrong.push(`${name}: ${what}`);

        if (!await this.die(name, countdown)) {
            this.unmet.push(name);
        }

        if (!await gate.whole()) {
            fault('a worker was not replaced');
        }

        const passed = () => load.answers.get(200) ?? 0;
        const before = passed();

        if (await until(10000, () => passed() > before + 20) === Infinity) {
            fault('calls do not go on');
        }

        if (change && !this.pending) {
            this.change();
        }

        if (this.pending) {
            await this.enforced() || fault('a change is not enforced');
        }

        await upstream.settled();
        await load.stop();

        figures.answers += load.total;
        figures.resets += load.resets;

        if (load.others(200, 429)) {
            fault(load.others(200, 429));
        }

        await this.idle() || fault('a gauge is not 0');

        for (const result of await this.inexact()) {
            fault(result);
        }

        return this.wrong.length === 0;
    }

    async enforced() {
        const { gate, figures, toggle } = this;
        const probes = gate.workers().map((pid) => new Probe(gate.port, pid));
        const time = await everywhere(probes, this.written,
            call({ id: 'other', key: toggle.key }, 'wait'),
            toggle.enabled ? 200 : 401);

        probes.forEach((probe) => probe.close());
        this.pending = false;
        figures.changes++;
        figures.enforced = Math.max(figures.enforced, time);

        return time < Infinity;
    }

    /*
     * What one of several in a cell held when it died stays counted while
     * another is left there: see core/mcp_process.h.
     */
    async idle() {
        const { gate, figures } = this;
        const crowd = gate.options.workers === CROWD;
        const time = await gate.idle(crowd ? 2000 : 10000);

        if (time === Infinity && crowd && this.crowded().length) {
            figures.shared++;
            await this.provoke('crowd');

            return await gate.idle() < Infinity;
        }

        figures.idle = Math.max(figures.idle, time);

        return time < Infinity;
    }

    /* Tenants that do not have exactly their limit. */
    async inexact() {
        const { burst, gate } = this;
        const results = await Promise.all(this.limited.map(async (one) => {
            const clients = Array.from({ length: LIMIT + 2 },
                                       () => new Client(gate.port));
            const result = await burst.run(one, clients);

            clients.forEach((client) => client.close());

            return { id: one.id, ...result };
        }));

        await gate.idle();

        return results.filter(({ admitted, refused }) =>
            admitted !== LIMIT || refused !== 2)
            .map(({ id, admitted }) => `${admitted} passed of ${id}`);
    }
}


async function run(name, names, workers, rounds, seed) {
    const one = await Crashes.start(name, workers, seed);

    try {
        let n = 0;

        for (let round = 0; round < rounds; round++) {
            for (const point of names) {
                n++;

                /* 65 workers are too many to ask each */

                if (!await one.round(point, 1 + round % 3,
                                     workers !== CROWD && n % 10 === 0))
                {
                    return one;
                }
            }
        }

        one.alarms = one.gate.alarms(/exited on signal 9/).join('\n');
        one.figures.loaders = one.gate.log().match(
            /cache manager process \d+ exited on signal 9/g)?.length ?? 0;

        return one;

    } finally {
        await one.stop();
    }
}


export async function crashes(t) {
    const rounds = t.long ? 50 : 1;
    const names = points();
    const crowded = names.filter((name) => /overflow|crowd/.test(name));
    const plain = names.filter((name) => !crowded.includes(name));

    if (!existsSync(MODULE) && !process.env.SOAK_MODULE) {
        throw new Error(`${MODULE} is not built: type "make crash-points"`);
    }

    const runs = [await run('crashes', plain, 2, rounds, 11)];

    if (!runs[0].wrong.length) {
        runs.push(await run('crashes-crowd', crowded, CROWD, rounds, 12));
    }

    const sum = (field) =>
        runs.reduce((n, one) => n + one.figures[field], 0);
    const most = (field) =>
        Math.max(...runs.map((one) => one.figures[field]));
    const all = (field) => runs.flatMap((one) => one[field]);
    const over = runs.reduce((n, one) => n + one.upstream.over, 0);

    t.figure('crash points', names.length, 'every one');
    t.figure('deaths at points', sum('deaths'), `${names.length * rounds}`);
    t.figure('of loaders', sum('loaders'));
    t.figure('calls answered', sum('answers'));
    t.figure('calls cut with their worker', sum('resets'));
    t.figure('calls at once over a limit', over, '0');
    t.figure('most milliseconds until every gauge was 0',
             Math.round(most('idle')), '<= 1000');
    t.figure('counts kept by a shared cell until it was free', sum('shared'));
    t.figure('changes enforced', sum('changes'));
    t.figure('most milliseconds until enforced', Math.round(most('enforced')));

    t.is([...new Set(all('unmet'))].join(), '', 'somebody dies at every point');
    t.is(all('wrong').join('\n'), '', 'each death is mended');
    t.ok(most('idle') <= (t.long ? 1000 : 10000), 'within a second');
    t.is(over, 0, 'no tenant had more calls than its limit');
    t.ok(sum('loaders') > 0 && sum('loaders') < sum('deaths'),
         'workers and loaders died');
    t.is(runs.map((one) => one.alarms ?? '').join('').trim(), '',
         'the error log tells of deaths alone');
}
