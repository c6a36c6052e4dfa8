/* NGINX is reloaded with clients that keep their connections. */

import { listen, Stream } from './client.mjs';
import { gateway, quantiles, sleep, tenant, until } from './gateway.mjs';
import { Load } from './load.mjs';
import { Upstream } from './upstream.mjs';

/* as many reloads as a stream is kept open for */
const WINDOW = 20;


export async function hups(t) {
    const count = t.long ? 100 : 10;
    const upstream = await new Upstream().listen();
    const tenants = Array.from({ length: 10 }, (_, i) =>
        tenant(`t${i}`, { max_concurrent_requests: 100 }));
    const gate = await gateway('hups', upstream, tenants);
    const streams = [];
    const faults = [];
    const times = [];
    let most = 0;

    const open = async () => {
        const one = new Stream(gate.port, listen(tenants[streams.length
                                                         % tenants.length]));

        await one.opened;
        streams.push(one);
    };

    const close = (one) => {
        faults.push(...one.faults);
        one.close();
    };

    try {
        const load = new Load(gate.port, tenants, 3, 10);

        /* one for the whole time */

        await open();

        const [oldest] = streams.splice(0);

        for (let i = 0; i < count; i++) {
            await open();
            await open();
            times.push(await gate.reload());

            while (streams.length > 2 * WINDOW) {
                close(streams.shift());
            }

            most = Math.max(most, gate.processes(
                'worker process is shutting down').length);

            await sleep(100);
        }

        await load.stop();

        const n = (await gate.inFlight()).values();
        const events = oldest.events;

        t.is([...n].reduce((a, b) => a + b, 0), streams.length + 1,
             'streams in old workers are still counted');

        [oldest, ...streams].forEach(close);

        const idle = await gate.idle();

        t.figure('reloads', times.length, count);
        t.figure('ms until new workers are there, most',
                 Math.round(quantiles(times).max));
        t.figure('calls meanwhile', load.total);
        t.figure('calls failed', load.total - load.answers.get(200)
                                 + load.resets, 0);
        t.figure('calls repeated on a new connection', load.retries);
        t.figure('old workers at one time, most', most);
        t.figure('events of the stream open all the time', events);
        t.figure('streams cut or with a gap', faults.length, 0);
        t.figure('ms until every gauge was 0', Math.round(idle), '<= 1000');

        t.ok(quantiles(times).max < Infinity, 'each reload takes place');
        t.is(load.others(200), '', 'no call fails');
        t.is(load.resets, 0, 'no connection is cut under a call');
        t.is(faults.join(', '), '', 'no stream is cut');
        t.ok(idle <= (t.long ? 1000 : 10000), 'every gauge is 0 in the end');
        t.ok(await until(10000, () => gate.processes(
                 'worker process is shutting down').length === 0) < Infinity,
             'old workers end with their last stream');
        t.is(gate.alarms().join('\n'), '', 'the error log is empty');

    } finally {
        streams.forEach((one) => one.close());
        await gate.stop();
        upstream.close();
    }
}
