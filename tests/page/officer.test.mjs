/** The loan officer's page, against a real server with a decision log. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { after, before, describe as suite, test } from 'node:test';
import { POLICY, describe, openBrowser, startServer, testModel, testProgram } from './support.mjs';

const KEYS = { ann: 'key of ann', bob: 'key of bob', eve: 'key of eve' };
const REASONS = [['INCOME', 'Income verified by documents'], ['COLLATERAL', 'Collateral was given']];

suite('the officer’s page', () => {
  let browser, folder, server, eyes, plain, model, application;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'officer-'));
    model = await describe(testModel());
    application = sample(model);
    const everybody = '[policy]\nversion = "test"\nrefer = [0.0001, 0.9999]\n';
    server = await startLog('one', everybody);
    eyes = await startLog('two', everybody, true);
    plain = await startLog('plain', '[policy]\nversion = "plain"\nrefer = [0.4999, 0.5001]\n');
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await Promise.all([server, eyes, plain].map((one) => one?.close()));
    if (folder) rmSync(folder, { recursive: true });
  });

  /** A server with a log and three people, whose model has this policy. */
  async function startLog(name, rules, fourEyes = false) {
    const [policy, model, config] = ['policy.toml', 'model.wasm', 'underwrite.toml'].map((file) => join(folder, `${name}-${file}`));
    writeFileSync(policy, rules);
    execFileSync(testProgram(), ['policy', 'apply', testModel(), '--policy', policy, '--out', model], { stdio: 'ignore' });
    const person = (key, called, role) =>
      `[[decision_log.person]]\nname = "${called}"\nrole = "${role}"\nkey_sha256 = "${createHash('sha256').update(KEYS[key]).digest('hex')}"\n`;
    writeFileSync(config, [
      `[decision_log]\nfolder = "${name}-log"\nfour_eyes = ${fourEyes}\n`,
      ...REASONS.map(([code, text]) => `[[decision_log.reason]]\ncode = "${code}"\ntext = "${text}"\n`),
      person('ann', 'Ann Lee', 'officer'), person('bob', 'Bob Ray', 'reviewer'), person('eve', 'Eve Oh', 'officer'),
    ].join('\n'));
    return startServer(model, ['--config', config, '--api-key', 'program', '--admin-key', 'admin']);
  }

  /** What the model decides about the sample application of `name`, and its record's index. */
  async function ask(url, name, body = application) {
    const headers = { 'content-type': 'application/json', 'x-api-key': 'program', 'x-application-id': name };
    const response = await fetch(`${url}predict`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200, await response.clone().text());
    assert.equal((await response.json()).outcome, 'refer');
    return Number(response.headers.get('x-decision-log').split(';')[0]);
  }

  /** What a person, or another program, tells the server beside the page; the record's index. */
  async function say(url, key, path, body) {
    const headers = { 'content-type': 'application/json', 'x-api-key': key };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.ok(response.ok, await response.clone().text());
    return (await response.json()).index;
  }

  async function open(url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    const requests = [];
    const complaints = [];
    context.on('request', (request) => requests.push(request));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => { if (message.text().includes('Content Security Policy')) complaints.push(message.text()); });
    const response = await page.goto(`${url}officer`);
    await page.locator('#key').waitFor();
    return { context, page, requests, complaints, response };
  }

  async function signIn(url, who, options) {
    const opened = await open(url, options);
    await opened.page.keyboard.type(KEYS[who]);
    await opened.page.keyboard.press('Enter');
    await opened.page.locator('#desk').waitFor();
    return opened;
  }

  /**
   * Keeps what the server answers to the first request of this kind until `release`, which waits until the page has had
   * it; `asked` waits until the server has answered.
   */
  async function hold(page, wanted, method = 'GET') {
    const [asked, freed, ended] = [latch(), latch(), latch()];
    let isHeld = false;
    await page.route(wanted, async (route) => {
      const request = route.request();
      if (isHeld || request.method() !== method) return route.fallback();
      isHeld = true;
      for (const event of ['requestfinished', 'requestfailed']) page.on(event, (one) => { if (one === request) ended.open(); });
      const response = await route.fetch();
      asked.open();
      await freed.opened;
      return route.fulfill({ response });
    });
    const release = async () => {
      freed.open();
      await ended.opened;
      await goneThrough(page);
    };
    return { asked: asked.opened, release };
  }

  /** What the page got before, it has dealt with: another answer has gone the same way. */
  const goneThrough = (page) => page.evaluate(async () => { await (await fetch('icon.svg', { cache: 'no-store' })).text(); });
  const pathname = (path) => (url) => url.pathname === path;

  const row = (page, name) => page.locator('.row', { has: page.locator('.row-name', { hasText: name }) });

  test('it is open without a key, keeps the key in the tab, and sends it as a header alone', async () => {
    const { page, context, requests, complaints, response } = await open(server.url);
    assert.equal(response.headers()['content-security-policy'], POLICY);
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.locator('#sign-in-problem:not(:empty)').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.locator('#key').fill(KEYS.ann);
    await page.keyboard.press('Enter');
    await page.locator('#desk').waitFor();
    assert.match(await page.locator('#session').textContent(), /Ann Lee officer/);
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
    assert.ok(requests.every((request) => !request.url().includes(encodeURIComponent(KEYS.ann)) && !request.url().includes('key')));
    const asked = requests.filter((request) => request.url().includes('/decisions'));
    assert.ok(asked.length > 2);
    await page.reload();
    await page.locator('#desk').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    assert.equal(await page.locator('.row').count(), 0);
    await page.reload();
    await page.locator('#key').waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test('the keyboard alone opens an application, decides it, and goes on', async () => {
    const [first, second] = [await ask(server.url, 'K-1'), await ask(server.url, 'K-2')];
    const { page, context } = await signIn(server.url, 'ann');
    await row(page, 'K-1').focus();
    await page.keyboard.press('Enter');
    await page.locator('#case-heading', { hasText: 'K-1' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'case-heading');
    assert.equal(new URL(page.url()).hash, `#${first}`);
    await page.keyboard.press('d');
    assert.ok(await page.locator('#outcome-decline').isChecked());
    await page.keyboard.press('a');
    assert.ok(await page.locator('#outcome-approve').isChecked());
    await tabTo(page, 'reason');
    await page.keyboard.type('Inc');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Payslips of a year; jad is typed, not obeyed');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.word', { hasText: 'Ann Lee decided to approve: Income verified by documents' }).waitFor();
    assert.match(await page.locator('#announcement').textContent(), /^Recorded: approved, record \d+\.$/);
    assert.match(await page.locator('.history').textContent(), /Payslips of a year; jad is typed, not obeyed/);
    assert.equal(await page.locator('#decide').count(), 0);
    assert.equal(await row(page, 'K-1').count(), 0);
    await page.keyboard.press('j');
    await page.locator('#case-heading', { hasText: 'K-2' }).waitFor();
    assert.equal(new URL(page.url()).hash, `#${second}`);
    await page.keyboard.press('Escape');
    assert.ok(await page.locator('#case').isHidden());
    await context.close();
  });

  test('reasons, rules, fields and the state of the log are shown', async () => {
    const index = await ask(server.url, 'S-1');
    const { page, context } = await signIn(server.url, 'bob');
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-heading', { hasText: 'S-1' }).waitFor();
    assert.match(await page.locator('#log').textContent(), /^The log is running: [\d,]+ records?/);
    assert.match(await page.locator('.effects').textContent(), /[+−]\d/);
    const facts = await page.locator('[aria-labelledby=application-heading] dd').allTextContents();
    assert.equal(facts.length, Object.keys(application).length);
    // A reviewer has the last word, not the first.
    assert.match(await page.locator('[aria-labelledby=decide-heading]').textContent(), /An officer decides\.$/);
    await page.locator('summary', { hasText: 'Notice and performance' }).click();
    await page.getByRole('button', { name: 'Record a notice' }).click();
    await page.locator('.history', { hasText: 'Bob Ray recorded a notice: letter' }).waitFor();
    await page.locator('summary', { hasText: 'Notice and performance' }).click();
    await page.locator('#method').fill('\u202eemail');
    await page.getByRole('button', { name: 'Record a notice' }).click();
    await page.locator('.history', { hasText: 'Bob Ray recorded a notice: \ufffdemail, sent' }).waitFor();
    await context.close();
  });

  test('a model that is no longer available is not taken for one that gave no reasons', async () => {
    const index = await ask(server.url, 'G-1');
    const { page, context } = await signIn(server.url, 'ann');
    const why = page.locator('[aria-labelledby=why-heading]');
    const missing = /no longer available/;
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-heading', { hasText: 'G-1' }).waitFor();
    assert.doesNotMatch(await why.textContent(), missing);
    await page.route(`**/decisions/${index}`, async (route) => {
      const response = await route.fetch();
      const one = await response.json();
      assert.equal(one.model.available, true);
      one.model.available = false;
      await route.fulfill({ response, json: { ...one, reasons: null, explanation: null } });
    });
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}officer#${index}`);
    await why.filter({ hasText: missing }).waitFor();
    assert.doesNotMatch(await why.textContent(), /no reasons on record/);
    await context.close();
  });

  test('a hold that cannot be read is told, and that nobody knows whether there is one', async () => {
    const index = await ask(server.url, 'H-1');
    const { page, context } = await signIn(server.url, 'ann');
    await page.route(`**/decisions/${index}`, async (route) => {
      const response = await route.fetch();
      const one = await response.json();
      const step = { index: 75001, time: one.time, kind: 'unreadable', by: null, role: null, note: null, change: 'hold' };
      await route.fulfill({ response, json: { ...one, hold: null, history: [step] } });
    });
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('.note', { hasText: 'Whether this decision is on hold is not known' }).waitFor();
    await page.locator('.history', { hasText: 'Record 75001, a hold, cannot be read' }).waitFor();
    await context.close();
  });

  test('values that were filled in or changed are told, and marked where they counted', async () => {
    const inputs = model.features.filter(({ name }) => name in application);
    const gap = inputs.find(({ missing, type }) => missing === 'impute' && type !== 'category');
    const beyond = inputs.find(({ out_of_range: policy, maximum, name }) => policy === 'clamp' && maximum !== undefined && name !== gap.name);
    const { [gap.name]: _, ...body } = { ...application, [beyond.name]: beyond.maximum + 1 };
    const index = await ask(server.url, 'V-1', body);
    const { page, context } = await signIn(server.url, 'ann');
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-heading', { hasText: 'V-1' }).waitFor();
    const card = page.locator('[aria-labelledby=application-heading]');
    assert.equal(await card.locator('h3').textContent(), '2 values were filled in or changed');
    const notes = await card.locator('li').allTextContents();
    assert.ok(notes.some((note) => note.startsWith(`${gap.label}: Not given: `)), notes.join());
    assert.ok(notes.some((note) => note.startsWith(`${beyond.label}: `) && note.includes('the highest allowed')), notes.join());
    const rows = await page.locator('.effects tbody tr').evaluateAll((all) =>
      Object.fromEntries(all.map((one) => [one.cells[0].textContent, one.cells[1].querySelector('.caption')?.textContent ?? ''])));
    for (const [label, mark] of Object.entries(rows)) {
      assert.equal(mark, { [gap.label]: 'filled in', [beyond.label]: 'changed' }[label] ?? '', label);
    }
    assert.ok(gap.label in rows || beyond.label in rows);
    await context.close();
  });

  test('a decision without outcome or reason is not sent, and one that came too late is told', async () => {
    const index = await ask(server.url, 'L-1');
    const { page, context } = await signIn(server.url, 'ann');
    await page.goto(`${server.url}officer#${index}`);
    const submit = page.locator('#decide [type=submit]');
    await submit.click();
    assert.equal(await page.locator('#decide-problem').textContent(), 'Choose an outcome: approve or decline.');
    await page.locator('#outcome-approve').check({ force: true });
    await submit.click();
    assert.equal(await page.locator('#decide-problem').textContent(), 'Choose a reason.');
    const headers = { 'content-type': 'application/json', 'x-api-key': KEYS.eve };
    const body = JSON.stringify({ outcome: 'decline', reason: 'COLLATERAL' });
    assert.equal((await fetch(`${server.url}decisions/${index}/override`, { method: 'POST', headers, body })).status, 201);
    await page.locator('#reason').selectOption('INCOME');
    await page.locator('#note').fill('typed with care');
    await submit.click();
    await page.locator('#decide-problem', { hasText: 'decided by a person already' }).waitFor();
    assert.equal(await page.locator('#note').inputValue(), 'typed with care');
    await context.close();
  });

  test('what it sends names the log that it shows, and an address with another log behind it is told', async () => {
    const index = await ask(server.url, 'M-1');
    const shown = await fetch(`${server.url}decisions/${index}`, { headers: { 'x-api-key': KEYS.ann } });
    const { log } = await shown.json();
    assert.match(log, /^underwrite\+[0-9a-f]{8}$/);
    const { page, context, requests } = await signIn(server.url, 'ann');
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#decide').waitFor();
    await page.locator('#outcome-approve').check({ force: true });
    await page.locator('#reason').selectOption('INCOME');
    await page.locator('#decide [type=submit]').click();
    await page.locator('.word', { hasText: 'Ann Lee decided to approve' }).waitFor();
    await page.locator('summary', { hasText: 'Notice and performance' }).click();
    await page.getByRole('button', { name: 'Record a notice' }).click();
    await page.locator('.history', { hasText: 'Ann Lee recorded a notice: letter' }).waitFor();
    const sent = requests.filter((request) => request.method() === 'POST').map((request) => request.postDataJSON().log);
    assert.deepEqual(sent, [log, log]);
    // The next answer comes from another server: the same index is another application there.
    await page.route(`**/decisions/${index}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...await response.json(), log: 'underwrite+00000000' } });
    });
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-problem', { hasText: 'several servers, each with a decision log of its own' }).waitFor();
    assert.equal(await page.locator('#case-body').textContent(), '');
    await context.close();
  });

  test('what the model decided can be decided otherwise, and the page says that this overrides it', async () => {
    const headers = { 'content-type': 'application/json', 'x-api-key': 'program' };
    const response = await fetch(`${plain.url}predict`, { method: 'POST', headers, body: JSON.stringify(application) });
    const { approve } = await response.json();
    const index = Number(response.headers.get('x-decision-log').split(';')[0]);
    const { page, context } = await signIn(plain.url, 'ann');
    await page.goto(`${plain.url}officer#${index}`);
    await page.locator('#decide', { hasText: approve ? 'approved this application' : 'declined this application' }).waitFor();
    await page.locator(approve ? '#outcome-decline' : '#outcome-approve').check({ force: true });
    await page.locator('#reason').selectOption('INCOME');
    await page.getByRole('button', { name: 'Record this decision' }).click();
    await page.locator('.word', { hasText: `Ann Lee decided to ${approve ? 'decline' : 'approve'}` }).waitFor();
    await context.close();
  });

  test('a proposal that cannot be read leaves the other applications in the queue', async () => {
    const [read, unread] = [await ask(eyes.url, 'F-8'), await ask(eyes.url, 'F-9')];
    await say(eyes.url, KEYS.ann, `decisions/${unread}/override`, { outcome: 'decline', reason: 'INCOME' });
    const keys = join(folder, 'two-log', 'keys');
    const key = join(keys, readdirSync(keys).find((name) => name.startsWith('epoch-')));
    // Keys that others can read are not used.
    chmodSync(key, 0o644);
    try {
      const { page, context, complaints } = await signIn(eyes.url, 'eve');
      await page.locator('.row .about', { hasText: 'not all of it can be read' }).first().waitFor();
      assert.ok(await page.locator('.row').count() >= 2, `${read} and ${unread}`);
      assert.equal(await page.locator('#queue-problem').textContent(), '');
      assert.deepEqual(complaints, []);
      await context.close();
    } finally {
      chmodSync(key, 0o600);
    }
  });

  test('two people decide where four eyes are asked for, each in words of their own', async () => {
    const index = await ask(eyes.url, 'F-1');
    const first = await signIn(eyes.url, 'ann');
    await first.page.goto(`${eyes.url}officer#${index}`);
    // Forced, it does not wait until the form is shown.
    await first.page.locator('#decide').waitFor();
    await first.page.locator('#outcome-decline').check({ force: true });
    await first.page.locator('#reason').selectOption('COLLATERAL');
    await first.page.locator('#note').fill('The car is too old');
    await first.page.getByRole('button', { name: 'Propose this decision' }).click();
    await first.page.locator('.word', { hasText: 'Ann Lee proposes to decline' }).waitFor();
    assert.match(await first.page.locator('[aria-labelledby=decide-heading]').textContent(), /Another person has to confirm it/);
    const second = await signIn(eyes.url, 'bob');
    await second.page.goto(`${eyes.url}officer#${index}`);
    await second.page.locator('#decide').waitFor();
    // What was proposed is filled in, but the note.
    assert.ok(await second.page.locator('#outcome-decline').isChecked());
    assert.equal(await second.page.locator('#reason').inputValue(), 'COLLATERAL');
    assert.equal(await second.page.locator('#note').inputValue(), '');
    await second.page.locator('#reason').selectOption('INCOME');
    await second.page.locator('#note').fill('Payslips are of another person');
    await second.page.getByRole('button', { name: 'Confirm or propose' }).click();
    await second.page.locator('#decide').waitFor({ state: 'detached' });
    assert.deepEqual(await second.page.locator('.word').allTextContents(), [
      'Ann Lee proposed to decline: Collateral was given', 'Bob Ray confirmed: Income verified by documents']);
    assert.deepEqual(await second.page.locator('.history li p:not(.caption)').allTextContents(), [
      'Ann Lee proposed to decline: Collateral was given', 'The car is too old',
      'Bob Ray confirmed Ann Lee’s proposal to decline: Income verified by documents', 'Payslips are of another person']);
    await second.page.locator('#state').selectOption({ label: 'Decided' });
    await row(second.page, 'F-1').filter({ hasText: 'by Ann Lee and Bob Ray' }).waitFor();
    await Promise.all([first.context.close(), second.context.close()]);
  });

  test('a long history is shown from its end, and what came before when it is asked for', async () => {
    const index = await ask(server.url, 'H-1');
    for (let day = 1; day <= 230; day++) await say(server.url, KEYS.ann, `decisions/${index}/notice`, { method: `letter ${day}` });
    const { page, context } = await signIn(server.url, 'ann');
    const check = async () => {
      const lines = page.locator('.history li p:not(.caption)');
      assert.equal(await lines.count(), 200);
      assert.match(await lines.last().textContent(), /letter 230,/);
      await page.getByRole('button', { name: 'Show earlier records' }).click();
      await page.locator('.history li', { hasText: 'letter 1,' }).waitFor();
      assert.equal(await lines.count(), 230);
      assert.match(await lines.first().textContent(), /letter 1,/);
      assert.equal(await page.getByRole('button', { name: 'Show earlier records' }).count(), 0);
    };
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-heading', { hasText: 'H-1' }).waitFor();
    await check();
    await context.close();
  });

  test('what a person said and was erased since is neither guessed nor asked for again', async () => {
    const index = await ask(server.url, 'E-1');
    const said = [
      await say(server.url, KEYS.ann, `decisions/${index}/override`, { outcome: 'approve', reason: 'INCOME', note: 'Payslips' }),
      await say(server.url, KEYS.ann, `decisions/${index}/notice`, { method: 'letter' }),
      await say(server.url, KEYS.ann, `decisions/${index}/performance`, { outcome: 'repaid' }),
    ];
    await say(server.url, 'admin', 'log/erase', { indexes: said, because: 'a test', before_term: true });
    const { page, context } = await signIn(server.url, 'ann');
    await page.goto(`${server.url}officer#${index}`);
    await page.locator('#case-heading', { hasText: 'E-1' }).waitFor();
    assert.equal(await page.locator('#decide').count(), 0);
    const left = 'A person decided to approve; who and why was erased';
    assert.equal(await page.locator('.head .badge').textContent(), 'Approved');
    assert.deepEqual(await page.locator('.word').allTextContents(), [left]);
    assert.deepEqual(await page.locator('.history li p:not(.caption)').allTextContents(), [
      left, 'A notice was recorded; by whom and how was erased', 'How the loan fared was recorded; that was erased']);
    await page.locator('#state').selectOption('decided');
    await row(page, 'E-1').filter({ hasText: 'Approved' }).waitFor();
    assert.doesNotMatch(await row(page, 'E-1').textContent(), /null|undefined/);
    await context.close();
  });

  test('the application that was opened last is shown and decided, also where an older answer comes later', async () => {
    const [old, last] = [await ask(eyes.url, 'O-1'), await ask(eyes.url, 'O-2')];
    for (const [index, outcome] of [[old, 'decline'], [last, 'approve']]) await say(eyes.url, KEYS.ann, `decisions/${index}/override`, { outcome, reason: 'INCOME' });
    const { page, context, requests } = await signIn(eyes.url, 'bob');
    await row(page, 'O-2').click();
    await page.locator('#case-heading', { hasText: 'O-2' }).waitFor();
    const held = await hold(page, pathname(`/decisions/${old}`));
    await row(page, 'O-1').click();
    await held.asked;
    // Nothing of the application before is left to be decided, or taken for the one that is being opened.
    assert.equal(await page.locator('#case-body').innerHTML(), '');
    assert.equal(await page.locator('#case-body').getAttribute('aria-busy'), 'true');
    assert.equal(await page.getByRole('region', { name: 'The application is being opened…' }).count(), 1);
    await checkAxe(page);
    await row(page, 'O-2').click();
    await page.locator('#case-heading', { hasText: 'O-2' }).waitFor();
    await held.release();
    assert.equal(await page.locator('#case-heading').textContent(), 'O-2');
    assert.equal(await page.locator('.row[aria-current] .row-name').textContent(), 'O-2');
    assert.ok(await page.locator('#outcome-approve').isChecked());
    assert.equal(await page.locator('#case-body').getAttribute('aria-busy'), 'false');
    assert.equal(await page.locator('#case-waiting').textContent(), '');
    await page.getByRole('button', { name: 'Confirm or propose' }).click();
    await page.locator('.word', { hasText: 'Bob Ray confirmed' }).waitFor();
    assert.deepEqual(requests.filter((request) => request.method() === 'POST').map((request) => new URL(request.url()).pathname),
      [`/decisions/${last}/override`]);
    await context.close();
  });

  test('nothing of an application comes after signing out', async () => {
    const index = await ask(server.url, 'X-1');
    const { page, context } = await signIn(server.url, 'ann');
    await row(page, 'X-1').waitFor();
    const held = [await hold(page, pathname('/decisions')), await hold(page, pathname(`/decisions/${index}`))];
    await page.getByRole('button', { name: 'Refresh' }).click();
    await row(page, 'X-1').click();
    await Promise.all(held.map(({ asked }) => asked));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await Promise.all(held.map(({ release }) => release()));
    assert.ok(await page.locator('#key').isVisible());
    assert.doesNotMatch(await page.locator('body').innerHTML(), /X-1/);
    assert.equal(await page.locator('#case-body').innerHTML(), '');
    await page.locator('#key').fill(KEYS.eve);
    await page.keyboard.press('Enter');
    await page.locator('#case-heading', { hasText: 'X-1' }).waitFor();
    await context.close();
  });

  test('who signs in last is signed in, also where an older key is answered later', async () => {
    const { page, context } = await open(server.url);
    const held = await hold(page, pathname('/decisions/me'));
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await held.asked;
    await page.locator('#key').fill(KEYS.bob);
    await page.keyboard.press('Enter');
    await page.locator('#desk').waitFor();
    await held.release();
    assert.match(await page.locator('#session').textContent(), /Bob Ray reviewer/);
    assert.ok(await page.locator('#desk').isVisible());
    await context.close();
  });

  test('what was recorded or refused after its application was left does not touch the one that is open', async () => {
    const [first, second, third] = [await ask(server.url, 'D-1'), await ask(server.url, 'D-2'), await ask(server.url, 'D-3')];
    const { page, context, requests } = await signIn(server.url, 'ann');
    const fill = async (name) => {
      await row(page, name).click();
      await page.locator('#case-heading', { hasText: name }).waitFor();
      await page.locator('#outcome-approve').check({ force: true });
      await page.locator('#reason').selectOption('INCOME');
    };
    const submit = page.getByRole('button', { name: 'Record this decision' });
    const recorded = await hold(page, pathname(`/decisions/${first}/override`), 'POST');
    await fill('D-1');
    await submit.click();
    await recorded.asked;
    await row(page, 'D-3').click();
    await page.locator('#case-heading', { hasText: 'D-3' }).waitFor();
    await page.locator('#note').fill('typed with care');
    await recorded.release();
    await row(page, 'D-1').waitFor({ state: 'detached' });
    await goneThrough(page);
    assert.equal(await page.locator('#note').inputValue(), 'typed with care');
    assert.equal(requests.filter((request) => request.url().endsWith(`/decisions/${third}`)).length, 1);
    await fill('D-2');
    await say(server.url, KEYS.eve, `decisions/${second}/override`, { outcome: 'decline', reason: 'COLLATERAL' });
    const refused = await hold(page, pathname(`/decisions/${second}/override`), 'POST');
    await submit.click();
    await refused.asked;
    await row(page, 'D-3').click();
    await page.locator('#case-heading', { hasText: 'D-3' }).waitFor();
    await refused.release();
    const problem = page.locator('#left-problem', { hasText: /^D-2: .*decided by a person already/ });
    await problem.waitFor();
    const refreshed = page.waitForResponse((response) => response.url().includes('/decisions?'));
    await page.locator('#refresh').click();
    await refreshed;
    await goneThrough(page);
    assert.equal(await problem.count(), 1);
    assert.equal(await page.locator('#decide-problem').textContent(), '');
    await context.close();
  });

  test('what was sent is not sent again while its answer is waited for', async () => {
    const index = await ask(server.url, 'W-1');
    await ask(server.url, 'W-2');
    const { page, context, requests } = await signIn(server.url, 'ann');
    const open = async (name) => {
      await row(page, name).click();
      await page.locator('#case-heading', { hasText: name }).waitFor();
    };
    const record = async () => {
      await page.locator('summary', { hasText: 'Notice and performance' }).click();
      await page.getByRole('button', { name: 'Record a notice' }).click();
    };
    const path = `/decisions/${index}/notice`;
    const recorded = await hold(page, pathname(path), 'POST');
    await open('W-1');
    await record();
    await recorded.asked;
    await open('W-2');
    await open('W-1');
    await record();
    await page.locator('#notice-problem', { hasText: 'sent already' }).waitFor();
    await recorded.release();
    await page.locator('.history', { hasText: 'Ann Lee recorded a notice: letter' }).waitFor();
    assert.equal(requests.filter((request) => request.method() === 'POST' && request.url().endsWith(path)).length, 1);
    await context.close();
  });

  test('where an answer is lost, the page does not say that nothing was recorded', async () => {
    const index = await ask(server.url, 'N-1');
    const { page, context } = await signIn(server.url, 'ann');
    await row(page, 'N-1').click();
    await page.locator('#decide').waitFor();
    await page.route(pathname(`/decisions/${index}/override`), async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.locator('#outcome-decline').check({ force: true });
    await page.locator('#reason').selectOption('INCOME');
    await page.getByRole('button', { name: 'Record this decision' }).click();
    await page.locator('#decide-problem', { hasText: 'may have recorded this all the same: open the application again' }).waitFor();
    await row(page, 'N-1').click();
    await page.locator('.history', { hasText: 'Ann Lee decided to decline' }).waitFor();
    await context.close();
  });

  test('a proposal waits for nobody once one person decides', async () => {
    const index = await ask(eyes.url, 'W-1');
    await say(eyes.url, KEYS.ann, `decisions/${index}/override`, { outcome: 'approve', reason: 'INCOME' });
    const { page, context } = await open(eyes.url);
    await page.route(pathname('/decisions/me'), async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...await response.json(), four_eyes: false } });
    });
    await page.keyboard.type(KEYS.ann);
    await page.keyboard.press('Enter');
    await row(page, 'W-1').click();
    await page.getByRole('button', { name: 'Record this decision' }).waitFor();
    await context.close();
  });

  test('the queue shows what was chosen last', async () => {
    const index = await ask(server.url, 'Q-1');
    const decided = await ask(server.url, 'Q-2');
    await say(server.url, KEYS.eve, `decisions/${decided}/override`, { outcome: 'approve', reason: 'INCOME' });
    const { page, context } = await signIn(server.url, 'ann');
    await row(page, 'Q-1').waitFor();
    const held = await hold(page, (url) => url.searchParams.get('state') === 'decided');
    await page.locator('#state').selectOption({ label: 'Decided' });
    await held.asked;
    await page.locator('#state').selectOption({ label: 'All' });
    await row(page, 'Q-2').waitFor();
    await held.release();
    assert.equal(await row(page, 'Q-1').count(), 1);
    await row(page, 'Q-1').click();
    assert.equal(new URL(page.url()).hash, `#${index}`);
    await context.close();
  });

  const looks = {
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    'narrow, light': { colorScheme: 'light', viewport: { width: 320, height: 640 } },
    'narrow, dark': { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
    'forced colours': { forcedColors: 'active' },
  };
  for (const [look, options] of Object.entries(looks)) {
    test(`axe finds nothing and nothing sticks out: ${look}`, async () => {
      const index = await ask(server.url, `A-${look}`);
      const { page, context } = await open(server.url, options);
      await checkAxe(page);
      await page.keyboard.type(KEYS.ann);
      await page.keyboard.press('Enter');
      await page.locator('.row').first().waitFor();
      await checkAxe(page);
      await page.goto(`${server.url}officer#${index}`);
      await page.locator('#decide').waitFor();
      await checkAxe(page);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      await context.close();
    });
  }
});

/** The application that the form of the page begins with: each input's default, or the middle of its range. */
function sample({ features }) {
  const inputs = features.filter(({ role, derived }) => role === 'input' && !derived);
  return Object.fromEntries(inputs.map((feature) => [feature.name, valueOf(feature)]));
}

function valueOf({ type, categories, minimum = 0, exclusive_minimum: above, maximum = minimum + 100, example }) {
  if (example !== undefined) return example;
  if (type === 'boolean') return false;
  if (type === 'category') return categories[0].value;
  const middle = ((above ?? minimum) + maximum) / 2;
  return type === 'integer' ? Math.round(middle) : middle;
}

/** `opened` waits for `open`. */
function latch() {
  let open;
  const opened = new Promise((done) => { open = done; });
  return { opened, open };
}

async function tabTo(page, id) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
  }
  assert.fail(`the keyboard does not reach ${id}`);
}

async function checkAxe(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
}
