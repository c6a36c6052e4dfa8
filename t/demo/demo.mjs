/* The story that t/demo/run tells; each step checks what it shows. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startTwoTenants } from '../interop/gateway.mjs';
import { isTaken, repo, startEverything, startModern, stopAll }
    from '../interop/processes.mjs';

const port = Number(process.env.DEMO_PORT || 8080);
const once = process.env.DEMO_ONCE === '1';
const dir = join(repo, 'build/demo');
const base = `http://127.0.0.1:${port}`;
const color = process.stdout.isTTY && !process.env.NO_COLOR;

let env = process.env;
let wrong = 0;

/* What a signal does: before the end of the story, leave at once. */
let stop = () => process.exit(130);


function paint(code, text) {
    return color ? `\x1b[${code}m${text}\x1b[0m` : text;
}


function say(text = '') {
    console.log(text);
}


function heading(text) {
    say();
    say(paint('1', text));
    say(paint('1', '-'.repeat(text.length)));
}


/*
 * Shows a command, runs it, shows what it said.  expected: what its output
 * must match; each that it does not is said, and fails the demo.
 */
function step(command, ...expected) {
    say(paint('36', `$ ${command}`));

    const { stdout, stderr, error } = spawnSync('bash', ['-c', command], {
        cwd: repo, env, encoding: 'utf8', timeout: 30000,
    });
    const output = (stdout + stderr).trimEnd();

    for (const line of output.split('\n')) {
        say(`  ${line}`);
    }

    for (const pattern of expected) {
        if (error || !pattern.test(output)) {
            wrong++;
            say(paint('31', `  WRONG: expected ${pattern}`
                            + (error ? `, got ${error.message}` : '')));
        }
    }

    say();
}


async function serve() {
    const [everythingA, modernA, everythingB, modernB] = await Promise.all([
        startEverything('everything of team-a'), startModern('modern-a'),
        startEverything('everything of team-b'), startModern('modern-b'),
    ]);

    const gateway = await startTwoTenants(dir, port, {
        'team-a': { everything: everythingA, modern: modernA },
        'team-b': { everything: everythingB, modern: modernB },
    });

    const names = { TEAM_A: gateway.keys['team-a'],
                    TEAM_B: gateway.keys['team-b'] };

    writeFileSync(join(dir, 'keys.sh'),
                  Object.entries(names).map(([name, key]) =>
                      `export ${name}=${key}\n`).join(''),
                  { mode: 0o600 });

    env = { ...process.env, ...names };

    return gateway;
}


function show() {
    const servers = (tenant, key) =>
        `curl -s -H "Authorization: Bearer $${key}" `
        + `${base}/tenant/${tenant}/servers`;
    const call = (key, path, args) =>
        `MCP_KEY=$${key} t/interop/node t/demo/call.mjs \\\n      `
        + `${base}${path}/mcp ${args}`;
    const brief = `'.servers[] | {id, status, runtime, tags}'`;

    heading('1. Each tenant lists its own servers');
    step(`${servers('team-a', 'TEAM_A')} | jq .`,
         /"everything"/, /"modern"/, /Team Alpha|team-a/);
    step(`${servers('team-b', 'TEAM_B')} | jq -c ${brief}`,
         /"everything"/, /"modern"/);

    heading('2. An SDK client calls a tool: sessions, up to 2025-11-25');
    step(call('TEAM_A', '/tenant/team-a/servers/everything',
              `echo '{"message": "hello"}'`),
         /with a session/, /Echo: hello/);

    heading('3. The same client: stateless, 2026-07-28, events one by one');
    step(call('TEAM_A', '/tenant/team-a/servers/modern',
              `stream '{"steps": 3}'`),
         /2026-07-28 \(stateless\)/, /1 of 3[^]*3 of 3[^]*3 steps/);

    heading('4. The same server id, the other tenant: another server');
    step(call('TEAM_A', '/tenant/team-a/servers/modern', 'whoami'),
         /modern-a/);
    step(call('TEAM_B', '/tenant/team-b/servers/modern', 'whoami'),
         /modern-b/);

    heading("5. A key is refused on the other tenant's path");
    step(`curl -s -w '\\nHTTP %{http_code}\\n' `
         + `-H "Authorization: Bearer $TEAM_A" \\\n      `
         + `${base}/tenant/team-b/servers`,
         /HTTP 403/);
    step(call('TEAM_A', '/tenant/team-b/servers/modern', 'whoami'),
         /refused/);
    step(`curl -s -w '\\nHTTP %{http_code}\\n' `
         + `${base}/tenant/team-b/servers`,
         /HTTP 401/);

    heading('6. What the operator sees: metrics');
    step(`curl -s ${base}/metrics | grep '^nginx_mcp_tenant_.*requests_total'`,
         /requests_total\{[^}]*tenant="team-a"/,
         /requests_total\{[^}]*tenant="team-b"/);

    heading('7. What the auditor sees: one line for each request');
    step(`tail -n 6 build/demo/logs/mcp_audit.log | jq -c \\\n      `
         + `'{status, decision, reason, tenant, key, server, method, name}'`,
         /"tenant":"team-a"/, /"status":"403"/);
}


function byHand() {
    heading('Try it by hand');
    say(`The gateway listens on ${base}; its files are in build/demo/.`);
    say();

    for (const line of [
        `cd ${repo}`,
        '. build/demo/keys.sh',
        `curl -s -H "X-API-Key: $TEAM_A" ${base}/servers | jq`,
        'MCP_KEY=$TEAM_B t/interop/node t/demo/call.mjs \\',
        `    ${base}/servers/modern/mcp add '{"a": 40, "b": 2}'`,
        `curl -s ${base}/status | jq`,
        'less build/demo/conf/nginx.conf build/demo/conf/tenants.yaml',
        'tail -f build/demo/logs/mcp_audit.log',
    ]) {
        say(paint('36', `  ${line}`));
    }

    say();
}


async function main() {
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
        console.error(`DEMO_PORT=${process.env.DEMO_PORT} is no port,`
                      + ' expected 1 to 65535');
        return 1;
    }

    if (await isTaken(port)) {
        console.error(`Port ${port} of 127.0.0.1 is in use.  Choose another:`
                      + ` DEMO_PORT=${port + 1} make demo`);
        return 1;
    }

    const gateway = await serve();

    show();

    for (const line of gateway.errors()) {
        wrong++;
        say(paint('31', `WRONG: NGINX logged: ${line}`));
    }

    if (once) {
        say(wrong ? `${wrong} wrong` : 'All as expected.');

    } else {
        byHand();
        say('Serving until Ctrl-C.');

        await Promise.race([
            new Promise((resolve) => {
                stop = resolve;
            }),
            gateway.ended.then(() => 'ended'),
        ]).then((why) => {
            if (why === 'ended') {
                wrong++;
                say('NGINX ended by itself: build/demo/logs/error.log');
            }
        });
        say();
        say('Stopping.');
    }

    return wrong ? 1 : 0;
}


for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => stop());
}

try {
    process.exitCode = await main();

} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
}

await stopAll();
