/*
 * NGINX with the shipped conf/, in a folder of its own, in front of an
 * Upstream; and what one asks of it from outside.
 */

import { readFileSync, readdirSync, readlinkSync, renameSync, rmSync,
         statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeKey, startGateway, writeGateway } from '../interop/gateway.mjs';
import { freePort, repo } from '../interop/processes.mjs';
import { Client, Connection, get } from './client.mjs';

const MODULE = 'modules/ngx_http_mcp_tenant_module.so';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));


/* Waits until what() is true, or gives up after ms; the time it took. */
export async function until(ms, what) {
    const start = performance.now();

    for ( ;; ) {
        const done = await what();
        const time = performance.now() - start;

        if (done) {
            return time;
        }

        if (time > ms) {
            return Infinity;
        }

        await sleep(5);
    }
}


/* A tenant for the file, with a key of its own. */
export function tenant(id, quotas) {
    return { id, quotas, keys: [{ name: 'main', ...makeKey(id, 'main') }],
             get key() { return this.keys[0].key; } };
}


function yaml(tenants) {
    const lines = ['tenants:'];

    for (const { id, keys, quotas, empty } of tenants) {
        lines.push(`  - id: ${id}`);

        if (!empty) {
            lines.push(`    catalog_file: catalogs/${id}.yaml`);
        }

        if (keys.length) {
            lines.push('    api_keys:');
        }

        for (const { name, hash, enabled } of keys) {
            lines.push(`      - key_hash: "${hash}"`, `        name: ${name}`,
                       `        enabled: ${enabled ?? true}`);
        }

        lines.push('    quotas:');

        for (const [quota, value] of Object.entries(quotas)) {
            lines.push(`      ${quota}: ${value}`);
        }
    }

    return `${lines.join('\n')}\n`;
}


class Gateway {

    constructor(name, upstream, tenants, options) {
        this.options = options;
        this.dir = join(repo, 'build/soak', name);
        this.upstream = upstream;
        this.tenants = tenants;
        this.generation = 0;
    }

