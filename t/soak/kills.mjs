/* Workers are killed under load: nothing that they held stays taken. */

import { Burst } from './burst.mjs';
import { Client } from './client.mjs';
import { gateway, quantiles, sleep, tenant, until } from './gateway.mjs';
import { Load, random } from './load.mjs';
import { Upstream } from './upstream.mjs';

const TENANTS = 50;
const LIMIT = 4;

/* of a round */
const KILLS = 20;


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
        let killed = 0;

        /* each round ends in idleness */

        for (let round = 0; round < count / KILLS; round++) {
            if (idle.includes(Infinity)) {
                break;
            }

            const one = new Load(gate.port, tenants, LIMIT + 2, 30);

            killed += await killSome(gate, upstream, random(round));
            await upstream.settled();
            await one.stop();
            idle.push(await gate.idle());

            load.answers += one.total;
            load.passed += one.answers.get(200) ?? 0;
            load.resets += one.resets;
            load.others += one.others(200, 429);
        }

        t.figure('workers and loaders killed', killed);
        t.figure('calls answered', load.answers);
        t.figure('calls cut with their worker', load.resets);
        t.figure('most milliseconds until every gauge was 0',
                 Math.round(quantiles(idle).max));
        t.figure('calls at once over a limit', upstream.over);
        t.figure('calls at once with a dead worker\'s', upstream.excused);

        t.ok(quantiles(idle).max <= (t.long ? 1000 : 10000),
             'every gauge is 0 when nothing runs');
        t.is(load.others, '', 'calls are answered, or limited');
        t.ok(load.passed > count, 'calls passed');
        t.is(upstream.over, 0, 'no tenant had more calls than its limit');

        const reclaimed =
            await gate.counter('nginx_mcp_tenant_reclaimed_total');

        t.figure('processes reclaimed', reclaimed);
        t.ok(reclaimed > 0 && reclaimed <= killed,
             'the dead were noticed, none of them twice');
        t.is(await lockedOut(gate, upstream, tenants), '',
             'each tenant has its whole limit, no more and no less');
        t.is(gate.alarms(/exited on signal 9/).join('\n'), '',
             'the error log tells of the kills alone');

    } finally {
        await gate.stop();
        upstream.close();
    }
}


async function killSome(gate, upstream, next) {
    let killed = 0;

    while (killed < KILLS) {
        await sleep(20 + next() * 150);
        await upstream.settled();

        const pids = next() < 0.1 ? gate.loaders() : gate.workers();
        const one = pids[Math.floor(next() * pids.length)];

        /* now and then all at once */

        for (const pid of next() < 0.1 ? pids : pids.filter((p) => p === one)) {
            process.kill(pid, 'SIGKILL');
            killed++;
        }
    }

    return killed;
}


/* Tenants that have another limit than they should, as text. */
async function lockedOut(gate, upstream, tenants) {
    const burst = new Burst(upstream);
    const wrong = [];

    await until(10000, () => gate.workers().length === 2);

    for (const one of tenants) {
        const clients = Array.from({ length: LIMIT + 2 },
                                   () => new Client(gate.port));
        const { admitted, refused } = await burst.run(one, clients);

        if (admitted !== LIMIT || refused !== 2) {
            wrong.push(`${one.id}: ${admitted} passed`);
        }

        clients.forEach((client) => client.close());
    }

    return wrong.join(', ');
}
