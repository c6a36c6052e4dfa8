/* One tenant sends a hundred times what it may; the others' times. */

import { call, Client } from './client.mjs';
import { gateway, quantiles, sleep, tenant } from './gateway.mjs';
import { start } from '../interop/processes.mjs';
import { Upstream } from './upstream.mjs';

const RATE = 10;


export async function isolation(t) {
    const rounds = t.long ? 20 : 2;
    const upstream = await new Upstream().listen();
    const noisy = tenant('noisy', { requests_per_second: RATE, burst: 10 });
    const quiet = Array.from({ length: 5 }, (_, i) =>
        tenant(`t${i}`, { max_concurrent_requests: 10 }));
    const gate = await gateway('isolation', upstream, [noisy, ...quiet]);
    const calm = [];
    const noise = [];
    const statuses = {};

    const count = (status) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
    };

    try {
        for (let i = 0; i < rounds; i++) {
            calm.push(...await measure(gate, quiet, t, count));

            const other = start(process.execPath,
                [new URL('noise.mjs', import.meta.url).pathname, gate.port,
                 noisy.id, 100 * RATE],
                { env: { ...process.env, KEY: noisy.key } });

            await sleep(300);
            noise.push(...await measure(gate, quiet, t, count));
            await other.stop();

            const seen = JSON.parse(other.output.trim().split('\n').at(-1));

            for (const [status, n] of Object.entries(seen)) {
                const name = `noisy ${status}`;

                statuses[name] = (statuses[name] ?? 0) + n;
            }
        }

        const before = quantiles(calm);
        const after = quantiles(noise);
        const ratio = after.p99 / before.p99;

        t.figure('calls of the others', calm.length + noise.length);
        t.figure('calls of the noisy one, passed', statuses['noisy 200'] ?? 0);
        t.figure('calls of the noisy one, limited', statuses['noisy 429'] ?? 0);
        t.figure('ms of a call, median, calm', before.p50.toFixed(2));
        t.figure('ms of a call, median, noise', after.p50.toFixed(2));
        t.figure('ms of a call, p99, calm', before.p99.toFixed(2));
        t.figure('ms of a call, p99, noise', after.p99.toFixed(2));
        t.figure('p99 with noise / without', ratio.toFixed(2),
                 t.long ? '<= 1.10' : '');

        t.is(Object.keys(statuses).sort().join(), '200,noisy 200,noisy 429',
             'the others pass, the noisy one is limited, nothing fails');

        /* generator, servers and gateway share the processors */

        t.ok(!t.long || ratio <= 1.1, 'the others\' p99 stays within 10 %');
        t.is(gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        await gate.stop();
        upstream.close();
    }
}


/* Milliseconds of each call, of all tenants, for a while. */
async function measure(gate, tenants, t, count) {
    const end = performance.now() + (t.long ? 10000 : 1500);
    const times = [];

    await Promise.all(tenants.map(async (one) => {
        const client = new Client(gate.port);

        while (performance.now() < end) {
            const begin = performance.now();
            const { status } = await client.request(call(one, 'wait'));

            times.push(performance.now() - begin);
            count(status);
            await sleep(2);
        }

        client.close();
    }));

    return times;
}