    async start() {
        const port = await freePort();
        const conf = join(this.dir, 'conf/nginx.conf');

        writeGateway(this.dir, port, this.tenants.map((one) => ({
            ...one, display_name: one.id, servers: [{
                id: 's', display_name: 's', description: 's', tags: ['soak'],
                url: this.upstream.url(one.id),
            }],
        })));

        const module_ = process.env.SOAK_MODULE ?? this.options.module;

        if (module_) {
            rmSync(join(this.dir, MODULE));
            symlinkSync(module_, join(this.dir, MODULE));
        }

        writeFileSync(conf, readFileSync(conf, 'utf8')
            .replace(/worker_processes\s+auto;/,
                     `worker_processes  ${this.options.workers};`)
            .replace(/access_log\s+\S+/, 'access_log /dev/null')
            .replace(/^http \{\n/m, 'http {\n    add_header X-Worker $pid '
                     + 'always;\n    mcp_tenant_log_level info;\n'));
        this.write();
        this.options.prepare?.(this);

        this.port = port;
        this.process = await startGateway(this.dir, port, this.options.env);
        this.operator = new Client(port);

        if (!await this.whole()) {
            throw new Error('NGINX lacks workers');
        }
    }

    /* Whether all workers are there, at last. */
    async whole(ms = 10000) {
        return await until(ms, () =>
            this.workers().length === this.options.workers) < Infinity;
    }

    /* Milliseconds until all workers are there, and none of those. */
    renewed(gone) {
        return until(10000, () => {
            const now = this.workers();

            return now.length === this.options.workers
                   && now.every((pid) => !gone.includes(pid));
        });
    }

    /* The same, of a reload. */
    reload() {
        const before = this.workers();

        process.kill(this.process.child.pid, 'SIGHUP');

        return this.renewed(before);
    }

    /* Replaces tenants.yaml as a careful program does. */
    write(text = yaml(this.tenants), file = 'tenants.yaml') {
        const path = join(this.dir, 'conf', file);

        writeFileSync(`${path}.new`, text);
        renameSync(`${path}.new`, path);

        return performance.now();
    }

    /* Replaces the catalog of a tenant; rules: lines for its server. */
    catalog(id, urls, rules = '') {
        return this.write(`servers:\n  - id: s\n    runtime:\n`
            + `      type: remote\n      urls: [${urls.join(', ')}]\n${rules}`,
            `catalogs/${id}.yaml`);
    }

    text() {
        return yaml(this.tenants);
    }

    /* Processes of this NGINX whose title says what. */
    processes(what) {
        const pid = this.process.child.pid;
        const path = `/proc/${pid}/task/${pid}/children`;

        return readFileSync(path, 'utf8').split(' ').filter(Boolean)
            .map(Number).filter((child) => {
                try {
                    return readFileSync(`/proc/${child}/cmdline`, 'latin1')
                        .replace(/[\0 ]+$/, '') === `nginx: ${what}`;

                } catch {
                    return false;
                }
            });
    }

    workers() {
        return this.processes('worker process');
    }

    loaders() {
        return this.processes('cache manager process');
    }

    async ask(path) {
        for ( ;; ) {
            try {
                const answer = await this.operator.request(get(path));

                if (answer.status !== 200) {
                    throw new Error(`${path}: status ${answer.status}`);
                }

                return answer.body;

            } catch (error) {
                if (error.started === undefined) {
                    throw error;
                }
            }
        }
    }

    /* Values of a metric, by tenant. */
    async metric(name) {
        const lines = (await this.ask('/metrics')).matchAll(
            RegExp(`^${name}(?:\\{tenant="([^"]*)"\\})? (\\d+)$`, 'mg'));

        return new Map([...lines].map(([, id, n]) => [id ?? '', Number(n)]));
    }

    async counter(name) {
        return [...(await this.metric(name)).values()][0];
    }

    async inFlight() {
        const name = 'nginx_mcp_tenant_requests_in_flight';
        const gauges = await this.metric(name);

        if (gauges.size < this.tenants.length) {
            throw new Error('/metrics lacks a tenant');
        }

        return gauges;
    }

    /* Milliseconds until all gauges are 0. */
    idle(ms = 10000) {
        return until(ms, async () =>
            [...(await this.inFlight()).values()].every((n) => n === 0));
    }

    async status() {
        return JSON.parse(await this.ask('/status'));
    }

    log() {
        return readFileSync(join(this.dir, 'logs/error.log'), 'utf8');
    }

    logSize() {
        return statSync(join(this.dir, 'logs/error.log')).size;
    }

    /* What a run without a fault has no reason to say. */
    alarms(expected = /$^/) {
        return this.log().split('\n').filter((line) =>
            / \[(?:error|crit|alert|emerg)\] /.test(line)
            && !expected.test(line));
    }

    async stop() {
        this.operator.close();
        await this.process.stop();
    }
}


/*
 * workers: how many; module: another one than that which was built last; env:
 * more of the environment; prepare: called before NGINX starts.
 */
export async function gateway(name, upstream, tenants, options = {}) {
    const one = new Gateway(name, upstream, tenants,
                            { workers: 2, ...options });

    await one.start();

    return one;
}


/*
 * Memory of a process in KiB, its open files that are no sockets, its mappings
 * of images.
 */
export function usage(pid) {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
    const field = (name) =>
        Number(status.match(RegExp(`^${name}:\\s*(\\d+)`, 'm'))[1]);

    return { pid, rss: field('VmRSS'), own: field('RssAnon'),
             files: openFiles(`/proc/${pid}/fd`),
             images: maps.split('tenants.img').length - 1 };
}


function openFiles(folder) {
    return readdirSync(folder).filter((fd) => {
        try {
            return !readlinkSync(join(folder, fd)).startsWith('socket:');

        } catch {
            return false;
        }
    }).length;
}


/*
 * Asks each worker again and again, on a connection of its own, until all of
 * them answer with that status: the time since start of the last one's first
 * such answer, Infinity when there is one that never did.  A call whose key is
 * revoked meanwhile may be cut.
 */
export async function everywhere(probes, start, text, status, ms = 10000) {
    const times = await Promise.all(probes.map(async (probe) => {
        for ( ;; ) {
            const answer = await probe.request(text).catch(() => null);
            const time = performance.now() - start;

            if (answer?.status === status) {
                return time;
            }

            if (time > ms) {
                return Infinity;
            }

            await sleep(2);
        }
    }));

    return Math.max(...times);
}


/* A connection to that worker, replaced when NGINX has had enough of it. */
export class Probe {

    constructor(port, worker) {
        this.port = port;
        this.worker = worker;
        this.connection = { closed: true };
    }

    async renew() {
        for (let i = 0; i < 200; i++) {
            const one = new Connection(this.port);

            await one.request(get('/'));

            if (one.worker === this.worker) {
                this.connection = one;
                return;
            }

            one.close();
        }

        throw new Error('a worker takes no connections');
    }

    async request(text) {
        if (this.connection.closed) {
            await this.renew();
        }

        return this.connection.request(text);
    }

    close() {
        this.connection.close?.();
    }
}


/* Numbers for a table: median, 99th percentile, greatest. */
export function quantiles(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (q) => sorted[Math.min(sorted.length - 1,
                                      Math.floor(q * sorted.length))];

    return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) };
}
