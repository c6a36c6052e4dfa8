/* Workers are killed under load: nothing that they held stays taken. */

import { Burst } from './burst.mjs';
import { Client } from './client.mjs';
import { gateway, quantiles, sleep, tenant } from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const TENANTS = 50;
const LIMIT = 4;

/* workers of a round */
const KILLS = 20;

/* one in ten each */
const KINDS = [
    ...Array.from({ length: 8 }, () => ['workers', 'SIGKILL']),
    ['crashed', 'SIGSEGV'],
    ['loaders', 'SIGKILL'],
];


export async function kills(t) {
    const count = t.long ? 500 : 40;
    const upstream = await new Upstream().listen();
    const tenants = Array.from({ length: TENANTS }, (_, i) =>
        tenant(`t${i}`, { max_concurrent_requests: LIMIT }));
    const gate = await gateway('kills', upstream, tenants);

    try {
        upstream.limit = () => LIMIT;

        const idle = [];
        const load = { answers: 0, passed: 0, resets: 0, others: '' };
        const killed = { workers: 0, loaders: 0, crashed: 0 };

        /* each round ends in idleness */

        for (let round = 0; killed.workers < count; round++) {
            if (idle.includes(Infinity)) {
                break;
            }

            const one = new Load(gate.port, tenants, LIMIT + 2, 30);

            await killSome(gate, upstream, random(round), killed);
            await upstream.settled();
            await one.stop();
            idle.push(await gate.idle());

            load.answers += one.total;
            load.passed += one.answers.get(200) ?? 0;
            load.resets += one.resets;
            load.others += one.others(200, 429);
        }

        t.figure('tenants', TENANTS, 50);
        t.figure('workers that SIGKILL ended', killed.workers, `>= ${count}`);
        t.figure('workers that SIGSEGV ended', killed.crashed);
        t.figure('loaders that SIGKILL ended', killed.loaders);
        t.figure('calls answered', load.answers);
        t.figure('calls cut with their worker', load.resets);
        t.figure('most milliseconds until every gauge was 0',
                 Math.round(quantiles(idle).max), '<= 1000');
        t.figure('calls at once over a limit', upstream.over, 0);
        t.figure('calls at once with a dead worker\'s', upstream.excused);

        t.ok(quantiles(idle).max <= (t.long ? 1000 : 10000),
             'every gauge is 0 when nothing runs');
        t.is(load.others, '', 'calls are answered, or limited');
        t.ok(load.passed > count, 'calls passed');
        t.is(upstream.over, 0, 'no tenant had more calls than its limit');

        const reclaimed =
            await gate.counter('nginx_mcp_tenant_reclaimed_total');

        const wrong = await lockedOut(gate, upstream, tenants);

        t.figure('processes reclaimed', reclaimed);
        t.figure('tenants with another limit in the end', wrong.length, 0);

        t.ok(reclaimed > 0 && reclaimed <= killed.workers + killed.crashed,
             'the dead were noticed, none of them twice');
        t.is(wrong.join(', '), '',
             'each tenant has its whole limit, no more and no less');
        t.is(gate.alarms(/exited on signal (?:9|11)/).join('\n'), '',
             'the error log tells of the kills alone');

    } finally {
        await gate.stop();
        upstream.close();
    }
}


/* Counts in killed. */
async function killSome(gate, upstream, next, killed) {
    const enough = killed.workers + KILLS;

    while (killed.workers < enough) {
        await sleep(20 + next() * 150);
        await upstream.settled();

        const [kind, signal] = KINDS[Math.floor(next() * KINDS.length)];
        const pids = kind === 'loaders' ? gate.loaders() : gate.workers();
        const one = pids[Math.floor(next() * pids.length)];

        /* now and then all at once */

        for (const pid of next() < 0.1 ? pids : pids.filter((p) => p === one)) {
            process.kill(pid, signal);
            killed[kind]++;
        }
    }
}


/* Tenants that have another limit than they should, as texts. */
async function lockedOut(gate, upstream, tenants) {
    const burst = new Burst(upstream);
    const wrong = [];

    await gate.whole();

    for (const one of tenants) {
        const clients = Array.from({ length: LIMIT + 2 },
                                   () => new Client(gate.port));
        const { admitted, refused } = await burst.run(one, clients);

        if (admitted !== LIMIT || refused !== 2) {
            wrong.push(`${one.id}: ${admitted} passed`);
        }

        clients.forEach((client) => client.close());
    }

    return wrong;
}
