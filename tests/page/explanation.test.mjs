/** Why a decision came out as it did, what would change it, and many applications at once; nothing leaves the page. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe as suite, test } from 'node:test';
import { csvLine, decodeUtf8, parseCsv, trim } from '../../web/csv.js';
import { openBrowser, openPage, predict, settled, shownDecision, shownRequest, startServer, startStatic, testModel } from './support.mjs';

/** An application that the sample model declines, and that changes within reach turn. */
const DECLINED = { loan_amnt: '30000', loan_int_rate: '16' };

/** The same values as the bars show them. */
const SHOWN = ['Loan amount30,000 USD', 'Interest rate16%'];

suite('an explanation', () => {
  let browser, server, context, page, requests, complaints;
  before(async () => {
    server = await startServer(testModel());
    browser = await openBrowser();
  });
  beforeEach(async () => { ({ context, page, requests, complaints } = await openPage(browser, server.url, { locale: 'en-US' })); });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('a declined person reads why, applies the nearest way to a yes, and is approved, without a request', async () => {
    await decline();
    const before = requests.length;
    const first = page.locator('.option').first();
    await first.waitFor();
    const wanted = await first.locator('strong').allTextContents();
    await page.getByRole('button', { name: 'Apply option 1' }).click();
    await page.locator('#decision[data-verdict=yes]').waitFor();
    assert.ok(wanted.length >= 1 && wanted.length <= 3, wanted.join());
    await page.getByText('This application is approved: no change is needed.').waitFor();
    const { status, answer } = await predict(server.url, await shownRequest(page));
    assert.deepEqual([status, answer.approve], [200, true]);
    assert.match(await page.locator('#history-verdict').textContent(), /^Approved .+ at first, Approved .+ now\.$/);
    assert.deepEqual(requests.slice(before), []);
  });

  test('the bars add up to what the module says, the greatest first', async () => {
    await decline();
    const shown = await page.locator('#bars .bar-figure').allTextContents();
    const figures = shown.map((text) => Number(text.replace('−', '-')));
    assert.ok(figures.length > 3);
    assert.deepEqual(figures.map(Math.abs), figures.map(Math.abs).sort((a, b) => b - a));
    const pulls = await page.locator('#bars tr').evaluateAll((rows) => rows.map((row) => row.dataset.pull));
    figures.forEach((figure, index) => { if (figure !== 0) assert.equal(pulls[index], figure < 0 ? 'down' : 'up'); });
  });

  test('a frozen field stays as it is in every option', async () => {
    await decline();
    await page.locator('.option').first().waitFor();
    const name = await page.locator('.option .option-name').first().textContent();
    await page.getByRole('checkbox', { name, exact: true }).check();
    await page.waitForFunction((frozen) => {
      const options = document.getElementById('options');
      const names = [...options.querySelectorAll('.option-name')].map(({ textContent }) => textContent);
      return options.dataset.state === 'fine' && !names.includes(frozen);
    }, name);
  });

  test('the decision flips where the page says', async () => {
    const row = page.locator('#flips tr', { hasText: 'declined' }).filter({ hasText: 'from' }).first();
    const label = await row.locator('th').textContent();
    const value = /from ([\d,.]+)/.exec(await row.locator('td').last().textContent())[1];
    await page.getByLabel(label, { exact: true }).first().fill(value);
    await page.locator('#decision[data-verdict=no]').waitFor();
  });

  test('reasons come in each of the model\'s languages', async (t) => {
    await decline();
    const languages = await page.locator('#language option').evaluateAll((options) => options.map(({ value }) => value));
    if (languages.length < 2 || await page.locator('#reasons-list li').count() === 0) return t.skip('the model has one language or no profiles');
    const said = [];
    for (const language of languages) {
      await page.locator('#language').selectOption(language);
      await page.waitForFunction((before) => document.getElementById('reasons-list').textContent !== before, said.at(-1) ?? '');
      said.push(await page.locator('#reasons-list').textContent());
    }
    return assert.equal(new Set(said).size, languages.length);
  });

  // How long that takes is a figure of `cargo xtask bench`, not of a test.
  test('bars and flip points follow every change', async () => {
    await decline();
    const seen = await page.evaluate(async () => {
      const input = document.querySelector('[name=loan_amnt]');
      const shown = () => ['bars', 'flips'].map((id) => document.getElementById(id).textContent);
      const states = [shown()];
      for (let amount = 20000; amount < 20005; amount += 1) {
        input.value = String(amount);
        input.dispatchEvent(new Event('input', { bubbles: true }));
        const [, before] = states.at(-1);
        while (shown()[1] === before) await new Promise((next) => { setTimeout(next); });
        states.push(shown());
      }
      return states.slice(1);
    });
    seen.forEach(([bars, flips], nth) => {
      // Both are those of the value that is in the form.
      const amount = String(20000 + nth);
      for (const text of [bars, flips]) assert.ok(text.replace(/[,.\u00a0\u202f]/g, '').includes(amount), `${amount}: ${text}`);
    });
  });

  test('what an older application was refused for does not take the place of a newer decision', async () => {
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1000);
    // The newer decision is shown, and its explanation does not come yet.
    await page.evaluate(() => {
      const send = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function post(message) { if (message.question === undefined) send.call(this, message); };
    });
    const amount = page.locator('[name=loan_amnt]');
    await amount.fill('many');
    await page.locator('#decision[data-verdict=waiting]').waitFor();
    await page.waitForFunction(() => document.getElementById('answer-heading').textContent === 'Answer, status 422');
    await amount.fill(DECLINED.loan_amnt);
    await page.locator('#decision:not([data-verdict=waiting])').waitFor();
    const shown = await shownDecision(page);
    assert.notEqual(shown.probability, '');
    await page.clock.runFor(10_000);
    assert.deepEqual(await shownDecision(page), shown);
  });

  test('a refused application has no explanation', async () => {
    await page.locator('[name=loan_amnt]').fill('many');
    await settled(page, /^No decision/);
    assert.equal(await page.locator('#explanation').isVisible(), false);
  });

  test('the letter alone is printed', async () => {
    await decline();
    if (await page.locator('#letter-card').isHidden()) return;
    await page.locator('#letter-lender').fill('A Bank\nA Street 1');
    await page.locator('#letter-applicant').fill('A. Person');
    assert.match(await page.locator('#letter').textContent(), /A Bank.*Dear A\. Person.*principal reasons/s);
    await page.evaluate(() => { document.body.dataset.print = 'letter'; });
    await page.emulateMedia({ media: 'print' });
    assert.ok(await page.locator('#letter').isVisible());
    assert.equal(await page.locator('#form').isVisible(), false);
    assert.equal(await page.locator('#why-heading').isVisible(), false);
  });

  test('a CSV is decided row by row in the page, as the server decides', async () => {
    const before = requests.length;
    const lines = (await readFile(new URL('../../data/loan_sample.csv', import.meta.url), 'utf8')).split('\n').slice(0, 1201);
    await page.locator('#batch-file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download the decisions' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'people-decided.csv');
    const [header, ...rows] = parseCsv(await readFile(await download.path(), 'utf8'));
    assert.equal(rows.length, 1200);
    assert.equal(await page.locator('#batch-progress').getAttribute('value'), '1');
    assert.deepEqual(requests.slice(before), []);
    for (const row of [rows[0], rows[600], rows[1199]]) {
      const fields = Object.fromEntries(header.map((name, index) => [name, row[index]]));
      const { decision, probability, rules, problem, adjustments, loan_status: ignored, ...application } = fields;
      const { status, answer } = await predict(server.url, application);
      assert.equal(status, 200, problem);
      assert.equal(adjustments, answer.adjustments.map(({ feature, kind, to }) => `${feature}:${kind}:${to ?? ''}`).join(';'));
      assert.deepEqual([decision, probability], [answer.prediction_label, String(answer.probability)]);
    }
  });

  test('a CSV of something else gets a sentence', async () => {
    await page.locator('#batch-file').setInputFiles({ name: 'other.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') });
    await page.getByText(/^other\.csv has no column of this model/).waitFor();
    assert.ok(await page.locator('#batch-progress').isHidden());
  });

  test('a CSV that has no clear reading is refused with its line', async () => {
    const [header, row] = (await readFile(new URL('../../data/loan_sample.csv', import.meta.url), 'utf8')).split('\n');
    const drop = (...lines) => page.locator('#batch-file')
      .setInputFiles({ name: 'odd.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
    const fields = header.split(',').length;
    await drop(header, row, `${row},5`);
    await page.getByText(`line 3: expected ${fields} fields as in the header, got ${fields + 1}`).waitFor();
    await drop(header, `"${row}`, row);
    await page.getByText('line 2: a quote (") is never closed').waitFor();
    await drop(`${header}, credit_score`, `${row},850`);
    await page.getByText("column 'credit_score': the header names this column twice").waitFor();
    await drop(`${header},decision`, `${row},x`);
    await page.getByText("column 'decision': a column of this name is added").waitFor();
    await page.locator('#batch-file').setInputFiles({
      name: 'odd.csv', mimeType: 'text/csv', buffer: Buffer.concat([Buffer.from(`${header}\n${row}\nJ`), Buffer.from([0xe9]), Buffer.from('\n')]),
    });
    await page.getByText('line 3: the text is not UTF-8: save the file as UTF-8').waitFor();
    assert.ok(await page.locator('#batch-download').isHidden());
    assert.ok(await page.locator('#batch-progress').isHidden(), 'nothing is being decided');
    await drop(header, row);
    await page.getByText(/^1 rows: /).waitFor();
    assert.ok(await page.locator('#batch-progress').isVisible());
    await drop(header);
    await page.getByText('0 rows: none.').waitFor();
    assert.ok(await page.locator('#batch-progress').isHidden());
  });

  test('a CSV with a misspelt or missing column is refused, and others are copied where that is asked for', async () => {
    const [header, row] = (await readFile(new URL('../../data/loan_sample.csv', import.meta.url), 'utf8')).split('\n');
    const drop = (...lines) => page.locator('#batch-file')
      .setInputFiles({ name: 'odd.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
    const copy = page.getByLabel('Copy columns that the model does not know');
    await drop(header.replace('person_income', 'person_incom'), row);
    await page.getByText("odd.csv, column 'person_incom': Unknown field: did you mean 'person_income'?").waitFor();
    await copy.check();
    await page.getByText("odd.csv, column 'person_income': the column is missing").waitFor();
    assert.ok(await page.locator('#batch-download').isHidden());
    assert.ok(await page.locator('#batch-progress').isHidden());
    await drop(`number,${header}`, `7,${row}`);
    await page.getByText(/^1 rows: .+ Not used: number, loan_status\.$/).waitFor();
    await copy.uncheck();
    await page.getByText("odd.csv, column 'number': Unknown field: the model has no feature of this name.").waitFor();
    assert.ok(await page.locator('#batch-download').isHidden());
  });

  test('a number with two readings in the file of a German spreadsheet is asked about', async () => {
    const [header, row] = parseCsv(await readFile(new URL('../../data/loan_sample.csv', import.meta.url), 'utf8'));
    const amount = header.indexOf('loan_amnt');
    const withAmount = (text) => row.map((cell, index) => (index === amount ? text : cell));
    const decide = async (locale, separator) => {
      const { page, context, complaints } = await openPage(browser, server.url, { locale });
      const lines = [header, withAmount('6.500'), withAmount('6500')].map((cells) => cells.join(separator));
      await page.locator('#batch-file').setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
      await page.getByText(/^2 rows: /).waitFor();
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download the decisions' }).click()]);
      const [names, ...rows] = parseCsv(await readFile(await download.path(), 'utf8'));
      await context.close();
      assert.deepEqual(complaints, []);
      return rows.map((cells) => ['decision', 'problem'].map((name) => cells[names.indexOf(name)]));
    };
    const [asked, plain] = await decide('de-DE', ';');
    assert.deepEqual(asked, ['No decision', 'loan_amnt: 6.500 could be two numbers: write 6500 or 6.5000.']);
    assert.notEqual(plain[0], 'No decision');
    // The files of programs have a point before the decimals; so have those of spreadsheets elsewhere.
    for (const [locale, separator] of [['de-DE', ','], ['en-US', ';']]) {
      const answers = await decide(locale, separator);
      assert.ok(answers.every(([, problem]) => !problem.includes('two numbers')), `${locale} ${separator}: ${answers}`);
    }
  });

  test('what is filled in or changed in a CSV is counted and written down', async () => {
    const [header, ...rows] = parseCsv(await readFile(new URL('../../data/loan_sample.csv', import.meta.url), 'utf8'));
    const [odd, plain] = rows.slice(0, 2).map((row) => [...row]);
    odd[header.indexOf('person_income')] = '';
    odd[header.indexOf('person_age')] = '144';
    const buffer = Buffer.from([header, odd, plain].map((cells) => cells.join(',')).join('\n'));
    await page.locator('#batch-file').setInputFiles({ name: 'odd.csv', mimeType: 'text/csv', buffer });
    await page.getByText(/^2 rows: .+ Rows with values that were filled in or changed: 1, see the column adjustments\./).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download the decisions' }).click()]);
    const [names, first, second] = parseCsv(await readFile(await download.path(), 'utf8'));
    const found = [first, second].map((row) => row[names.indexOf('adjustments')]);
    assert.match(found[0], /^person_age:out_of_range:100;person_income:missing:\d+(\.\d+)?(;|$)/);
    assert.equal(found[1], '');
  });

  async function decline() {
    for (const [name, value] of Object.entries(DECLINED)) await page.locator(`[name=${name}]`).fill(value);
    await page.locator('#decision[data-verdict=no]').waitFor();
    // The bars of what was there before are shown until those of both values come.
    for (const value of SHOWN) await page.locator('#bars tr', { hasText: value }).waitFor();
  }
});

test('after the first visit the page works without a network, and asks nobody but its own host', async () => {
  const host = await startStatic(testModel());
  const browser = await openBrowser();
  const { context, page, requests } = await openPage(browser, host.url);
  const online = await shownDecision(page);
  await context.setOffline(true);
  await page.reload();
  await page.locator('#ready').waitFor();
  assert.deepEqual(await shownDecision(page), online);
  assert.ok(requests.every((request) => request.startsWith(`GET ${host.url}`)), requests.join('\n'));
  await browser.close();
  await host.close();
});

test('CSV is read and written as spreadsheets do', () => {
  assert.deepEqual(parseCsv('\ufeffa;"b;""c"""\r\n1;"2\n3"\n\n'), [['a', 'b;"c"'], ['1', '2\n3']]);
  assert.deepEqual(parseCsv('a,b\n,\n'), [['a', 'b'], ['', '']]);
  // As underwrite score ends a row.
  assert.deepEqual(parseCsv('\r\na;b\r1;2\r\r\n3;"4\r"\r'), [['a', 'b'], ['1', '2'], ['3', '4\r']]);
  assert.deepEqual(parseCsv('a\n1\n\n""\n2'), [['a'], ['1'], [''], ['2']]);
  assert.throws(() => parseCsv('a,b\r\n1,2\r\n3\r\n'), /^Error: line 3: expected 2 fields/);
  assert.deepEqual([' a\u0085', '\ufeffa', '\u2003a\u3000'].map(trim), ['a', '\ufeffa', 'a']);
  assert.equal(decodeUtf8(Buffer.from('\ufeffé\n')), '\ufeffé\n');
  const latin = (/** @type {string} */ text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  assert.throws(() => decodeUtf8(latin('a\nb\nJ\xe9r\xf4me\nc\xe9')), /^Error: line 3: the text is not UTF-8: save the file as UTF-8/);
  assert.throws(() => decodeUtf8(latin('a\nb\xc3')), /^Error: line 2: /);
  assert.equal(csvLine(['-2.5e-3', '+.5', '-2+3', '-.5*A1', '+1', '-', '-1 ']), "-2.5e-3,+.5,'-2+3,'-.5*A1,+1,'-,'-1 \n");
  assert.equal(csvLine(['a', 'b,"c"', 0.5, '-1', '=1+1']), 'a,"b,""c""",0.5,-1,\'=1+1\n');
});
