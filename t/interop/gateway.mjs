/*
 * A gateway to test against: NGINX with the module, run from the files that
 * ship in conf/, in a folder of its own.  Only what a folder of its own needs
 * is changed in nginx.conf; tenants.yaml and the catalogs are written anew.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync }
    from 'node:fs';
import { join } from 'node:path';

import { isTaken, repo, start } from './processes.mjs';

const nginx = process.env.NGINX ?? '/usr/sbin/nginx';
const cli = process.env.MCP_TENANT ?? join(repo, 'build/mcp-tenant');
const module_ = join(repo, 'build/ngx_http_mcp_tenant_module.so');


/* A new key for the tenant: {key, hash}. */
export function makeKey(tenant, name) {
    const text = execFileSync(cli, ['keygen', tenant, '--name', name],
                              { encoding: 'utf8' });
    const key = text.match(/\bmcpt_[0-9A-Za-z]+/)?.[0];
    const hash = text.match(/\bsha256:[0-9a-f]{64}\b/)?.[0];

    if (!key || !hash) {
        throw new Error('mcp-tenant keygen printed no key and hash');
    }

    return { key, hash };
}


function replace(text, what, by) {
    if (!what.test(text)) {
        throw new Error(`conf/nginx.conf: nothing matches ${what}`);
    }

    return text.replace(what, by);
}


function tenantsYaml(tenants) {
    const lines = ['tenants:'];

    for (const { id, display_name, keys, quotas, allowed_origins } of tenants)
    {
        lines.push(`  - id: ${id}`, `    display_name: ${display_name}`,
                   `    namespace: mcp-${id}`,
                   `    catalog_file: catalogs/${id}.yaml`,
                   '    api_keys:');

        for (const { hash, name } of keys) {
            lines.push(`      - key_hash: "${hash}"`, `        name: ${name}`);
        }

        if (allowed_origins) {
            lines.push(`    allowed_origins: [${allowed_origins.join(', ')}]`);
        }

        lines.push('    quotas:');

        for (const [quota, value] of Object.entries(quotas)) {
            lines.push(`      ${quota}: ${value}`);
        }

        lines.push('');
    }

    return lines.join('\n');
}


function catalogYaml(servers) {
    const lines = ['servers:'];

    for (const { id, display_name, description, tags, url, rules = {} }
         of servers)
    {
        lines.push(`  - id: ${id}`, `    display_name: ${display_name}`,
                   `    description: ${description}`,
                   `    tags: [${tags.join(', ')}]`,
                   '    runtime:', '      type: remote',
                   `      url: ${url}`);

        for (const [kind, rule] of Object.entries(rules)) {
            lines.push(`    ${kind}: ${JSON.stringify(rule)}`);
        }

        lines.push('');
    }

    return lines.join('\n');
}


/*
 * Fills the folder.  tenants: [{id, display_name, keys: [{hash, name}],
 * quotas, allowed_origins, servers: [{id, display_name, description, tags,
 * url, rules: {tools, ...}}]}], of which allowed_origins and rules may be
 * missing.  directives: more of them for the http block.  change(text) may
 * return another mcp_tenant.conf.
 */
