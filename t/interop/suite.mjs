/*
 * The official conformance suite, run against a server and against the same
 * server behind the gateway, and how its scenarios ended.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync }
    from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeKey, startGateway, writeGateway } from './gateway.mjs';
import { freePort, repo, start, startSuiteServer } from './processes.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = (name) => join(here, 'node_modules', name, 'dist/index.js');
const legacy = program('conformance-0.1');
const current = program('@modelcontextprotocol/conformance');

/* A suite has a limit of its own for a scenario; this one is for all. */
const patience = 120000;

/*
 * What the package lock pins, and how it ends for a server that is right;
 * optional: scenarios of extensions, which no revision requires.
 */
export const suites = [{
    name: '0.1.16',
    command: [legacy, 'server', '--suite', 'all'],
    server: 'sessions',
    scenarios: 32,
    passed: 44,
}, {
    name: '2025-11-25',
    command: [current, 'server', '--requirements', '2025-11-25'],
    server: 'sessions',
    scenarios: 33,
    passed: 84,
}, {
    name: '2026-07-28',
    command: [current, 'server', '--requirements', '2026-07-28'],
    server: 'modern',
    scenarios: 50,
    passed: 164,
    optional: /^tasks-/,
}];


/* One scenario of the revision 2026-07-28, as a suite. */
export function alone(scenario) {
    return {
        name: scenario,
        command: [current, 'server', '--spec-version', '2026-07-28',
                  '--scenario', scenario],
        server: 'modern',
    };
}


/* The servers that the suites call, by kind. */
async function startServers() {
    const kinds = ['sessions', 'modern'];
    const servers = await Promise.all(kinds.map(startSuiteServer));

    return Object.fromEntries(kinds.map((kind, i) => [kind, servers[i]]));
}


/* {urlOf(kind), errors()}: the servers themselves. */
export async function direct() {
    const servers = await startServers();

    return { urlOf: (kind) => servers[kind].url, errors: () => [] };
}


/*
 * {urlOf(kind), errors()}: other ones, behind a gateway in that folder, for
 * one tenant who may do all of it; errors are those that NGINX logged.  The
 * suite brings no key, so another module has proven who it is.  rules: for
 * the catalog; change(text) may return another conf/mcp_tenant.conf.
 */
export async function through(dir, { rules, change } = {}) {
    const id = 'conformance';
    const port = await freePort();
    const servers = await startServers();

    writeGateway(dir, port, [{
        id,
        display_name: 'Conformance',
        keys: [{ hash: makeKey(id, 'unused').hash, name: 'unused' }],
        allowed_origins: [`http://127.0.0.1:${port}`],
        quotas: { max_servers: 2, max_concurrent_requests: 100 },
        servers: Object.entries(servers).map(([kind, { url }]) => ({
            id: kind,
            display_name: kind,
            description: 'A server for the conformance suite',
            tags: ['conformance'],
            url,
            rules,
        })),
    }], [`mcp_tenant_from ${id};`], change);

    const gateway = await startGateway(dir, port);

    return { urlOf: (kind) => gateway.url(id, kind), errors: gateway.errors };
}


function checksIn(dir) {
    const found = new Map();

    for (const entry of readdirSync(dir)) {
        const scenario = entry.match(/^server-(.+)-\d{4}-\d\d-\d\dT/)[1];

        found.set(scenario, JSON.parse(
            readFileSync(join(dir, entry, 'checks.json'), 'utf8')));
    }

    return found;
}


/*
 * Runs a suite against a side; what it writes stays in the folder, and what
 * it says beside it.  Returns a map from the scenarios that ran to their
 * checks.
 */
export async function run({ command, server }, side, dir) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });

    const suite = start(join(here, 'node'),
                        [...command, '--url', side.urlOf(server), '-o', dir]);
    const timer = setTimeout(suite.stop, patience);

    await suite.ended;
    clearTimeout(timer);
    writeFileSync(`${dir}.log`, suite.output);

    return checksIn(dir);
}


function count(checks, status) {
    return checks.filter((check) => check.status === status).length;
}


/* "8 passed, 1 failed": as the suite counts. */
export function summary(checks) {
    if (!checks) {
        return 'did not run';
    }

    const failed = count(checks, 'FAILURE');
    const warned = count(checks, 'WARNING');

    return [`${count(checks, 'SUCCESS')} passed`,
            ...failed ? [`${failed} failed`] : [],
            ...warned ? [`${warned} warned`] : []].join(', ');
}


function told({ id, status, errorMessage }) {
    return `${id}: ${status}${errorMessage ? `, ${errorMessage}` : ''}`;
}


/* What of the first list is not in the second. */
function without(these, those) {
    const left = [...those];

    return these.filter((one) => {
        const i = left.indexOf(one);

        return i < 0 || !left.splice(i, 1);
    });
}


/*
 * How the run of a scenario on a side differs from that direct, a line for
 * each check.
 */
export function differences(scenario, direct, side, there) {
    const runs = [direct.get(scenario), there.get(scenario)];
    const [expected, got] = runs.map((checks) => (checks ?? []).map(told));

    return [
        ...runs[0] ? [] : ['direct: did not run'],
        ...runs[1] ? [] : [`${side}: did not run`],
        ...without(expected, got).map((line) => `direct: ${line}`),
        ...without(got, expected).map((line) => `${side}: ${line}`),
    ];
}


/* What is wrong with a server that the gateway has nothing to do with. */
function doubts(suite, direct) {
    const passed = [...direct.values()]
        .reduce((sum, checks) => sum + count(checks, 'SUCCESS'), 0);
    const failed = [...direct].filter(([scenario, checks]) =>
        count(checks, 'FAILURE') && !suite.optional?.test(scenario));
    const lines = failed.map(([scenario]) => `${scenario} fails direct`);

    if (direct.size !== suite.scenarios || passed !== suite.passed) {
        lines.push(`direct, ${passed} checks passed in ${direct.size} `
                   + `scenarios, expected ${suite.passed} in `
                   + suite.scenarios);
    }

    return lines.map((line) => `${suite.name}: ${line}`);
}


/*
 * All suites on all sides; the folder keeps what suites and gateways wrote.
 * Returns {sides, rows, doubts}: the names of the sides; for each scenario
 * {suite, scenario, ends, wrong}, where ends has a summary for each side and
 * wrong a line for each thing that should not be so; and what else is wrong.
 */
export async function conformance(dir) {
    const all = { allow: ['*'] };
    const rules = { tools: all, prompts: all, resources: all };
    const sides = Object.entries({
        direct: await direct(),
        through: await through(join(dir, 'through')),
        rules: await through(join(dir, 'rules'), { rules }),
    });
    const names = sides.map(([name]) => name);
    const result = { sides: names, rows: [], doubts: [] };

    for (const suite of suites) {
        const runs = await Promise.all(sides.map(([name, side]) =>
            run(suite, side, join(dir, suite.name, name))));
        const scenarios = new Set(runs.flatMap((run) => [...run.keys()]));

        result.doubts.push(...doubts(suite, runs[0]));

        for (const scenario of scenarios) {
            result.rows.push({
                suite: suite.name,
                scenario,
                ends: runs.map((run) => summary(run.get(scenario))),
                wrong: names.slice(1).flatMap((name, i) =>
                    differences(scenario, runs[0], name, runs[i + 1])),
            });
        }
    }

    for (const [name, side] of sides) {
        result.doubts.push(...side.errors().map((line) => `${name}: ${line}`));
    }

    return result;
}
