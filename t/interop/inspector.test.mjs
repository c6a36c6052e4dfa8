/* The Inspector's command line: another client that people have. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';

import { fixture } from './fixture.mjs';
import { repo, start } from './processes.mjs';

const { gateway, servers, bearer } = await fixture('inspector');
const options = { timeout: 30000 };
const home = join(repo, 'build/interop/inspector-home');
const program = join(repo, 't/interop/node_modules/@modelcontextprotocol/'
                           + 'inspector/clients/launcher/build/index.js');


/* {code, output} of one command; it keeps files in its home folder. */
async function inspect(url, headers, era, ...args) {
    const command = start(join(repo, 't/interop/node'), [
        program, '--cli', url, '--transport', 'http', '--quiet',
        '--protocol-era', era,
        ...Object.entries(headers)
            .flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
        ...args,
    ], { env: { ...process.env, HOME: home } });

    return { code: await command.ended, output: command.output };
}


/* What the server of team-a was asked, by the gateway's own audit. */
function asked(server) {
    return gateway.audit()
        .filter((line) => line.tenant === 'team-a' && line.server === server)
        .map((line) => line.method);
}


for (const [server, era] of [['everything', 'legacy'], ['everything', 'auto'],
                             ['modern', 'auto'], ['modern', 'modern']])
{
    const url = gateway.url('team-a', server);


    test(`${server}, ${era}: tools are listed as without the gateway`,
         options, async () =>
    {
        const [through, direct] = await Promise.all([
            inspect(url, bearer('team-a'), era, '--method', 'tools/list'),
            inspect(servers['team-a'][server].url, {}, era,
                    '--method', 'tools/list'),
        ]);

        assert.equal(through.code, 0, through.output);
        assert.ok(JSON.parse(through.output).tools.length > 0);
        assert.deepEqual(through, direct);
    });


    test(`${server}, ${era}: a tool call is answered`, options, async () => {
        const { code, output } =
            await inspect(url, bearer('team-a'), era, '--method', 'tools/call',
                          '--tool-name', 'echo', '--tool-arg', 'message=hi');

        assert.equal(code, 0, output);
        assert.match(JSON.parse(output).content[0].text, /^(Echo: )?hi$/);
    });
}


test('a key of another tenant is refused', options, async () => {
    const { code, output } =
        await inspect(gateway.url('team-a', 'modern'), bearer('team-b'),
                      'legacy', '--method', 'tools/list');

    assert.notEqual(code, 0);
    assert.match(output, /"status":403/);
});


test('all went through the gateway, in the era that was asked for', options,
     async () =>
{
    await gateway.stop();

    for (const server of ['everything', 'modern']) {
        const methods = asked(server);

        assert.equal(methods.includes('initialize'), server !== 'modern');
        assert.ok(methods.includes('tools/list'));
        assert.equal(methods.filter((one) => one === 'tools/call').length, 2);
    }
});


test('NGINX logged nothing worse than an error', () => {
    assert.deepEqual(gateway.errors(), []);
});