export function writeGateway(dir, port, tenants, directives = [],
                             change = (text) => text)
{
    const conf = join(dir, 'conf');
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

    rmSync(dir, { recursive: true, force: true });

    for (const folder of ['logs', 'modules', 'temp', 'conf/catalogs']) {
        mkdirSync(join(dir, folder), { recursive: true });
    }

    cpSync(join(repo, 'conf'), conf, {
        recursive: true,
        filter: (source) => !source.includes('/conf/catalogs'),
    });
    symlinkSync(module_, join(dir, 'modules/ngx_http_mcp_tenant_module.so'));

    let text = readFileSync(join(conf, 'nginx.conf'), 'utf8');

    /* As root, workers must still reach a checkout below /root. */
    text = text.replace(/^\s*user\s[^;]*;\n/m, '');
    text = text.replace(/^\s*(pid|error_log)\s[^;]*;\n/mg, '');
    text = (process.getuid() === 0 ? 'user root;\n' : '')
           + 'pid logs/nginx.pid;\nerror_log logs/error.log notice;\n'
           + text;

    text = replace(text, /\blisten\s+\S*8080;/, `listen 127.0.0.1:${port};`);
    text = replace(text, /\baccess_log\s+\S+\s+mcp_tenant_audit;/,
                   'access_log logs/mcp_audit.log mcp_tenant_audit;');
    text = replace(text, /\bmcp_tenant_config\s+\S+;/,
                   `mcp_tenant_config tenants.yaml;`);
    text = text.replace(
        /^\s*#?\s*mcp_tenant_(upstream_allow|state)\s[^;]*;.*\n/mg, '');
    text = replace(text, /^http\s*\{/m,
                   ['http {', 'mcp_tenant_upstream_allow 127.0.0.0/8;',
                    'mcp_tenant_state state;', ...directives,
                    ...temp.map((name) => `${name}_temp_path temp/${name};`),
                   ].join('\n    '));

    writeFileSync(join(conf, 'nginx.conf'), text);

    const locations = join(conf, 'mcp_tenant.conf');

    writeFileSync(locations, change(readFileSync(locations, 'utf8')));
    writeFileSync(join(conf, 'tenants.yaml'), tenantsYaml(tenants));

    for (const { id, servers } of tenants) {
        writeFileSync(join(conf, `catalogs/${id}.yaml`),
                      catalogYaml(servers));
    }
}


/*
 * Starts NGINX in the folder, with more in its environment; resolves when it
 * answers on the port.
 */
export async function startGateway(dir, port, env = {}) {
    const gateway = start(nginx, ['-p', dir, '-c', 'conf/nginx.conf',
                                  '-e', 'logs/error.log',
                                  '-g', 'daemon off;'],
                          { env: { ...process.env, ...env } });
    let ended = false;

    gateway.ended.then(() => {
        ended = true;
    });

    while (!await isTaken(port)) {
        if (ended) {
            throw new Error(`NGINX did not start:\n${gateway.output}`);
        }

        await new Promise((resolve) => setTimeout(resolve, 20));
    }

    gateway.url = (tenant, server) =>
        `http://127.0.0.1:${port}/tenant/${tenant}/servers/${server}/mcp`;
    gateway.base = `http://127.0.0.1:${port}`;
    gateway.errors = () => readFileSync(join(dir, 'logs/error.log'), 'utf8')
        .split('\n').filter((line) => / \[(alert|crit|emerg)\] /.test(line));
    gateway.audit = () =>
        readFileSync(join(dir, 'logs/mcp_audit.log'), 'utf8')
            .split('\n').filter(Boolean).map((line) => JSON.parse(line));

    return gateway;
}


/*
 * What most tests want: two tenants whose servers have the same ids,
 * "everything" and "modern", and the gateway in front of them.
 */
export async function startTwoTenants(dir, port, servers) {
    const ids = ['team-a', 'team-b'];
    const keys = Object.fromEntries(
        ids.map((id) => [id, makeKey(id, 'production')]));

    writeGateway(dir, port, ids.map((id) => ({
        id,
        display_name: id === 'team-a' ? 'Team Alpha' : 'Team Beta',
        keys: [{ hash: keys[id].hash, name: 'production' }],
        quotas: { max_servers: 5, max_concurrent_requests: 100 },
        servers: [{
            id: 'everything',
            display_name: 'Everything',
            description: 'The reference server, with sessions',
            tags: ['reference', 'sessions'],
            url: servers[id].everything.url,
        }, {
            id: 'modern',
            display_name: 'Modern',
            description: 'A server of revision 2026-07-28',
            tags: ['stateless'],
            url: servers[id].modern.url,
        }],
    })));

    const gateway = await startGateway(dir, port);

    gateway.keys = Object.fromEntries(ids.map((id) => [id, keys[id].key]));

    return gateway;
}
